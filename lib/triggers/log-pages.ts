import type { RawRow, TriggerConnection } from './connection.js';
import { type LogNames, valuesPerRow } from './log-names.js';
import { rawRows } from './connection.js';

const wantedBytes = 1024 * 1024;
const fewestRows = 16;
const mostRows = 8192;
/** What a row takes apart from its values. */
const bytesPerRow = 100;

const columns = ['"id"', '"time"', '"shape"', '"op"', ...Array.from({ length: valuesPerRow }, (_, index) => `"v${index}"`)].join(', ');

/** Reads the log a page at a time; how many rows that are goes by how large the last ones were. */
export class LogPages {
  readonly #rows: { all(...values: unknown[]): RawRow[] };
  #limit = 256;
  /** Of the last page, about. */
  bytes = 0;

  constructor(connection: TriggerConnection, { log }: LogNames) {
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
