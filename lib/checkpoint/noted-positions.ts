import { type Checkpoint, furtherOf } from './checkpoint.js';

/** The positions that are known here, by consumer: those that are still to be written, and those that were. No I/O in it. */
export class NotedPositions {
  /** To be written. */
  readonly #pending = new Map<string, Checkpoint>();
  /** Written, but a loss of power could still take it back. */
  readonly #unsynced = new Map<string, Checkpoint>();
  /** The last that was written of each. */
  readonly #written = new Map<string, Checkpoint>();

  /** Nothing waits for being written, nor for the disk. */
  get isOnDisk(): boolean {
    return this.#pending.size === 0 && this.#unsynced.size === 0;
  }

  /** The last that was written of each, in case somebody has dropped the table since. */
  get written(): ReadonlyMap<string, Checkpoint> {
    return this.#written;
  }

  isPending(consumer: string): boolean {
    return this.#pending.has(consumer);
  }

  /** It is to be written. */
  note(consumer: string, checkpoint: Checkpoint): void {
    this.#pending.set(consumer, checkpoint);
  }

  /** It is not to be written after all. */
  takeBack(consumer: string): void {
    this.#pending.delete(consumer);
  }

  /** It is somebody else's, or has been dropped. */
  forget(consumer: string): void {
    for (const positions of [this.#pending, this.#unsynced, this.#written]) positions.delete(consumer);
  }

  /** Where the consumer will be when all has been written; `stored` is what stands in its row. */
  furthest(consumer: string, stored: Checkpoint | undefined): Checkpoint | undefined {
    return furtherOf(this.#pending.get(consumer), stored);
  }

  /**
   * What the next write has to write. A durable one takes along what was written and not synced; of a consumer that is not in use any more it is
   * synced with whatever comes next.
   */
  due(isDurable: boolean, isInUse: (consumer: string) => boolean): Map<string, Checkpoint> {
    const unsynced = isDurable ? [...this.#unsynced].filter(([consumer]) => isInUse(consumer)) : [];
    return new Map([...unsynced, ...this.#pending]);
  }

  /** What `due` gave has been written; nothing was noted since. */
  noteWritten(checkpoints: ReadonlyMap<string, Checkpoint>, isDurable: boolean): void {
    this.#pending.clear();
    if (isDurable) this.#unsynced.clear();
    for (const [consumer, checkpoint] of checkpoints) {
      this.#written.set(consumer, checkpoint);
      if (!isDurable) this.#unsynced.set(consumer, checkpoint);
    }
  }
}
