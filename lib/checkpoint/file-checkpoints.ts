import type { NativeHub } from '../binding/native.js';
import type { OpenedConsumer, Progress, ProgressStore } from '../delivery/progress.js';
import { badOption, RowtapError } from '../errors/rowtap-error.js';
import { takeConsumerName } from './consumer-names.js';
import type { CheckpointDatabase } from './database.js';
import { nextReservation } from './reservation.js';
import { gatherDelayMs, gatherMs, retryDelayMs } from './schedule.js';
import { storedProgress } from './stored-progress.js';
import { type Checkpoint, CheckpointTable, type CheckpointWrite } from './table.js';

export interface FileCheckpointsConfig {
  hub: Pick<NativeHub, 'lsn' | 'raiseLsn' | 'isThreadInTransaction' | 'life' | 'takeConsumer' | 'freeConsumer'>;
  isReadonly: boolean;
  /**
   * Opens an uncaptured connection to the file, read-only where the database is, with a busy timeout of a few milliseconds. Throws
   * ROWTAP_FILE_GONE where another file is in its place.
   */
  connect(): CheckpointDatabase;
}

interface Waiter {
  resolve: () => void;
  reject: (error: RowtapError) => void;
}

/** LSNs go on while nobody acknowledges; how often the reservation is looked at then. */
const renewalMs = 1000;

/**
 * The consumers of a database file, in a table of that file, read and written by connections of their own. Each is open for that moment only:
 * one that stayed open would keep the application from changing the journal mode and from locking the file exclusively.
 *
 * The life of an acknowledgement: it is noted in memory; with all others that come within a tenth of a second it is written in one short
 * transaction; if that can't be done, it stays noted and is tried again, at growing distances, until it succeeds or the source closes.
 *
 * While a transaction of this process is open on the file nothing is written: one that has read would be refused to write after our commit. Those
 * of other threads are waited for, for a moment; those that would begin meanwhile wait until ours has ended.
 */
export class FileCheckpoints implements ProgressStore {
  readonly #config: FileCheckpointsConfig;
  readonly #life: string;
  readonly #releases = new Set<() => void>();
  #isLsnRestored = false;
  #reservedLsn: number | undefined;
  /** To be written. */
  readonly #pending = new Map<string, Checkpoint>();
  /** Written, but a loss of power could still take it back. */
  readonly #unsynced = new Map<string, Checkpoint>();
  /** All that was ever written. */
  readonly #written = new Map<string, Checkpoint>();
  #lastWriteMs = 0;
  #waiters: Waiter[] = [];
  #timer: NodeJS.Timeout | undefined;
  #renewal: NodeJS.Timeout | undefined;
  #failures = 0;
  #error: RowtapError | undefined;
  #isClosed = false;

  constructor(config: FileCheckpointsConfig) {
    this.#config = config;
    this.#life = config.hub.life();
  }

  restoreLsn(): void {
    try {
      this.#readReservation();
    } catch (error) {
      // Nothing but a consumer needs it; to open one it is read again.
      if (!isBusy(error)) throw error;
    }
  }

