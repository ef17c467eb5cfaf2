import type { NativeSnapshotRows } from '../binding/native.js';
import type { Catalog } from '../decode/catalog.js';
import { FrameBuffer } from '../decode/frame-buffer.js';
import type { Bootstrap } from '../delivery/bootstrap.js';
import { RowtapError } from '../errors/rowtap-error.js';
import type { BootstrapEvent, Change, RowChange } from '../model/change.js';
import type { SnapshotProgress } from '../model/options.js';
import type { IntegerMode } from '../model/value.js';
import { schemaColumns } from '../schema/schema-columns.js';
import type { SnapshotDatabase } from './database.js';
import { readRows, type RowContext } from './row-decoder.js';
import { countRows, databaseBytes, listSnapshotTables, type SnapshotTable } from './tables.js';

export interface SnapshotConfig {
  /** The source's name, as every change bears it. */
  source: string;
  /** NativeReader.startLsn of the reader that `database` was opened at. */
  lsn: number;
  /** Unix milliseconds of the read; tells one snapshot from another of the same LSN. */
  timeMs: number;
  /** Its read transaction has been opened by NativeHub.openReader (or it holds the copy of an in-memory database). Closed by the snapshot. */
  database: SnapshotDatabase;
  /** NativeBinding.openSnapshotRows on the same connection. */
  openRows(table: string): NativeSnapshotRows;
  /** NativeConnection.heldWalBytes of the same connection. */
  heldWalBytes(): number;
  catalog: Catalog;
  integers: IntegerMode;
  /** By the lists of the source and of the subscription. */
  acceptsTable(name: string): boolean;
  onProgress?: ((progress: SnapshotProgress) => void) | undefined;
  /** Told of every row that could not be decoded; a GapEvent has taken its place. */
  onCorrupt(error: RowtapError, table: string): void;
}

/** Up to this size rows are counted even if nobody asked for the progress: it takes some ten milliseconds. */
const maxCountedBytes = 64 * 1024 * 1024;

/** A bootstrap event carries its table's definition under this name, out of sight, for those who build the table from it (Replica). */
const schemaOfBootstrap = Symbol.for('rowtap.schema');

/** Some changes that follow each other. */
interface Page {
  changes: Change[];
  rows: number;
  /** Of its first and its last change, in the order of the snapshot. */
  firstTable: number;
  lastTable: number;
}

/**
 * The rows of the database as of one LSN.
 *
 * One connection of its own holds one read transaction from the pin to the end, and in it each table is scanned once, in the order in which it is
 * stored, a page whenever the reader asks. The scan stands still between two pages; what others commit meanwhile is not in its transaction.
 * That is right for every kind of table. Leaving the transaction and seeking back by key, page by page, is not: a page boundary
 * `(a, b) > (?, ?)` skips rows whose key holds NULLs, has to know the direction and the collation of each column of the key, and has nothing
 * to seek by in a table without one. The price of the held transaction is that the WAL can't be reset before its end
 * (https://www.sqlite.org/wal.html#avoiding_excessively_large_wal_files).
 *
 * One page is read ahead, since only its absence tells that the row before it was the last.
 */
export class Snapshot implements Bootstrap {
  readonly lsn: number;
  readonly #config: SnapshotConfig;
  readonly #tables: readonly SnapshotTable[];
  readonly #frames = new FrameBuffer();
  #table = -1;
  /** Of the current table, until its last row. */
  #scan: { rows: NativeSnapshotRows; context: RowContext } | undefined;
  /** Of the next change. */
  #index = 0;
  #ahead: Page | undefined;
  #hasBegun = false;
  #isClosed = false;
  #rows = 0;
  #totalRows = 0;
  /** Of the last page handed over. */
  #progress: Omit<SnapshotProgress, 'walBytes'>;

  /** Throws what SQLite throws; the connection is closed then. */
  constructor(config: SnapshotConfig) {
    this.lsn = config.lsn;
    this.#config = config;
    try {
      this.#tables = listSnapshotTables(config.database).filter(({ name }) => config.acceptsTable(name));
    } catch (error) {
      config.database.close();
      throw error;
    }
    this.#progress = { table: this.#tables[0]?.name ?? '', rows: 0, totalRows: 0, tablesDone: 0, tables: this.#tables.length };
  }

