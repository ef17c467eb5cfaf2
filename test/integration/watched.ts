import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Database, openSource, Replica, type RowChange, type Subscription } from 'rowtap';
import { expect, onTestFinished } from 'vitest';
import { turns } from '../support/captured.js';

/** The path of a database that does not exist yet, in a folder that is removed when the test has finished. */
export function databasePath(): string {
  const folder = mkdtempSync(join(tmpdir(), 'rowtap-integration-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'shop.db');
}

/** What an ORM commits through its database, as a subscriber sees it: as texts, and as the rows of a replica. */
export class Watched {
  readonly #db: Database;
  readonly #target = new Database(':memory:');
  readonly #replica = new Replica(this.#target);
  readonly #subscription: Subscription;
  readonly #following: Promise<void>;
  #received: string[][] = [];
  #error: unknown;

  /** Rows that are there already come first. */
  constructor(db: Database) {
    this.#db = db;
    this.#subscription = openSource(db).subscribe({ snapshot: 'initial' });
    this.#following = this.#follow().catch((error: unknown) => {
      this.#error = error;
    });
  }

  async #follow(): Promise<void> {
    for await (const transaction of this.#subscription.transactions()) {
      this.#replica.apply(transaction);
      const rows = [...transaction].filter(({ op }) => ['insert', 'update', 'delete'].includes(op));
      if (rows.length > 0) this.#received.push(rows.map(brief));
    }
  }

  /** The row changes since the last call, an array for each transaction; the replica equals the database by now. */
  async transactions(): Promise<string[][]> {
    await turns();
    if (this.#error !== undefined) throw this.#error;
    const { equal, tables } = this.#replica.verify(this.#db);
    expect(tables.length).toBeGreaterThan(0);
    expect(equal, JSON.stringify(tables)).toBe(true);
    const received = this.#received;
    this.#received = [];
    return received;
  }

  async close(): Promise<void> {
    await this.#subscription.close();
    await this.#following;
    this.#target.close();
  }
}

function brief({ op, table, before, after }: RowChange): string {
  const values = Object.entries(after ?? before ?? {}).map(([name, value]) => `${name}=${textOf(value)}`);
  return `${op} ${table} ${values.join(' ')}`;
}

function textOf(value: unknown): string {
  if (value instanceof Uint8Array) return `x'${Buffer.from(value).toString('hex')}'`;
  return String(value);
}

/** The code of the SqliteError that an ORM's error is, has as its cause, or carries along. */
export async function failureOf(run: () => unknown): Promise<{ error: Error; code: unknown }> {
  try {
    await run();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    let found: unknown = error;
    while (found instanceof Error && !(found instanceof Database.SqliteError)) {
      found = 'driverError' in found ? found.driverError : found.cause;
    }
    return { error, code: found instanceof Database.SqliteError ? found.code : undefined };
  }
  throw new Error('it did not fail');
}
