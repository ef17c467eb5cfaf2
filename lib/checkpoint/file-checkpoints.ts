import type { NativeHub } from '../binding/native.js';
import type { ApplicationTransaction } from '../delivery/application-transaction.js';
import { pause } from '../delivery/pause.js';
import type { Acknowledged, OpenedConsumer, Progress, ProgressStore } from '../delivery/progress.js';
import { isBusy } from '../errors/is-busy.js';
import { badOption, RowtapError } from '../errors/rowtap-error.js';
import type { ConsumerInfo } from '../model/source.js';
import { type Checkpoint, comparePositions } from './checkpoint.js';
import { consumerInfo } from './consumer-info.js';
import { isConsumerUsed, noSuchConsumer, takeConsumerName } from './consumer-names.js';
import { rowsIn, type StoredConsumer } from './consumer-rows.js';
import type { CheckpointDatabase } from './database.js';
import { Holding } from './holding.js';
import { holderOf, type LeaseTerms, leaseDurationMs, leasedElsewhere, leaseRenewalMs } from './lease.js';
import { NotedPositions } from './noted-positions.js';
import { LsnReservation } from './reservation.js';
import { gatherDelayMs, gatherMs, retryDelayMs } from './schedule.js';
import { storedProgress } from './stored-progress.js';
import { CheckpointTable, type CheckpointWrite } from './table.js';
import { fateOf, newOwner } from './this-process.js';

export interface FileCheckpointsConfig {
  hub: Pick<NativeHub, 'lsn' | 'raiseLsn' | 'isThreadInTransaction' | 'life' | 'takeConsumer' | 'freeConsumer'>;
  isReadonly: boolean;
  /**
   * Opens an uncaptured connection to the file, read-only where the database is, with a busy timeout of a few milliseconds. Throws
   * ROWTAP_FILE_GONE where another file is in its place.
   */
  connect(): CheckpointDatabase;
  /** Is written with each position, and given back as `StoredProgress.history`. */
  history?: (() => string | undefined) | undefined;
  /** Whether LSNs are handed out by the hub, and are to be reserved before; default true. */
  reservesLsns?: boolean | undefined;
  /** Called whenever something has been written. */
  onWritten?: (() => void) | undefined;
  /** Others than those of this process. */
  terms?: Partial<LeaseTerms> | undefined;
}

interface Waiter {
  holding: Holding;
  resolve: () => void;
  reject: (error: RowtapError) => void;
}

/** LSNs go on while nobody acknowledges, and leases run out; how often both are looked at then. */
const renewalMs = 1000;

/**
 * The consumers of a database file, in a table of that file, read and written by connections of their own. Each is open for that moment only:
 * one that stayed open would keep the application from changing the journal mode and from locking the file exclusively.
 *
 * The life of an acknowledgement: it is noted in memory; with all others that come within a tenth of a second it is written in one short
 * transaction; if that can't be done, it stays noted and is tried again, at growing distances, until it succeeds or the source closes.
 *
 * A consumer is read by one subscription at a time. In this process its name in the hub sees to that, and towards others a lease, which is taken with
 * the first write, renewed with each, and given back with the last. Who finds that it is somebody else's by now writes nothing more of it.
 *
 * While a transaction of this process is open on the file nothing is written: one that has read would be refused to write after our commit. Those
 * of other threads are waited for, for a moment; those that would begin meanwhile wait until ours has ended.
 */
export class FileCheckpoints implements ProgressStore {
  readonly #config: FileCheckpointsConfig;
  readonly #life: string;
  readonly #terms: LeaseTerms;
  readonly #releases = new Set<() => void>();
  readonly #holdings = new Map<string, Holding>();
  readonly #reservation: LsnReservation;
  readonly #positions = new NotedPositions();
  #lastWriteMs = 0;
  #waiters: Waiter[] = [];
  #timer: NodeJS.Timeout | undefined;
  #renewal: NodeJS.Timeout | undefined;
  #failures = 0;
  #error: RowtapError | undefined;
  #isClosed = false;
  readonly #closing = new AbortController();