  get tables(): readonly string[] {
    return this.#tables.map(({ name }) => name);
  }

  get rows(): number {
    return this.#rows;
  }

  /** `totalRows` is 0 before the first page, and where counting would have taken long and nobody asked for the progress. */
  get progress(): SnapshotProgress {
    return { ...this.#progress, walBytes: this.#isClosed ? 0 : this.#config.heldWalBytes() };
  }

  next(): Change[] | undefined {
    if (this.#isClosed) throw new RowtapError('ROWTAP_CLOSED', { what: 'the snapshot' });
    if (!this.#hasBegun) {
      this.#hasBegun = true;
      this.#totalRows = this.#countRows();
      this.#ahead = this.#readPage();
    }
    const page = this.#ahead;
    if (page === undefined) return undefined;
    this.#ahead = this.#readPage();
    if (this.#ahead !== undefined && this.#ahead.rows === 0) {
      // Tables without a row end the snapshot: their events go along, so that the last row is known here.
      page.changes.push(...this.#ahead.changes);
      page.lastTable = this.#ahead.lastTable;
      this.#ahead = undefined;
    }
    if (this.#ahead === undefined) markLastRow(page.changes);
    this.#rows += page.rows;
    this.#progress = {
      table: (this.#tables[page.lastTable] as SnapshotTable).name,
      rows: this.#rows,
      totalRows: this.#totalRows,
      tablesDone: this.#ahead?.firstTable ?? this.#tables.length,
      tables: this.#tables.length,
    };
    this.#config.onProgress?.(this.progress);
    return page.changes;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#ahead = undefined;
    this.#scan?.rows.close();
    this.#scan = undefined;
    this.#config.database.close();
  }

  #countRows(): number {
    const { database, onProgress } = this.#config;
    return onProgress !== undefined || databaseBytes(database) <= maxCountedBytes ? countRows(database, this.#tables) : 0;
  }

  /** The next rows of the current table, or all up to the first rows of a later one. Without a row: nothing but empty tables was left. */
  #readPage(): Page | undefined {
    const changes: Change[] = [];
    let firstTable = Math.max(this.#table, 0);
    for (;;) {
      if (this.#scan === undefined) {
        const table = this.#tables[this.#table + 1];
        if (table === undefined) return changes.length === 0 ? undefined : { changes, rows: 0, firstTable, lastTable: this.#table };
        this.#table += 1;
        if (changes.length === 0) firstTable = this.#table;
        this.#scan = this.#openScan(table);
        changes.push(this.#bootstrapEvent(table, this.#scan.rows.tableId));
      }
      const rows = readRows(this.#scan.rows, this.#frames, this.#scan.context, this.#index, changes);
      if (rows > 0) {
        this.#index += rows;
        return { changes, rows, firstTable, lastTable: this.#table };
      }
      this.#scan.rows.close();
      this.#scan = undefined;
    }
  }

  #openScan({ name }: SnapshotTable): { rows: NativeSnapshotRows; context: RowContext } {
    const { source, timeMs, catalog, integers } = this.#config;
    const rows = this.#config.openRows(name);
    const position = { source, lsn: this.lsn, time: timeMs };
    const onCorrupt: RowContext['onCorrupt'] = (error, table) => this.#config.onCorrupt(error, table);
    return { rows, context: { table: name, tableId: rows.tableId, position, catalog, integers, onCorrupt } };
  }

  #bootstrapEvent({ name, sql }: SnapshotTable, tableId: number): BootstrapEvent {
    const { source, timeMs, catalog } = this.#config;
    const position = { source, lsn: this.lsn, index: this.#index, time: timeMs };
    this.#index += 1;
    const event: BootstrapEvent = { ...position, op: 'bootstrap', table: name, before: null, after: null };
    const columns = schemaColumns(catalog.description(tableId));
    return Object.defineProperty(event, schemaOfBootstrap, { value: { columns, sql }, enumerable: false });
  }
}

/** Events of empty tables may stand behind it. */
function markLastRow(changes: Change[]): void {
  const last = changes.findLast((change): change is RowChange => change.op === 'snapshot');
  if (last !== undefined) last.last = true;
}
