import { createHash } from 'node:crypto';
import { RowtapError } from '../errors/rowtap-error.js';
import type { CatchupDatabase } from './database.js';
import type { StoredPosition } from './position-table.js';
import { definitionOf, greatestEver, readRow, type SourceTable } from './source-table.js';

/*
 * SQLite gives a new row the greatest id that is there plus one, unless the table is declared AUTOINCREMENT. So a row can get an id that was
 * processed before, and would be passed over, once the row with the greatest id has been deleted. As long as the row at the position is there,
 * no id up to it can be given out again. That it is the same row, and not another one with its id, is told by its content.
 */

/** What the row at a position looks like: its id, its table's definition and its content, the last two hashed. */
export function traceRow(database: CatchupDatabase, source: SourceTable, id: number): string {
  const row = readRow(database, source, id);
  return [id, hash(definitionOf(database, source)), row === undefined ? '-' : hash(describe(row))].join(' ');
}

/** What is to be kept beside a position, so that `requireNoReuse` can compare it; null where it has no use. */
export function traceForReuse(database: CatchupDatabase, source: SourceTable | undefined, position: number): string | null {
  if (source === undefined || greatestEver(database, source) !== undefined) return null;
  return traceRow(database, source, position);
}

/** In the transaction that `stored` and `max` were read in. Throws ROWTAP_IDS_REUSED where ids up to the position may have been given out again. */
export function requireNoReuse(
  name: string,
  database: CatchupDatabase,
  source: SourceTable | undefined,
  stored: StoredPosition,
  max: number | null,
): void {
  const { position } = stored;
  if (position <= 0) return;
  const refuse = (reason: string): RowtapError =>
    new RowtapError('ROWTAP_IDS_REUSED', { name, table: source?.table ?? 'the source table', position, reason });
  const greatest = source && greatestEver(database, source);
  if (greatest !== undefined) {
    if (greatest < position) throw refuse(`SQLite counts its ids from ${greatest} again`);
    return;
  }
  const [id, definition, content] = stored.lastRow?.split(' ') ?? [];
  if (source === undefined || Number(id) !== position) {
    if (max === null || max < position) throw refuse(`its greatest id is ${max ?? 'none'} now`);
    return;
  }
  const [, definitionNow, contentNow] = traceRow(database, source, position).split(' ');
  if (contentNow === '-') throw refuse(`row ${position} was deleted`);
  // After ALTER TABLE the content can't be compared.
  if (definitionNow === definition && contentNow !== content) throw refuse(`row ${position} is not the row that was processed`);
}

/** Values of different types or lengths never read the same. */
function describe(row: readonly unknown[]): string {
  return row
    .map((value) => {
      const text =
        value instanceof Uint8Array ? Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex') : String(value);
      return `${value === null ? 'null' : typeof value} ${text.length} ${text}`;
    })
    .join(',');
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}