  open(consumer: string): OpenedConsumer {
    if (this.#isClosed) throw new RowtapError('ROWTAP_CLOSED', { what: 'the source' });
    if (this.#config.isReadonly) {
      throw badOption(
        `consumer "${consumer}": its position could not be kept, because the database is open read-only; leave out \`consumer\``,
      );
    }
    const releaseName = takeConsumerName(this.#config.hub, consumer);
    try {
      const checkpoint = this.#read(consumer);
      this.#releases.add(releaseName);
      return {
        stored: checkpoint && storedProgress(checkpoint, this.#life),
        progress: this.#progressOf(
          consumer,
          checkpoint ?? { lsn: this.#config.hub.lsn(), snapshotLsn: undefined, life: this.#life },
          releaseName,
        ),
        begin: (lsn) => this.#begin(consumer, checkpoint === undefined ? { lsn, snapshotLsn: undefined, life: this.#life } : undefined),
      };
    } catch (error) {
      releaseName();
      throw error;
    }
  }

  error(): RowtapError | undefined {
    return this.#error;
  }

  close(): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    if (this.#pending.size > 0) this.#attempt();
    this.#isClosed = true;
    clearTimeout(this.#timer);
    clearInterval(this.#renewal);
    for (const release of this.#releases) release();
    this.#releases.clear();
    this.#settle(new RowtapError('ROWTAP_CLOSED', { what: 'the source' }, { cause: this.#error }));
    return Promise.resolve();
  }

  #progressOf(consumer: string, begun: Checkpoint, releaseName: () => void): Progress {
    const life = this.#life;
    let current = begun;
    let isOpen = true;
    const note = (lsn: number, snapshotLsn: number | undefined): void => {
      if (!isOpen || this.#isClosed) return;
      current = { lsn, snapshotLsn, life };
      this.#pending.set(consumer, current);
      this.#schedule(gatherDelayMs(this.#lastWriteMs));
    };
    return {
      acknowledge: (lsn) => {
        if (lsn > current.lsn || (lsn === current.lsn && current.life !== life)) note(lsn, current.snapshotLsn);
      },
      snapshotTaken: (lsn) => note(Math.max(lsn, current.lsn), Math.max(lsn, current.snapshotLsn ?? 0)),
      flush: () => this.#flush(),
      close: () => {
        if (isOpen) {
          isOpen = false;
          if (this.#pending.has(consumer)) this.#attempt();
          releaseName();
          this.#releases.delete(releaseName);
          if (this.#releases.size === 0) {
            clearInterval(this.#renewal);
            this.#renewal = undefined;
          }
        }
        return Promise.resolve();
      },
    };
  }

  /** The checkpoint as it is on disk, or will be. Throws ROWTAP_BUSY where another connection keeps everybody from reading. */
  #read(consumer: string): Checkpoint | undefined {
    try {
      if (!this.#isLsnRestored) this.#readReservation();
      return this.#pending.get(consumer) ?? this.#withTable((table) => table.readCheckpoint(consumer));
    } catch (error) {
      if (!isBusy(error)) throw error;
      const detail = `the position of consumer "${consumer}" can not be read, because a connection has locked the database exclusively`;
      throw new RowtapError('ROWTAP_BUSY', { detail }, { cause: error });
    }
  }

  /**
   * What a new consumer misses later is noticed even if it never acknowledges anything, because its row is there. LSNs are reserved before
   * any is handed over, to an old one as well: where the process ends at once and the clock is set back, the next life begins above them.
   */
  #begin(consumer: string, checkpoint: Checkpoint | undefined): void {
    this.#renewal ??= setInterval(() => this.#renew(), renewalMs).unref();
    if (checkpoint !== undefined) this.#pending.set(consumer, checkpoint);
    const error = this.#attempt();
    // What is known of an old one is on disk already, and the reservation is tried again.
    if (checkpoint === undefined || error === undefined || error.code === 'ROWTAP_BUSY') return;
    this.#pending.delete(consumer);
    throw error;
  }

  /**
   * LSNs go on above all that may have been handed out in another life. In the same one they stay as they are, for a step would look like
   * missed changes.
   */
  #readReservation(): void {
    const reservation = this.#withTable((table) => table.readReservation());
    if (reservation?.life === this.#life) this.#reservedLsn = reservation.lsn;
    else if (reservation !== undefined) this.#config.hub.raiseLsn(reservation.lsn);
    this.#isLsnRestored = true;
  }

  #flush(): Promise<void> {
    if (this.#pending.size === 0 && this.#unsynced.size === 0) return Promise.resolve();
    if (this.#isClosed) return Promise.reject(new RowtapError('ROWTAP_CLOSED', { what: 'the source' }, { cause: this.#error }));
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
      this.#attempt();
    });
  }

  #renew(): void {
    if (nextReservation(this.#config.hub.lsn(), this.#reservedLsn) !== undefined) this.#schedule(gatherDelayMs(this.#lastWriteMs));
  }

  /** Somebody who waits for it keeps the process alive; what is written in passing does not. */
  #schedule(delayMs: number): void {
    if (this.#isClosed || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => this.#attempt(), delayMs);
    if (this.#waiters.length === 0) this.#timer.unref();
  }

  /** Writes what is pending, now if that is possible at all, and otherwise sees to it that it is tried again. Gives what went wrong. */
  #attempt(): RowtapError | undefined {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const { hub } = this.#config;
    const isDurable = this.#waiters.length > 0;
    const checkpoints = new Map(isDurable ? [...this.#unsynced, ...this.#pending] : this.#pending);
    const reservedLsn = nextReservation(hub.lsn(), this.#reservedLsn);
    if (checkpoints.size === 0 && reservedLsn === undefined) return undefined;
    const reservation = reservedLsn === undefined ? undefined : { lsn: reservedLsn, life: this.#life };
    try {
      const write = { checkpoints, whenMissing: this.#written, reservation, updatedMs: Date.now(), isDurable };
      if (hub.isThreadInTransaction() || !this.#write(write)) {
        this.#schedule(gatherMs);
        return undefined;
      }
    } catch (cause) {
      return this.#fail(cause);
    }
    for (const [consumer, checkpoint] of checkpoints) this.#written.set(consumer, checkpoint);
    this.#failures = 0;
    this.#error = undefined;
    this.#reservedLsn = reservedLsn ?? this.#reservedLsn;
    this.#pending.clear();
    if (isDurable) this.#unsynced.clear();
    else for (const [consumer, checkpoint] of checkpoints) this.#unsynced.set(consumer, checkpoint);
    if (isDurable) this.#settle(undefined);
    return undefined;
  }

  #fail(cause: unknown): RowtapError {
    this.#failures += 1;
    const reason = cause instanceof Error ? cause.message : String(cause);
    let error: RowtapError;
    if (cause instanceof RowtapError) {
      error = cause;
    } else if (isBusy(cause)) {
      const detail = `positions of consumers can not be written: ${reason}; they are kept and tried again`;
      error = new RowtapError('ROWTAP_BUSY', { detail }, { cause });
    } else {
      error = new RowtapError('ROWTAP_CHECKPOINT_FAILED', { reason }, { cause });
    }
    this.#error = error;
    // Who waits for the disk goes on waiting for a lock, but is told of anything else.
    if (!isBusy(cause)) this.#settle(error);
    this.#schedule(retryDelayMs(this.#failures));
    return error;
  }

  #settle(error: RowtapError | undefined): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const { resolve, reject } of waiters) {
      if (error === undefined) resolve();
      else reject(error);
    }
  }

  /** False where a transaction has begun since. */
  #write(write: CheckpointWrite): boolean {
    const begunMs = performance.now();
    const isWritten = this.#withTable((table, database) => {
      if (!database.claim()) return false;
      table.write(write);
      return true;
    });
    if (isWritten) this.#lastWriteMs = performance.now() - begunMs;
    return isWritten;
  }

  #withTable<T>(use: (table: CheckpointTable, database: CheckpointDatabase) => T): T {
    const database = this.#config.connect();
    try {
      return use(new CheckpointTable(database), database);
    } finally {
      database.close();
    }
  }
}

function isBusy(error: unknown): boolean {
  return /^SQLITE_(BUSY|LOCKED)/.test(String((error as { code?: unknown } | null)?.code));
}
