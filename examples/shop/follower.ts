import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Replica, Subscription, Transaction } from 'rowtap';

/** Applies all that a subscription delivers to a replica. */
export class Follower {
  readonly #replica: Replica;
  readonly #subscription: Subscription;
  readonly #show: (transaction: Transaction) => void;
  #lsn = 0;
  #failure: { error: unknown } | undefined;
  #pause: Promise<void> | undefined;

  /** `show` is given each transaction that comes after the snapshot, when it has been applied. */
  constructor(replica: Replica, subscription: Subscription, show: (transaction: Transaction) => void) {
    this.#replica = replica;
    this.#subscription = subscription;
    this.#show = show;
    this.#follow().catch((error: unknown) => {
      this.#failure = { error };
    });
  }

  /** Resolves when everything up to this commit has been applied; rejects where the stream, or applying it, has failed. */
  async reached(lsn: number): Promise<void> {
    while (this.#lsn < lsn) {
      if (this.#failure !== undefined) throw this.#failure.error;
      await nextTurn();
    }
  }

  /** Rests until the function that it returns is called. */
  pause(): () => void {
    let resume!: () => void;
    this.#pause = new Promise((resolve) => {
      resume = resolve;
    });
    return resume;
  }

  async #follow(): Promise<void> {
    const { lsn } = await this.#subscription.ready;
    for await (const transaction of this.#subscription.transactions()) {
      await this.#pause;
      this.#replica.apply(transaction);
      if (transaction.lsn > lsn) this.#show(transaction);
      this.#lsn = transaction.lsn;
    }
  }
}
