import type { NativeHub } from '../binding/native.js';
import { isBusy } from '../errors/is-busy.js';
import { RowtapError } from '../errors/rowtap-error.js';
import type { Retention } from '../model/options.js';
import type { LogDatabase } from './database.js';
import { createLog, readHistory, touchLog } from './log-tables.js';
import { LogWait } from './log-wait.js';
import { Pruner } from './pruner.js';

export interface FileLogConfig {
  hub: Pick<NativeHub, 'isThreadInTransaction' | 'announceForeignCommits' | 'lsn' | 'heldLogLsn'>;
  isReadonly: boolean;
  /** Opens an uncaptured connection to the file, read-only where the database is. Throws ROWTAP_FILE_GONE where another file is in its place. */
  connect: (timeoutMs: number) => LogDatabase;
}

/** How long a write in passing may hold up the thread for somebody else's lock. */
const passingTimeoutMs = 5;

/** The log that a file keeps, for one thread: made by the first source that wants it, and kept by the file from then on. */
export class FileLog {
  readonly #config: FileLogConfig;
  #history: string | undefined;
  #pruner: Pruner | undefined;
  readonly #waiting = new Set<LogWait>();

  constructor(config: FileLogConfig) {
    this.#config = config;
  }

  /** Undefined before the first `open`. */
  get history(): string | undefined {
    return this.#history;
  }

  /**
   * The log is there when it returns. Somebody else's lock, and another thread's transaction, are waited for that long. Throws ROWTAP_BUSY where
   * it has to be made and somebody keeps everybody from writing, ROWTAP_BAD_OPTION where the database is read-only, and what SQLite throws.
   */
  open(timeoutMs: number): string {
    this.#history = this.#with(timeoutMs, (database) => readHistory(database));
    if (this.#history !== undefined) return this.#history;
    if (this.#config.isReadonly) {
      throw new RowtapError('ROWTAP_BAD_OPTION', { detail: '`durability: "log"`: the database is open read-only and keeps no log yet' });
    }
    const deadlineMs = performance.now() + timeoutMs;
    for (;;) {
      const history = this.#make(timeoutMs);
      if (history !== undefined) return history;
      if (this.#config.hub.isThreadInTransaction() || performance.now() > deadlineMs) {
        throw new RowtapError('ROWTAP_BUSY', { detail: 'the log can not be made while a transaction is open on the database' });
      }
      // Another thread's transaction goes on.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }

  /**
   * Prunes it from here on. Where several sources ask for it, the first one's `retention` counts. Where nothing can be as old as that, the log is
   * not looked at, nor locked for it.
   */
  keepPruned(retention: Retention): void {
    const { maxAgeMs = 0, maxBytes } = retention;
    if (this.#config.isReadonly || (maxAgeMs >= Date.now() && maxBytes === undefined)) return;
    const { hub, connect } = this.#config;
    this.#pruner ??= new Pruner({ hub, retention, connect: () => connect(passingTimeoutMs) });
  }

  /** Something was acknowledged. */
  noteAcknowledged(): void {
    this.#pruner?.note();
  }

  /** What keeps it from being read, or from being pruned. */
  error(): { code: string; message: string } | undefined {
    if ([...this.#waiting].some((wait) => wait.isLong)) {
      return new RowtapError('ROWTAP_BUSY', { detail: 'the log can not be read while another program has the database locked' });
    }
    return this.#pruner?.error();
  }

  /** For one reader of it. */
  newWait(wake: (delayMs: number) => void): LogWait {
    return new LogWait({ wake, recover: () => this.#recover(), waiting: this.#waiting });
  }

  /** Twice is fine. */
  close(): void {
    this.#pruner?.close();
    this.#pruner = undefined;
  }

  /** Makes it anew where somebody has removed it; everything up to `lsn` had been read. False where that can't be done just now. Throws ROWTAP_CORRUPT_LOG where it never can. */
  restore(lsn: number): boolean {
    if (this.#config.isReadonly) throw new RowtapError('ROWTAP_CORRUPT_LOG', { detail: 'its table has been removed', lsn });
    try {
      return this.#make(passingTimeoutMs) !== undefined;
    } catch (error) {
      if (isBusy(error)) return false;
      throw error;
    }
  }

  /**
   * Writes into the log that others have committed without it; told in this process alone where that can't be written. False where it is to be
   * tried again.
   */
  tellForeignCommits(): boolean {
    if (this.#config.isReadonly) {
      this.#config.hub.announceForeignCommits();
      return true;
    }
    return this.#touch();
  }

  /** The log's numbers go on above those that this process has handed out. Where that can't be written now, the next commit sees to it. */
  lift(): void {
    if (!this.#config.isReadonly) this.#touch();
  }

  #recover(): void {
    try {
      this.#with(passingTimeoutMs, (database) => readHistory(database));
    } catch {
      // What keeps the log from being read is told by who reads it.
    }
  }

  #touch(): boolean {
    try {
      return this.#with(passingTimeoutMs, (database) => {
        if (!database.claim()) return false;
        touchLog(database);
        return true;
      });
    } catch (error) {
      if (isBusy(error)) return false;
      throw error;
    }
  }

  /** Undefined where a transaction is open. */
  #make(timeoutMs: number): string | undefined {
    return this.#with(timeoutMs, (database) => {
      if (!database.claim()) return undefined;
      this.#history = createLog(database);
      return this.#history;
    });
  }

  #with<T>(timeoutMs: number, use: (database: LogDatabase) => T): T {
    const database = this.#config.connect(timeoutMs);
    try {
      return use(database);
    } finally {
      database.close();
    }
  }
}
