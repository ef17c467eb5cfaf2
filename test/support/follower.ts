import { type Change, Database, Replica, type SubscribeOptions, type Subscription } from 'rowtap';
import { expect } from 'vitest';
import { turns } from './captured.js';

export interface FollowerOptions extends SubscribeOptions {
  /** How the stream is handed on: `follow`, or as arrays of changes of that many, cut without regard to transactions. Default: follow. */
  changesPerApply?: number;
}

/** A replica in memory that follows a database, and is compared with it whenever asked. */
export class Follower implements AsyncDisposable {
  readonly #db: Database;
  readonly #target = new Database(':memory:');
  readonly #replica = new Replica(this.#target);
  readonly #subscription: Subscription;
  readonly #following: Promise<void>;
  #error: unknown;

  constructor(db: Database, options: FollowerOptions = {}) {
    const { changesPerApply, ...subscribe } = options;
    this.#db = db;
    this.#subscription = db.changes(subscribe);
    const following = changesPerApply === undefined ? this.#replica.follow(this.#subscription) : this.#applyInPieces(changesPerApply);
    this.#following = following.catch((error: unknown) => {
      this.#error = error;
    });
  }

  get position(): number {
    return this.#replica.position();
  }

  /** Everything committed has been published and applied, and nothing else. `context` is shown when not. */
  async expectEqual(context: unknown): Promise<void> {
    await turns();
    await this.#flush();
    if (this.#error !== undefined) throw new Error(`the replica stopped: ${JSON.stringify(context)}`, { cause: this.#error });
    const { equal, tables } = this.#replica.verify(this.#db);
    const wrong = tables.filter(({ missing, extra, different }) => missing + extra + different > 0);
    if (!equal) expect.fail(`the replica differs: ${JSON.stringify({ wrong, context })}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#subscription.close();
    await this.#following;
    this.#target.close();
  }

  #waiting: Change[] = [];

  async #applyInPieces(size: number): Promise<void> {
    for await (const change of this.#subscription) {
      this.#waiting.push(change);
      if (this.#waiting.length >= size) await this.#flush();
    }
  }

  async #flush(): Promise<void> {
    this.#replica.apply(this.#waiting.splice(0));
  }
}
