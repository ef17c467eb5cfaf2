import { createHash } from 'node:crypto';
import { RowtapError } from '../errors/rowtap-error.js';
import type { StoredPosition } from './position-table.js';
import type { SourceTable } from './source-table.js';

/*
 * SQLite gives a new row the greatest id that is there plus one, unless the table is declared AUTOINCREMENT. So a row can get an id that was
 * processed before, and would be passed over, once the row with the greatest id has been deleted. As long as the row at the position is there,
 * no id up to it can be given out again. That it is the same row, and not another one with its id, is told by its content.
 */

/** What the row at a position looks like: its id, its table's definition and its content, the last two hashed. */
export function traceRow(source: SourceTable, id: number): string {
  const row = source.readRow(id);
  return [id, hashText(source.definition()), row === undefined ? '-' : hashRow(row)].join(' ');
}

/** What is to be kept beside a position, so that `requireNoReuse` can compare it; null where it has no use. */
export function traceForReuse(source: SourceTable | undefined, position: number): string | null {
  if (source === undefined || source.greatestEver() !== undefined) return null;
  return traceRow(source, position);
}

/** In the transaction that `stored` was read in. Throws ROWTAP_IDS_REUSED where ids up to the position may have been given out again. */
export function requireNoReuse(name: string, source: SourceTable | undefined, stored: StoredPosition, readMax: () => number | null): void {
  const { position } = stored;
  if (position <= 0) return;
  const refuse = (reason: string): RowtapError =>
    new RowtapError('ROWTAP_IDS_REUSED', { name, table: source?.table ?? 'the source table', position, reason });
  const greatest = source?.greatestEver();
  if (greatest !== undefined) {
    if (greatest < position) throw refuse(`SQLite counts its ids from ${greatest} again`);
    return;
  }
  const [id, definition, content] = stored.lastRow?.split(' ') ?? [];
  if (source === undefined || Number(id) !== position) {
    const max = readMax();
    if (max === null || max < position) throw refuse(`its greatest id is ${max ?? 'none'} now`);
    return;
  }
  const [, definitionNow, contentNow] = traceRow(source, position).split(' ');
  if (contentNow === '-') throw refuse(`row ${position} was deleted`);
  // After ALTER TABLE the content can't be compared.
  if (definitionNow === definition && contentNow !== content) throw refuse(`row ${position} is not the row that was processed`);
}

/** Values of different types or lengths never read the same. */
function hashRow(row: readonly unknown[]): string {
  const hashed = createHash('sha256');
  for (const value of row) {
    const content = value instanceof Uint8Array ? value : String(value);
    hashed.update(`${value === null ? 'null' : typeof value} ${content.length} `).update(content);
  }
  return hashed.digest('base64url');
}

function hashText(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}
