import type { NativeHub } from '../binding/native.js';
import type { ApplicationTransaction } from '../delivery/application-transaction.js';
import type { OpenedConsumer, Progress, ProgressStore } from '../delivery/progress.js';
import { RowtapError } from '../errors/rowtap-error.js';
import type { ConsumerInfo } from '../model/source.js';
import { type Checkpoint, comparePositions, furtherOf } from './checkpoint.js';
import { consumerInfo } from './consumer-info.js';
import { isConsumerUsed, noSuchConsumer, takeConsumerName } from './consumer-names.js';
import { rowsIn, type StoredConsumer } from './consumer-rows.js';
import { storedProgress } from './stored-progress.js';
import { fateOf, newOwner } from './this-process.js';

const noLease = { owner: null, untilMs: 0 };

/**
 * The consumers of an in-memory database. There is nothing that could outlive it, so positions live as long as the source: in memory, and those
 * that were written in a transaction of the application's in the table that it has for them, since only that knows whether it was committed.
 */
export class MemoryCheckpoints implements ProgressStore {
  readonly #hub: Pick<NativeHub, 'lsn' | 'life' | 'takeConsumer' | 'freeConsumer'>;
  readonly #noted = new Map<string, StoredConsumer>();
  readonly #written = new Set<ApplicationTransaction>();
  readonly #releases = new Set<() => void>();
  readonly #owner = newOwner();
  #isClosed = false;

  constructor(hub: Pick<NativeHub, 'lsn' | 'life' | 'takeConsumer' | 'freeConsumer'>) {
    this.#hub = hub;
  }

  restoreLsn(): void {}

  open(consumer: string): OpenedConsumer {
    if (this.#isClosed) throw new RowtapError('ROWTAP_CLOSED', { what: 'the source' });
    const life = this.#hub.life();
    const releaseName = takeConsumerName(this.#hub, consumer);
    this.#releases.add(releaseName);
    const stored = this.#rows().get(consumer)?.checkpoint;
    let current: Checkpoint = stored ?? { lsn: this.#hub.lsn(), partial: undefined, snapshotLsn: undefined, life, history: undefined };
    let isOpen = true;
    const note = (checkpoint: Checkpoint): void => {
      if (!isOpen) return;
      current = checkpoint;
      this.#noted.set(consumer, { consumer, checkpoint, lease: noLease, updatedMs: Date.now() });
    };
    const progress: Progress = {
      acknowledge: (lsn, partial) => {
        if (comparePositions({ lsn, partial }, current) > 0) note({ ...current, lsn, partial });
      },
      acknowledgeIn: (transaction, acknowledged) => {
        this.#written.add(transaction);
        const rows = rowsIn(transaction);
        rows.orCreated(() => rows.writeFree(consumer, { ...current, ...acknowledged }, Date.now()));
      },
      onLost: () => {},
      snapshotTaken: (lsn) => {
        const partial = lsn > current.lsn ? undefined : current.partial;
        note({ ...current, lsn: Math.max(lsn, current.lsn), partial, snapshotLsn: lsn });
      },
      flush: () => Promise.resolve(),
      close: () => {
        isOpen = false;
        releaseName();
        this.#releases.delete(releaseName);
        return Promise.resolve();
      },
    };
    const begin = (lsn: number): void => note({ ...current, lsn });
    return { stored: stored && storedProgress(stored, life), progress, begin: stored === undefined ? begin : () => {} };
  }

  list(): ConsumerInfo[] {
    const rows = [...this.#rows().values()].sort((a, b) => (a.consumer < b.consumer ? -1 : 1));
    return rows.map((row) => consumerInfo(row, { owner: this.#owner, fateOf }, isConsumerUsed(this.#hub, row.consumer), Date.now()));
  }

  drop(consumer: string): Promise<void> {
    try {
      takeConsumerName(this.#hub, consumer)();
      if (!this.#rows().has(consumer)) throw noSuchConsumer(consumer);
      for (const transaction of this.#written) rowsIn(transaction).remove(consumer);
      this.#noted.delete(consumer);
      return Promise.resolve();
    } catch (error) {
      return Promise.reject(error);
    }
  }

  error(): RowtapError | undefined {
    return undefined;
  }

  close(): Promise<void> {
    this.#isClosed = true;
    for (const release of this.#releases) release();
    this.#releases.clear();
    return Promise.resolve();
  }

  /** What is noted, and what stands in the database, the further of both. */
  #rows(): Map<string, StoredConsumer> {
    const rows = new Map(this.#noted);
    for (const written of [...this.#written].flatMap((transaction) => this.#writtenIn(transaction))) {
      const noted = rows.get(written.consumer);
      const checkpoint = furtherOf(noted?.checkpoint, written.checkpoint) as Checkpoint;
      rows.set(written.consumer, { ...written, checkpoint, updatedMs: Math.max(written.updatedMs, noted?.updatedMs ?? 0) });
    }
    return rows;
  }

  #writtenIn(transaction: ApplicationTransaction): StoredConsumer[] {
    try {
      const rows = rowsIn(transaction);
      return rows.exist ? rows.list() : [];
    } catch {
      // Its database is closed, and all that was in it is gone.
      this.#written.delete(transaction);
      return [];
    }
  }
}
