import type { Change } from '../../model/change.js';

/** One line for one change or event, without the line's end. */
export type ChangeFormat = (change: Change) => string;

/** Texts are gathered to pieces of about this size: a batch may be larger than the longest string. */
const pieceLength = 64 * 1024;

/** All lines, each with its end, as bytes. */
export function linesOf(changes: readonly Change[], format: ChangeFormat): Buffer[] {
  const pieces: Buffer[] = [];
  let gathered = '';
  for (const change of changes) {
    gathered += `${format(change)}\n`;
    if (gathered.length < pieceLength) continue;
    pieces.push(Buffer.from(gathered));
    gathered = '';
  }
  if (gathered !== '') pieces.push(Buffer.from(gathered));
  return pieces;
}
