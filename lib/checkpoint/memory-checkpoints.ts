import type { NativeHub } from '../binding/native.js';
import type { OpenedConsumer, Progress, ProgressStore } from '../delivery/progress.js';
import { RowtapError } from '../errors/rowtap-error.js';
import { takeConsumerName } from './consumer-names.js';
import { storedProgress } from './stored-progress.js';
import type { Checkpoint } from './table.js';

/** The consumers of an in-memory database. There is nothing that could outlive it, so positions live as long as the source. */
export class MemoryCheckpoints implements ProgressStore {
  readonly #hub: Pick<NativeHub, 'lsn' | 'life' | 'takeConsumer' | 'freeConsumer'>;
  readonly #checkpoints = new Map<string, Checkpoint>();
  readonly #releases = new Set<() => void>();
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
    const stored = this.#checkpoints.get(consumer);
    let current: Checkpoint = stored ?? { lsn: this.#hub.lsn(), snapshotLsn: undefined, life };
    let isOpen = true;
    const note = (lsn: number, snapshotLsn: number | undefined): void => {
      if (!isOpen) return;
      current = { lsn: Math.max(lsn, current.lsn), snapshotLsn, life };
      this.#checkpoints.set(consumer, current);
    };
    const progress: Progress = {
      acknowledge: (lsn) => note(lsn, current.snapshotLsn),
      snapshotTaken: (lsn) => note(lsn, lsn),
      flush: () => Promise.resolve(),
      close: () => {
        isOpen = false;
        releaseName();
        this.#releases.delete(releaseName);
        return Promise.resolve();
      },
    };
    const begin = (lsn: number): void => note(lsn, current.snapshotLsn);
    return { stored: stored && storedProgress(stored, life), progress, begin: stored === undefined ? begin : () => {} };
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
}
