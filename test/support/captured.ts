import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Change, Database, type SqlValue, type SubscribeOptions, type Subscription } from 'rowtap';
import { expect, onTestFinished } from 'vitest';

export interface CaptureOptions extends SubscribeOptions {
  /** Default: a file in WAL mode. */
  where?: 'wal' | 'delete' | 'memory';
  /** Run before anybody listens. */
  before?: string;
}

let databases = 0;

/** A database with one subscription that is read as it goes; both are closed, and the file is removed, when the test has finished. */
export function capture(options: CaptureOptions = {}): Captured {
  const { where = 'wal', before = '', ...subscribe } = options;
  const folder = mkdtempSync(join(tmpdir(), 'rowtap-test-'));
  // A source has the name of its file, and a test may have several.
  const path = where === 'memory' ? ':memory:' : join(folder, `test-${++databases}.db`);
  const db = new Database(path);
  if (where !== 'memory') db.pragma(`journal_mode = ${where}`);
  if (before !== '') db.exec(before);
  const captured = new Captured(db, path, db.changes(subscribe));
  onTestFinished(async () => {
    await captured.subscription.close();
    db.close();
    rmSync(folder, { recursive: true });
  });
  return captured;
}

/** Several turns of the event loop: all that is published is handed over in the first of them. */
export async function turns(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
}

const marker = 'test_marker';

export class Captured {
  readonly db: Database;
  readonly path: string;
  readonly subscription: Subscription;
  /** What ended the subscription, if it did not end by itself. */
  error: unknown;
  #received: Change[] = [];
  readonly #ended: Promise<void>;
  #hasMarker = false;

  constructor(db: Database, path: string, subscription: Subscription) {
    this.db = db;
    this.path = path;
    this.subscription = subscription;
    this.#ended = this.#read();
  }

  async #read(): Promise<void> {
    try {
      for await (const change of this.subscription) this.#received.push(change);
    } catch (error) {
      this.error = error;
    }
  }

  /** Resolves with what ended the subscription. */
  async ended(): Promise<unknown> {
    await this.#ended;
    return this.error;
  }

  /**
   * What has come since the last call. Unless a transaction is open, it is also proved that this is all: the very next commit, made by a
   * call of its own, is the next thing to come.
   */
  async changes(): Promise<Change[]> {
    await turns();
    const received = this.#received;
    this.#received = [];
    if (this.error !== undefined) throw this.error;
    if (!this.db.inTransaction) expect(await this.#untilMarker(), 'what came only after another call').toEqual([]);
    return received;
  }

  /** The same as brief texts, an array for each transaction. */
  async transactions(): Promise<string[][]> {
    return briefTransactions(await this.changes());
  }

  /** Runs the statement, which must fail. Gives the code of the error. */
  fails(sql: string): string {
    return failureOf(() => this.db.exec(sql));
  }

  async #untilMarker(): Promise<string[]> {
    this.db.exec(this.#hasMarker ? `UPDATE "${marker}" SET n = n + 1` : `CREATE TABLE "${marker}" (n); INSERT INTO "${marker}" VALUES (1)`);
    const expected = this.#hasMarker ? 1 : 2;
    this.#hasMarker = true;
    const isMarker = (change: Change): boolean => change.table === marker;
    for (let turn = 0; this.#received.filter(isMarker).length < expected && turn < 1000; turn++) await turns();
    expect(this.#received.filter(isMarker), 'the marker').toHaveLength(expected);
    const others = this.#received.filter((change) => !isMarker(change));
    this.#received = [];
    return others.map(brief);
  }
}

/** The `code` of the error that `act` throws. */
export function failureOf(act: () => void): string {
  try {
    act();
  } catch (error) {
    return String((error as { code?: unknown }).code ?? error);
  }
  return expect.fail('no error was thrown');
}

export function briefTransactions(changes: readonly Change[]): string[][] {
  const transactions = new Map<number, string[]>();
  for (const change of changes) transactions.set(change.lsn, [...(transactions.get(change.lsn) ?? []), brief(change)]);
  return [...transactions.values()];
}

/** `update t (1, 'a') > (1, 'b')`, `create t`, `indirect delete t (1)` */
export function brief(change: Change): string {
  switch (change.op) {
    case 'bootstrap':
    case 'gap':
      return `${change.op} ${change.table ?? change.reason}`;
    case 'schema':
      return `${change.change} ${change.table}`;
    default: {
      const images = [change.before, change.after]
        .filter((row) => row !== null)
        .map((row) => `(${Object.values(row).map(literal).join(', ')})`);
      return `${change.indirect ? 'indirect ' : ''}${change.op} ${change.table} ${images.join(' > ')}`;
    }
  }
}

/** As SQL has it, a bigint marked by its n. */
function literal(value: SqlValue): string {
  if (value === null) return 'NULL';
  if (typeof value === 'string') return `'${value}'`;
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value);
  return `x'${Buffer.from(value).toString('hex')}'`;
}
