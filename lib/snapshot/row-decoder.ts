import type { NativeSnapshotRows } from '../binding/native.js';
import type { Catalog } from '../decode/catalog.js';
import type { FrameBuffer } from '../decode/frame-buffer.js';
import { frameLayout } from '../decode/frames.js';
import { RowtapError } from '../errors/rowtap-error.js';
import type { Change, Positioned } from '../model/change.js';
import type { IntegerMode } from '../model/value.js';

const { headerSize, offsetRowidAfter } = frameLayout;
const beforeSizeWord = frameLayout.offsetBeforeSize >> 2;
const afterSizeWord = frameLayout.offsetAfterSize >> 2;

/** What the rows of one table's scan have in common. */
export interface RowContext {
  table: string;
  tableId: number;
  position: Omit<Positioned, 'index'>;
  catalog: Catalog;
  integers: IntegerMode;
  /** Told of every row that could not be decoded; a GapEvent has taken its place. */
  onCorrupt(error: RowtapError, table: string): void;
}

/**
 * Reads the next frames of a scan and appends their rows to `out`, counted on from `index`; gives how many, 0 at the end. By the same readers as
 * changes, so that a row reads the same wherever it comes from.
 */
export function readRows(rows: NativeSnapshotRows, frames: FrameBuffer, context: RowContext, index: number, out: Change[]): number {
  const length = frames.fill((target) => rows.read(target));
  const { words } = frames;
  const { table, position, catalog } = context;
  let count = 0;
  for (let at = 0; at < length; ++count) {
    const word = at >> 2;
    const size = (words[word] as number) >>> 0;
    if (size < headerSize || at + size > length) throw new RowtapError('ROWTAP_CAPTURE_LOST', { lsn: position.lsn });
    try {
      const reader = catalog.reader(context.tableId, context.integers);
      const start = at + headerSize + ((words[word + beforeSizeWord] as number) >>> 0);
      const after = reader.image(frames, frames.textOf(at), start, (words[word + afterSizeWord] as number) >>> 0, at + offsetRowidAfter);
      const key = reader.key(after);
      out.push({
        source: position.source,
        lsn: position.lsn,
        index: index + count,
        time: position.time,
        op: 'snapshot',
        table,
        key,
        before: null,
        after,
        indirect: false,
        last: false,
      });
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      const place = { lsn: position.lsn, index: index + count };
      context.onCorrupt(new RowtapError('ROWTAP_CORRUPT_ROW', { table, reason, ...place }, { cause }), table);
      out.push({
        source: position.source,
        ...place,
        time: position.time,
        op: 'gap',
        reason: 'history-changed',
        table: null,
        before: null,
        after: null,
      });
    }
    at += size;
  }
  return count;
}