  constructor(config: FileCheckpointsConfig) {
    this.#config = config;
    this.#life = config.hub.life();
    this.#reservation = new LsnReservation(config.hub, this.#life, config.reservesLsns !== false);
    this.#terms = { durationMs: leaseDurationMs, renewalMs: leaseRenewalMs, owner: newOwner(), fateOf, ...config.terms };
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
      const { checkpoint, holding } = this.#take(consumer);
      this.#holdings.set(consumer, holding);
      this.#releases.add(releaseName);
      const state = { current: checkpoint ?? this.#checkpointAt(this.#config.hub.lsn()) };
      return {
        stored: checkpoint && storedProgress(checkpoint, this.#life),
        progress: this.#progressOf(consumer, state, holding, releaseName),
        begin: (lsn) => {
          // With a log the place is where that ends, below what the hub may have handed out.
          if (checkpoint === undefined) state.current = this.#checkpointAt(lsn);
          this.#begin(consumer, holding, checkpoint === undefined ? state.current : undefined);
        },
      };
    } catch (error) {
      releaseName();
      throw error;
    }
  }

  list(): ConsumerInfo[] {
    const rows = readable('the consumers', () => this.#withTable((table) => table.list()));
    return rows.map((row) => consumerInfo(row, this.#terms, isConsumerUsed(this.#config.hub, row.consumer), Date.now()));
  }

  async drop(consumer: string): Promise<void> {
    if (this.#config.isReadonly) throw badOption(`\`dropConsumer("${consumer}")\`: the database is open read-only`);
    const releaseName = takeConsumerName(this.#config.hub, consumer);
    try {
      for (let failures = 0; !this.#isClosed; ) {
        let delayMs = gatherMs;
        try {
          if (!this.#config.hub.isThreadInTransaction() && this.#remove(consumer)) return;
        } catch (error) {
          if (!isBusy(error)) throw error;
          delayMs = retryDelayMs(++failures);
        }
        await pause(delayMs, this.#closing.signal);
      }
      throw new RowtapError('ROWTAP_CLOSED', { what: 'the source' });
    } finally {
      releaseName();
    }
  }

  error(): RowtapError | undefined {
    return this.#error;
  }

  close(): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    for (const holding of this.#holdings.values()) holding.isClosing = true;
    this.#attempt();
    this.#isClosed = true;
    this.#closing.abort();
    clearTimeout(this.#timer);
    clearInterval(this.#renewal);
    for (const release of this.#releases) release();
    this.#releases.clear();
    this.#settle(new RowtapError('ROWTAP_CLOSED', { what: 'the source' }, { cause: this.#error }));
    return Promise.resolve();
  }

  #checkpointAt(lsn: number): Checkpoint {
    return { lsn, partial: undefined, snapshotLsn: undefined, life: this.#life, history: this.#config.history?.() };
  }

  #progressOf(consumer: string, state: { current: Checkpoint }, holding: Holding, releaseName: () => void): Progress {
    let isOpen = true;
    const note = (checkpoint: Checkpoint): void => {
      if (!isOpen || this.#isClosed || holding.lost !== undefined) return;
      state.current = checkpoint;
      this.#positions.note(consumer, state.current);
      this.#schedule(gatherDelayMs(this.#lastWriteMs));
    };
    return {
      acknowledge: (lsn, partial) => {
        const advance = comparePositions({ lsn, partial }, state.current);
        if (advance > 0 || (advance === 0 && state.current.life !== this.#life)) {
          note({ ...this.#checkpointAt(lsn), partial, snapshotLsn: state.current.snapshotLsn });
        }
      },
      acknowledgeIn: (transaction, acknowledged) => {
        if (!isOpen || this.#isClosed) throw new RowtapError('ROWTAP_CLOSED', { what: 'the subscription' });
        this.#acknowledgeIn(transaction, consumer, holding, acknowledged);
      },
      onLost: (call) => holding.onLost(call),
      snapshotTaken: (lsn) => {
        const partial = lsn > state.current.lsn ? undefined : state.current.partial;
        note({
          ...this.#checkpointAt(Math.max(lsn, state.current.lsn)),
          partial,
          snapshotLsn: Math.max(lsn, state.current.snapshotLsn ?? 0),
        });
      },
      flush: () => this.#flush(holding),
      close: () => {
        if (isOpen) {
          isOpen = false;
          this.#release(consumer, holding);
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

  #acknowledgeIn(transaction: ApplicationTransaction, consumer: string, claim: Holding, acknowledged: Acknowledged): void {
    if (claim.lost !== undefined) throw claim.lost;
    const checkpoint: Checkpoint = { ...this.#checkpointAt(acknowledged.lsn), ...acknowledged };
    const rows = rowsIn(transaction);
    const nowMs = Date.now();
    const refused = rows.orCreated(() => rows.write(consumer, checkpoint, { claim, terms: this.#terms }, nowMs));
    if (refused === undefined) return;
    throw this.#lose(consumer, claim, refused, nowMs);
  }

  /** What is left of it is written with the end of its lease. Its beginning, where that failed, leaves nothing behind. */
  #release(consumer: string, holding: Holding): void {
    if (this.#isClosed || holding.lost !== undefined) return;
    if (holding.isBegun) {
      holding.isClosing = true;
      this.#attempt();
    } else {
      this.#holdings.delete(consumer);
    }
  }

  /**
   * The checkpoint as it is on disk, or will be, and whose it is. Throws ROWTAP_BUSY where another connection keeps everybody from reading, and
   * ROWTAP_DUPLICATE_CONSUMER where another process has its lease.
   */
  #take(consumer: string): { checkpoint: Checkpoint | undefined; holding: Holding } {
    const stored = readable(`the position of consumer "${consumer}"`, () => {
      if (!this.#reservation.isRestored) this.#readReservation();
      return this.#withTable((table) => table.read(consumer));
    });
    const checkpoint = this.#positions.furthest(consumer, stored?.checkpoint);
    // Its end here has not been written yet, so it goes on.
    const kept = this.#holdings.get(consumer);
    if (kept !== undefined) {
      kept.isClosing = false;
      return { checkpoint, holding: kept };
    }
    if (stored !== undefined) this.#requireFree(stored);
    return { checkpoint, holding: new Holding(stored?.checkpoint) };
  }

  #requireFree({ consumer, lease }: StoredConsumer): void {
    const nowMs = Date.now();
    if (holderOf(lease, this.#terms, nowMs) !== undefined) throw leasedElsewhere(consumer, lease, this.#terms, nowMs);
  }

  #lose(consumer: string, holding: Holding, { lease }: StoredConsumer, nowMs: number): RowtapError {
    this.#positions.forget(consumer);
    this.#holdings.delete(consumer);
    const error = leasedElsewhere(consumer, lease, this.#terms, nowMs);
    holding.lose(error);
    return error;
  }

  /** False where a transaction has begun since. Throws what stands in the way. */
  #remove(consumer: string): boolean {
    const isPending = this.#positions.isPending(consumer);
    const isRemoved = this.#withTable((table, database) => {
      if (!database.claim()) return undefined;
      return table.remove(consumer, (row) => this.#requireFree(row));
    });
    if (isRemoved === undefined) return false;
    if (!isRemoved && !isPending) throw noSuchConsumer(consumer);
    this.#positions.forget(consumer);
    this.#holdings.delete(consumer);
    this.#config.onWritten?.();
    return true;
  }

  /**
   * What a new consumer misses later is noticed even if it never acknowledges anything, because its row is there. LSNs are reserved before
   * any is handed over, to an old one as well: where the process ends at once and the clock is set back, the next life begins above them.
   */
  #begin(consumer: string, holding: Holding, checkpoint: Checkpoint | undefined): void {
    this.#renewal ??= setInterval(() => this.#renew(), renewalMs).unref();
    holding.isBegun = true;
    if (checkpoint !== undefined) this.#positions.note(consumer, checkpoint);
    const error = this.#attempt();
    if (holding.lost !== undefined) throw holding.lost;
    // What is known of an old one is on disk already, and the rest is tried again.
    if (checkpoint === undefined || error === undefined || error.code === 'ROWTAP_BUSY') return;
    this.#positions.takeBack(consumer);
    holding.isBegun = false;
    throw error;
  }

  #readReservation(): void {
    this.#reservation.restore(this.#withTable((table) => table.readReservation()));
  }

  #flush(holding: Holding): Promise<void> {
    if (holding.lost !== undefined) return Promise.reject(holding.lost);
    if (this.#positions.isOnDisk) return Promise.resolve();
    if (this.#isClosed) return Promise.reject(new RowtapError('ROWTAP_CLOSED', { what: 'the source' }, { cause: this.#error }));
    return new Promise((resolve, reject) => {
      this.#waiters.push({ holding, resolve, reject });
      this.#attempt();
    });
  }

  #renew(): void {
    const nowMs = Date.now();
    const isDue = [...this.#holdings.values()].some((holding) => holding.isDue(this.#terms, nowMs));
    if (isDue || this.#reservation.due !== undefined) this.#schedule(gatherDelayMs(this.#lastWriteMs));
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
    const write = this.#nextWrite();
    if (write === undefined) {
      this.#settle(undefined);
      return undefined;
    }
    let refused: Map<string, StoredConsumer> | undefined;
    try {
      refused = this.#config.hub.isThreadInTransaction() ? undefined : this.#write(write);
    } catch (cause) {
      return this.#fail(cause);
    }
    if (refused === undefined) this.#schedule(gatherMs);
    else this.#noteWritten(write, refused);
    return undefined;
  }

  /** Undefined where there is nothing to be written. */
  #nextWrite(): CheckpointWrite | undefined {
    const nowMs = Date.now();
    const isDurable = this.#waiters.length > 0;
    const checkpoints = this.#positions.due(isDurable, (consumer) => this.#holdings.has(consumer));
    const holdings = [...this.#holdings];
    const renewals = holdings.filter(([, holding]) => holding.isDue(this.#terms, nowMs)).map(([consumer]) => consumer);
    const releases = holdings.filter(([, holding]) => holding.isClosing && holding.isBegun).map(([consumer]) => consumer);
    const reservation = this.#reservation.due;
    const isReservationDue = reservation !== undefined && holdings.some(([, { isBegun }]) => isBegun);
    if (checkpoints.size === 0 && renewals.length === 0 && releases.length === 0 && !isReservationDue) return undefined;
    return {
      checkpoints,
      whenMissing: this.#positions.written,
      claims: this.#holdings,
      renewals,
      releases,
      terms: this.#terms,
      reservation,
      nowMs,
      isDurable,
    };
  }

  #noteWritten(
    { checkpoints, renewals, releases, reservation, nowMs, isDurable }: CheckpointWrite,
    refused: Map<string, StoredConsumer>,
  ): void {
    this.#failures = 0;
    this.#error = undefined;
    if (reservation !== undefined) this.#reservation.noteWritten(reservation);
    this.#positions.noteWritten(checkpoints, isDurable);
    for (const consumer of [...checkpoints.keys(), ...renewals]) this.#holdings.get(consumer)?.hold(nowMs + this.#terms.durationMs);
    for (const [consumer, row] of refused) {
      const holding = this.#holdings.get(consumer);
      if (holding !== undefined) this.#lose(consumer, holding, row, nowMs);
    }
    for (const consumer of releases) this.#holdings.delete(consumer);
    this.#config.onWritten?.();
    if (isDurable) this.#settle(undefined);
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
    for (const { holding, resolve, reject } of waiters) {
      const reason = error ?? holding.lost;
      if (reason === undefined) resolve();
      else reject(reason);
    }
  }

  /** Gives the rows that are somebody else's; undefined where a transaction has begun since. */
  #write(write: CheckpointWrite): Map<string, StoredConsumer> | undefined {
    const begunMs = performance.now();
    const refused = this.#withTable((table, database) => (database.claim() ? table.write(write) : undefined));
    if (refused !== undefined) this.#lastWriteMs = performance.now() - begunMs;
    return refused;
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

/** Throws ROWTAP_BUSY where `read` is kept from reading. */
function readable<Value>(what: string, read: () => Value): Value {
  try {
    return read();
  } catch (error) {
    if (!isBusy(error)) throw error;
    const detail = `${what} can not be read, because a connection has locked the database exclusively`;
    throw new RowtapError('ROWTAP_BUSY', { detail }, { cause: error });
  }
}
