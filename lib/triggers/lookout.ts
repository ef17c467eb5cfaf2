import { statSync } from 'node:fs';
import { isBusy } from '../errors/is-busy.js';
import { RowtapError } from '../errors/rowtap-error.js';
import { SqliteError } from '../errors/sqlite-error.js';
import type { OwnConnection } from './connection.js';
import { notInstalled, readInstalled, requireInstalled } from './installed.js';
import { type LogNames, valuesPerRow } from './log-names.js';
import { LogPages } from './log-pages.js';
import { type LoggedCommit, LogTables } from './log-tables.js';
import { type Shape, storedColumns } from './shape.js';
import type { Target } from './target.js';

/** How long a write in passing may hold up the thread for somebody else's lock. */
const passingTimeoutMs = 5;
const mostTimeoutMs = 100;
const longMs = 1000;

/**
 * Looks whether something has been committed, and says up to where it may be read. Behind each look stands a commit's end, which is written down
 * for all readers in whatever process, once it is known that all that was logged up to there was logged by triggers that fit their tables.
 */
export class Lookout {
  readonly #target: Target;
  readonly #names: LogNames;
  #reading: OwnConnection | undefined;
  #isClosed = false;
  #inode: string | undefined;
  #checkedVersion = -1;
  #valueColumns = 0;
  #newest: LoggedCommit = { lsn: 0, lastId: 0, timeMs: 0 };
  #history = '';
  /**
   * Ends that could not be written, because the database is read-only: they count for this process alone. Those that others have written since
   * it was opened are not looked at: they end elsewhere, and have the same numbers.
   */
  #privateCommits: LoggedCommit[] = [];
  #writtenLsn = Number.POSITIVE_INFINITY;
  /** From where on the log is another one than that which was read before. */
  #changedAtLsn: number | undefined;
  #opened: LoggedCommit = this.#newest;
  readonly #counted = { lastId: 0, changes: 0, bytes: 0 };
  #failure: RowtapError | undefined;
  #error: { code: string; message: string } | undefined;
  #blockedSinceMs: number | undefined;
  #failures = 0;

  constructor(target: Target, names: LogNames) {
    this.#target = target;
    this.#names = names;
  }

  /** Up to here everything may be read. */
  get newest(): LoggedCommit {
    return this.#newest;
  }

  get history(): string {
    return this.#history;
  }

  /** What the readers end with when they have read everything up to `newest`. */
  get failure(): RowtapError | undefined {
    return this.#failure;
  }

