import type { Row } from '../decode/record.js';
import { type RowMaker, rowMaker } from '../decode/row-maker.js';
import type { Bootstrap } from '../delivery/bootstrap.js';
import { RowtapError } from '../errors/rowtap-error.js';
import type { Change, RowChange } from '../model/change.js';
import type { SnapshotProgress } from '../model/options.js';
import type { IntegerMode, SqlValue } from '../model/value.js';
import { type OwnConnection, type RawRow, rawRows } from './connection.js';
import { keyMaker, valueReader } from './log-decoder.js';
import { quoted } from './log-names.js';
import { type Shape, storedColumns } from './shape.js';

export interface TableRowsConfig {
  source: string;
  lsn: number;
  timeMs: number;
  /** In a read transaction as of `lsn`. Closed by this. */
  connection: OwnConnection;
  /** Those that are wanted, as they are in that transaction. */
  shapes: Omit<Shape, 'id'>[];
  integers: IntegerMode;
  onProgress?: ((progress: SnapshotProgress) => void) | undefined;
}

const pageBytes = 1024 * 1024;
const mostRowsInPage = 4096;

/** A bootstrap event carries its table's definition under this name, out of sight, for those who build the table from it (Replica). */
const schemaOfBootstrap = Symbol.for('rowtap.schema');

interface Scan {
  shape: Omit<Shape, 'id'>;
  row: RowMaker;
  key: ((row: Row) => Row) | undefined;
  rows: Iterator<RawRow>;
}

/** The rows of the tables as of one read transaction of a connection of any kind: each table once, a page whenever the reader asks. */
export class TableRows implements Bootstrap {
  readonly lsn: number;
  readonly #config: TableRowsConfig;
  readonly #toValue: (value: RawRow[number]) => SqlValue;
  readonly #totalRows: number;
  #table = -1;
  #scan: Scan | undefined;
  #index = 0;
  /** Only its absence tells that the row before it was the last. */
  #ahead: Change[] | undefined;
  #hasBegun = false;
  #rows = 0;
  #isClosed = false;

  constructor(config: TableRowsConfig) {
    this.lsn = config.lsn;
    this.#config = config;
    this.#toValue = valueReader(config.integers);
    this.#totalRows = config.onProgress === undefined ? 0 : countRows(config);
  }

  get tables(): readonly string[] {
    return this.#config.shapes.map(({ table }) => table);
  }

  get rows(): number {
    return this.#rows;
  }

  /** `totalRows` is 0 where nobody asked for the progress. How much WAL is held can't be known of every kind of connection: 0. */
  get progress(): SnapshotProgress {
    const { shapes } = this.#config;
    const table = shapes[Math.min(Math.max(this.#table, 0), shapes.length - 1)]?.table ?? '';
    const tablesDone = this.#ahead === undefined && this.#hasBegun ? shapes.length : Math.max(this.#table, 0);
    return { table, rows: this.#rows, totalRows: this.#totalRows, tablesDone, tables: shapes.length, walBytes: 0 };
  }

  next(): Change[] | undefined {
    if (this.#isClosed) throw new RowtapError('ROWTAP_CLOSED', { what: 'the snapshot' });
    if (!this.#hasBegun) {
      this.#hasBegun = true;
      this.#ahead = this.#readPage();
    }
    const page = this.#ahead;
    if (page === undefined) return undefined;
    this.#ahead = this.#readPage();
    if (this.#ahead !== undefined && !this.#ahead.some(isRow)) {
      page.push(...this.#ahead);
      this.#ahead = undefined;
    }
    const last = this.#ahead === undefined ? page.findLast(isRow) : undefined;
    if (last !== undefined) last.last = true;
    this.#rows += page.filter(isRow).length;
    this.#config.onProgress?.(this.progress);
    return page;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#scan?.rows.return?.();
    this.#scan = undefined;
    this.#config.connection.close();
  }

  /** Without a row: nothing but empty tables was left. */
  #readPage(): Change[] | undefined {
    const page: Change[] = [];
    let bytes = 0;
    let rows = 0;
    while (bytes < pageBytes && rows < mostRowsInPage) {
      if (this.#scan === undefined && !this.#openNext(page)) break;
      const scan = this.#scan as Scan;
      const { value, done } = scan.rows.next();
      if (done === true) {
        this.#scan = undefined;
        if (rows > 0) break;
        continue;
      }
      bytes += sizeOf(value);
      ++rows;
      page.push(this.#rowOf(value, scan));
    }
    return page.length === 0 ? undefined : page;
  }

  #openNext(page: Change[]): boolean {
    const shape = this.#config.shapes[this.#table + 1];
    if (shape === undefined) return false;
    this.#table += 1;
    const columns = storedColumns(shape).map(({ name }) => name);
    const rows = rawRows(this.#config.connection, `SELECT ${columns.map(quoted).join(', ')} FROM main.${quoted(shape.table)}`);
    this.#scan = { shape, row: rowMaker(columns), key: keyMaker(shape), rows: rows.iterate() };
    const event: Change = { ...this.#position(), op: 'bootstrap', table: shape.table, before: null, after: null };
    const { columns: all, sql } = shape;
    page.push(Object.defineProperty(event, schemaOfBootstrap, { value: { columns: all, sql }, enumerable: false }));
    return true;
  }

  #position(): { source: string; lsn: number; index: number; time: number } {
    const { source, timeMs } = this.#config;
    return { source, lsn: this.lsn, index: this.#index++, time: timeMs };
  }

  #rowOf(values: RawRow, { shape, row, key }: Scan): RowChange {
    const after = row(values, 0, this.#toValue);
    const position = this.#position();
    return {
      ...position,
      op: 'snapshot',
      table: shape.table,
      key: key?.(after) ?? null,
      before: null,
      after,
      indirect: false,
      last: false,
    };
  }
}

function isRow(change: Change): change is RowChange {
  return change.op === 'snapshot';
}

function countRows({ connection, shapes }: TableRowsConfig): number {
  return shapes.reduce((total, { table }) => {
    const row = connection.prepare(`SELECT count(*) AS "rows" FROM main.${quoted(table)}`).get() as { rows: number | bigint };
    return total + Number(row.rows);
  }, 0);
}

function sizeOf(row: RawRow): number {
  let size = 100;
  for (const value of row) if (typeof value === 'string' || value instanceof Uint8Array) size += value.length;
  return size;
}
