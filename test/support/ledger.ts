import { Database, Replica, type SubscribeOptions, type Transaction } from 'rowtap';
import { expect } from 'vitest';

/** One row, that every transaction of a test raises by one: it holds the true order of the commits. */
export const ledgerSchema = 'CREATE TABLE ledger (id INTEGER PRIMARY KEY, n INTEGER NOT NULL); INSERT INTO ledger VALUES (1, 0)';

/** To be run in every transaction. */
export const raiseLedger = 'UPDATE ledger SET n = n + 1';

export function ledgerOf(db: Database): number {
  return db.prepare('SELECT n FROM ledger').pluck().get() as number;
}

/** Follows a database that has a ledger with a replica in memory, and sees that its transactions come in the order of the ledger, each once. */
export class LedgerFollower implements AsyncDisposable {
  readonly #db: Database;
  readonly #target = new Database(':memory:');
  readonly #replica = new Replica(this.#target);
  readonly #subscription;
  readonly #following: Promise<void>;
  #lsn = 0;
  #position: number;
  #error: unknown;
  readonly #waiters = new Set<() => void>();

  constructor(db: Database, options: SubscribeOptions = {}) {
    this.#db = db;
    this.#position = ledgerOf(db);
    this.#subscription = db.changes({ snapshot: 'initial', ...options });
    this.#following = this.#follow().catch((error: unknown) => {
      this.#error = error;
      this.#wake();
    });
  }

  /** Waits for everything that has been committed by now. Then the replica equals the database. */
  async expectEqual(context?: unknown): Promise<void> {
    const wanted = ledgerOf(this.#db);
    while (this.#position < wanted && this.#error === undefined) {
      await new Promise<void>((resolve) => this.#waiters.add(resolve));
    }
    if (this.#error !== undefined)
      throw new Error(`the stream is not what was committed: ${JSON.stringify(context)}`, { cause: this.#error });
    // No other thread may commit between the two.
    expect(this.#position, 'the ledger of the stream').toBe(ledgerOf(this.#db));
    const { equal, tables } = this.#replica.verify(this.#db);
    if (!equal) expect.fail(`the replica differs: ${JSON.stringify({ tables, context })}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#subscription.close();
    await this.#following;
    this.#target.close();
  }

  async #follow(): Promise<void> {
    for await (const transaction of this.#subscription.transactions()) {
      this.#replica.apply(transaction);
      this.#note(transaction);
      this.#wake();
    }
  }

  #note(transaction: Transaction): void {
    const changes = [...transaction];
    if (changes.some(({ op }) => op === 'snapshot' || (op as string) === 'bootstrap')) return;
    expect(transaction.lsn, 'LSNs grow').toBeGreaterThan(this.#lsn);
    this.#lsn = transaction.lsn;
    const raised = changes.filter(({ table }) => table === 'ledger').map(({ after }) => after?.['n']);
    expect(raised, 'the ledger in the next transaction').toEqual([this.#position + 1]);
    this.#position += 1;
  }

  #wake(): void {
    for (const resolve of this.#waiters) resolve();
    this.#waiters.clear();
  }
}