  /** What keeps it from looking. Locks are held for milliseconds; somebody is told of one that lasts. */
  get error(): { code: string; message: string } | undefined {
    if (this.#failure !== undefined || this.#blockedSinceMs === undefined) return this.#failure ?? this.#error;
    return performance.now() - this.#blockedSinceMs >= longMs ? this.#error : undefined;
  }

  /** The last look met a lock: it is worth looking again soon. */
  get isBlocked(): boolean {
    return this.#blockedSinceMs !== undefined;
  }

  get tables(): LogTables {
    return new LogTables(this.connection, this.#names);
  }

  get names(): LogNames {
    return this.#names;
  }

  /** Value columns of the log that some shape uses. */
  get valueColumns(): number {
    return this.#valueColumns;
  }

  openPages(): LogPages {
    return new LogPages(this.connection, this.#names, this.#valueColumns);
  }

  /** For reading; open as long as the lookout is. */
  get connection(): OwnConnection {
    if (this.#isClosed) throw new RowtapError('ROWTAP_CLOSED', { what: 'the source' });
    if (this.#reading === undefined) {
      this.#inode = inodeOf(this.#target.path);
      this.#reading = this.#target.open({ isReadonly: true, timeoutMs: passingTimeoutMs });
    }
    return this.#reading;
  }

  /** Somebody else's lock is waited for as long as an application's own connection waits. */
  patiently<T>(timeoutMs: number, read: () => T): T {
    const { connection } = this;
    connection.exec(`PRAGMA busy_timeout = ${timeoutMs}`);
    try {
      return read();
    } finally {
      connection.exec(`PRAGMA busy_timeout = ${passingTimeoutMs}`);
    }
  }

  /** Throws ROWTAP_NOT_INSTALLED, and what SQLite throws where it can't be read. */
  open(): void {
    const { tables } = this;
    if (!tables.exist) throw notInstalled(`there is no table ${this.#names.logTable}`, this.#target.path);
    this.#check(this.connection, tables);
    this.#history = tables.readState('history') ?? '';
    this.#newest = tables.newestCommit();
    this.#opened = this.#newest;
    if (this.#target.isReadonly) this.#writtenLsn = this.#newest.lsn;
    this.#counted.lastId = this.#newest.lastId;
    this.look();
  }

  /** Whether there is more to read than before. Never throws. */
  look(): boolean {
    if (this.#failure !== undefined) return false;
    const { lsn } = this.#newest;
    try {
      this.#requireSameFile();
      this.#look();
      this.#error = undefined;
      this.#blockedSinceMs = undefined;
      this.#failures = 0;
    } catch (error) {
      this.#note(error);
    }
    return this.#newest.lsn > lsn || this.#failure !== undefined;
  }

  /** Triggers were made for every table there was, so those that were created later lack them. */
  get isForAll(): boolean {
    return this.tables.readState('tables') === 'all';
  }

  /** Since it was opened; as far as that was counted before, where the log can't be read just now, which `error` tells. */
  counted(): { transactions: number; changes: number; bytes: number } {
    try {
      if (!this.#isClosed) this.#count(this.#newest.lastId);
    } catch (error) {
      this.#note(error);
    }
    return { transactions: this.#newest.lsn - this.#opened.lsn, changes: this.#counted.changes, bytes: this.#counted.bytes };
  }

  #count(lastId: number): void {
    // The ids of a log that was made anew begin again.
    if (lastId < this.#counted.lastId) this.#counted.lastId = 0;
    if (lastId === this.#counted.lastId) return;
    const { changes, bytes } = this.tables.count(this.#counted.lastId, lastId);
    this.#counted.changes += changes;
    this.#counted.bytes += bytes;
    this.#counted.lastId = lastId;
  }

  /** Of the commits behind that LSN the oldest ones. */
  commitsAfter(lsn: number, most: number): LoggedCommit[] {
    const written = this.tables.commitsAfter(lsn, Math.min(this.#newest.lsn, this.#writtenLsn), most);
    const from = written.at(-1)?.lsn ?? lsn;
    return [...written, ...this.#privateCommits.filter((commit) => commit.lsn > from)];
  }

  /** The newest commit up to that LSN; undefined where those are gone. */
  commitUpTo(lsn: number): LoggedCommit | undefined {
    return this.#privateCommits.findLast((commit) => commit.lsn <= lsn) ?? this.tables.commitUpTo(Math.min(lsn, this.#writtenLsn));
  }

  /** Why commits between these two are missing. */
  reasonBefore(lsn: number): 'log-pruned' | 'history-changed' {
    return this.#changedAtLsn !== undefined && lsn <= this.#changedAtLsn ? 'history-changed' : 'log-pruned';
  }

  /** What somebody is told who could not read the log because of this. */
  explain(error: unknown): unknown {
    return isTableGone(error) ? this.#logGone() : error;
  }

  /** One more end, at this moment, and `read` while nobody can commit. Throws what SQLite throws; busy where somebody else writes. */
  endCommitWith<T>(timeoutMs: number, read: (commit: LoggedCommit) => T): T {
    return this.#write(timeoutMs, (tables) => {
      this.#newest = tables.endCommit();
      return read(this.#newest);
    });
  }

  /** The same where nothing can be written: that row is the newest that somebody sees in a read transaction, begun since the last look. */
  endPrivately(lastId: number): LoggedCommit {
    if (lastId > this.#newest.lastId) {
      this.#newest = { lsn: this.#newest.lsn + 1, lastId, timeMs: Date.now() };
      this.#privateCommits.push(this.#newest);
    }
    return this.#newest;
  }

  /** Nothing is opened any more; what was counted stays. */
  close(): void {
    this.#isClosed = true;
    this.#reading?.close();
    this.#reading = undefined;
  }

  #look(): void {
    const { tables } = this;
    if (this.#target.isReadonly) {
      this.#atOnce(() => this.#lookPrivately(tables));
      return;
    }
    const { history, newest, lastId, version } = this.#atOnce(() => ({
      history: tables.readState('history') ?? '',
      newest: tables.newestCommit(),
      lastId: tables.lastId(),
      version: this.#schemaVersion(),
    }));
    const isOther = history !== this.#history || newest.lsn < this.#newest.lsn;
    if (!isOther && lastId === Math.max(newest.lastId, this.#newest.lastId) && version === this.#checkedVersion) {
      this.#newest = newest.lsn > this.#newest.lsn ? newest : this.#newest;
      return;
    }
    this.#end(isOther);
    this.#history = history;
  }

  /** In one read transaction: each would have to get its own lock beside those who write. */
  #atOnce<T>(read: () => T): T {
    const { connection } = this;
    connection.exec('BEGIN');
    try {
      return read();
    } finally {
      connection.exec('COMMIT');
    }
  }

  #end(isOther: boolean): void {
    this.#write(this.#timeoutMs(), (tables, connection) => {
      this.#check(connection, tables);
      // Numbers go on above those that were handed out here.
      const afterLsn = isOther ? this.#newest.lsn + 1 : 0;
      this.#newest = tables.endCommit(afterLsn);
      if (isOther) this.#changedAtLsn = this.#newest.lsn;
    });
  }

  /** Among busy writers the one that waits a little longer each time gets its turn. */
  #timeoutMs(): number {
    return Math.min(mostTimeoutMs, passingTimeoutMs * 2 ** this.#failures);
  }

  #lookPrivately(tables: LogTables): void {
    this.#check(this.connection, tables);
    const history = tables.readState('history') ?? '';
    if (history !== this.#history) this.#beginAnew(tables.newestCommit(), history);
    this.endPrivately(tables.lastId());
  }

  /** A number is left out: by that readers see that changes may be missing. */
  #beginAnew(newest: LoggedCommit, history: string): void {
    this.#newest = { ...newest, lsn: Math.max(newest.lsn, this.#newest.lsn + 2) };
    this.#privateCommits = [this.#newest];
    this.#writtenLsn = 0;
    this.#changedAtLsn = this.#newest.lsn;
    this.#history = history;
  }

  /** Only where the schema is another one than at the last check. */
  #check(connection: OwnConnection, tables: LogTables): void {
    const version = this.#schemaVersion();
    if (version === this.#checkedVersion) return;
    requireInstalled(readInstalled(connection, this.#names, tables), this.#target.path);
    this.#valueColumns = valueColumnsOf(tables.allShapes());
    this.#checkedVersion = version;
  }

  #schemaVersion(): number {
    const row = this.connection.prepare('PRAGMA main.schema_version').get() as { schema_version: number | bigint };
    return Number(row.schema_version);
  }

  #write<T>(timeoutMs: number, write: (tables: LogTables, connection: OwnConnection) => T): T {
    const connection = this.#target.open({ isReadonly: false, timeoutMs });
    try {
      connection.exec('BEGIN IMMEDIATE');
      try {
        const result = write(new LogTables(connection, this.#names), connection);
        connection.exec('COMMIT');
        return result;
      } catch (error) {
        connection.exec('ROLLBACK');
        throw error;
      }
    } finally {
      connection.close();
    }
  }

  #requireSameFile(): void {
    const { path } = this.#target;
    if (this.#inode !== undefined && inodeOf(path) !== this.#inode) throw new RowtapError('ROWTAP_FILE_GONE', { path });
  }

  #logGone(): RowtapError {
    return notInstalled(`there is no table ${this.#names.logTable} any more`, this.#target.path);
  }

  #note(error: unknown): void {
    const { code = 'ERROR', message } = error as { code?: string; message: string };
    if (error instanceof RowtapError) {
      this.#failure = error;
    } else if (isTableGone(error)) {
      this.#failure = this.#logGone();
    } else if (isBusy(error)) {
      this.#blockedSinceMs ??= performance.now();
      this.#failures += 1;
      this.#error = new RowtapError('ROWTAP_BUSY', { detail: 'the log can not be read on while another program has the database locked' });
    } else {
      this.#blockedSinceMs = undefined;
      this.#error = { code, message };
    }
  }
}

/** Events use two. */
function valueColumnsOf(shapes: Shape[]): number {
  return Math.max(2, ...shapes.map((shape) => Math.min(valuesPerRow, storedColumns(shape).length)));
}

function isTableGone(error: unknown): boolean {
  return error instanceof SqliteError && error.message.includes('no such table');
}

function inodeOf(path: string): string | undefined {
  const status = statSync(path, { bigint: true, throwIfNoEntry: false });
  return status && `${status.dev}:${status.ino}`;
}
