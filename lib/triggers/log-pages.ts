import { type RawRow, rawRows, type TriggerConnection } from './connection.js';
import type { LogNames } from './log-names.js';

/** Enough to be worth a statement, and little enough to be gone before the garbage collector moves it. */
const wantedBytes = 512 * 1024;
const fewestRows = 16;
const mostRows = 2048;
/** What a row takes apart from its values. */
const bytesPerRow = 100;

/**
 * A row as `read` gives it: its id, what it is (a LogOp), and of which shape, and then its values. The first two are REALs, which make no bigints.
 */
export const atId = 0;
export const atKind = 1;
export const firstValue = 2;

export function idOf(row: RawRow): number {
  return row[atId] as number;
}

/** Reads the log a page at a time; how many rows that are goes by how large the last ones were. */
export class LogPages {
  readonly #rows: { all(...values: unknown[]): RawRow[] };
  readonly values: number;
  #limit = 256;
  /** Of the last page, about. */
  bytes = 0;

  /** `values`: how many of the value columns are in use. */
  constructor(connection: TriggerConnection, { log }: LogNames, values: number) {
    this.values = values;
    const columns = ['"id" * 1.0', '"shape" * 8.0 + "op"', ...Array.from({ length: values }, (_, index) => `"v${index}"`)].join(', ');
    this.#rows = rawRows(connection, `SELECT ${columns} FROM main.${log} WHERE "id" > ? AND "id" <= ? ORDER BY "id" LIMIT ?`);
  }

  /** Rows behind the one and up to the other. */
  read(afterId: number, upToId: number): RawRow[] {
    const rows = this.#rows.all(afterId, upToId, this.#limit);
    this.bytes = rows.reduce((sum, row) => sum + sizeOf(row), 0);
    if (rows.length > 0) {
      const fitting = Math.floor((rows.length * wantedBytes) / this.bytes);
      this.#limit = Math.min(mostRows, Math.max(fewestRows, Math.min(fitting, this.#limit * 4)));
    }
    return rows;
  }

  /** A change did not fit in the last page. */
  widen(): void {
    this.#limit *= 2;
  }
}

function sizeOf(row: RawRow): number {
  let size = bytesPerRow;
  for (const value of row) if (typeof value === 'string' || value instanceof Uint8Array) size += value.length;
  return size;
}
