/**
 * Both engines on one database, under random transactions: they deliver the same changes, and a replica that follows either equals the
 * database after each commit. fast-check prints its seed when it fails; ROWTAP_PROPERTY_SEED repeats it.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import {
  type Change,
  channelSignal,
  Database,
  installTriggers,
  openSource,
  Replica,
  type Source,
  type Subscription,
  uninstallTriggers,
} from 'rowtap';
import { expect, test, vi } from 'vitest';
import { brief, turns } from '../../support/captured.js';
import { type Command, commandArbitrary, propertySchema, statementOf } from '../../support/statement-generator.js';

const wantedTransactions = Number(process.env.ROWTAP_PROPERTY_TRANSACTIONS ?? 1000);
const seed = process.env.ROWTAP_PROPERTY_SEED;

interface RandomTransaction {
  isSecondConnection: boolean;
  begin: '' | 'BEGIN' | 'SAVEPOINT a';
  commands: Command[];
  end: 'COMMIT' | 'ROLLBACK' | 'RELEASE a';
}

const programArbitrary = fc.record({
  transactions: fc.array(
    fc.record({
      isSecondConnection: fc.nat(4).map((n) => n === 0),
      begin: fc.constantFrom('', 'BEGIN', 'SAVEPOINT a'),
      commands: fc.array(commandArbitrary, { minLength: 1, maxLength: 8, size: 'max' }),
      end: fc.constantFrom('COMMIT', 'COMMIT', 'COMMIT', 'ROLLBACK', 'RELEASE a'),
    }) as fc.Arbitrary<RandomTransaction>,
    { minLength: 1, maxLength: 30, size: 'max' },
  ),
});

/** SQLite's own refusals are what the test wants; anything else is a fault. */
function attempt(act: () => void): void {
  try {
    act();
  } catch (error) {
    if (!String((error as { code?: unknown }).code).startsWith('SQLITE_')) throw error;
  }
}

/** Changes the schema: the same statement fails, or does, what it would without triggers. */
function reshape(db: Database, sql: string): void {
  const table = /^ALTER TABLE ("(?:[^"]|"")+") DROP COLUMN/.exec(sql)?.[1];
  if (table !== undefined) uninstallTriggers(db, { tables: [table.slice(1, -1).replaceAll('""', '"').replace(/[[*?]/g, '[$&]')] });
  else installTriggers(db);
  attempt(() => db.exec(sql));
  installTriggers(db);
}

interface Engines {
  db: Database;
  second: Database;
  hook: Source;
  trigger: Source;
  committed: () => void;
}

async function withBoth(run: (engines: Engines) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'rowtap-differential-'));
  const db = new Database(join(folder, 'test.db'));
  const second = new Database(join(folder, 'test.db'));
  const signal = channelSignal();
  const sources: Source[] = [];
  try {
    db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA foreign_keys = ON; PRAGMA recursive_triggers = ON;
      ${propertySchema}; INSERT INTO r (id, a) VALUES (1, 1), (2, 'two'); INSERT INTO p VALUES (1, 1), (2, 2); INSERT INTO ch VALUES (1, 1, 2)`);
    second.exec('PRAGMA synchronous = OFF; PRAGMA foreign_keys = ON; PRAGMA recursive_triggers = ON');
    installTriggers(db);
    sources.push(openSource(db, { name: 'hook' }), openSource(db, { name: 'trigger', engine: 'trigger', wake: signal }));
    const [hook, trigger] = sources as [Source, Source];
    await run({ db, second, hook, trigger, committed: () => signal.wake() });
  } finally {
    for (const source of sources) await source.close();
    for (const connection of [db, second]) connection.close();
    rmSync(folder, { recursive: true });
  }
}

/** Runs the transaction; `committed` whenever one has ended. Gives what was run. */
function perform(engines: Engines, transaction: RandomTransaction, run: (db: Database, sql: string) => void): string[] {
  const { begin, commands, end, isSecondConnection } = transaction;
  const db = isSecondConnection ? engines.second : engines.db;
  const history: string[] = [];
  const exec = (sql: string): void => {
    history.push(sql);
    run(db, sql);
    if (!db.inTransaction) engines.committed();
  };
  if (begin !== '') exec(begin);
  for (const command of commands) exec(statementOf(db, command));
  if (db.inTransaction) exec(end);
  // A deferred key can refuse the commit, and RELEASE may name a savepoint that is not the outermost.
  for (const sql of ['UPDATE ch SET q = NULL', 'COMMIT', 'ROLLBACK']) if (db.inTransaction) exec(sql);
  return history;
}

const isOfSchema = (sql: string): boolean => /^(?:ALTER|CREATE|DROP)\b/.test(sql);

test(
  'the same changes in the same transactions, and those of each row in the same order',
  async () => {
    let compared = 0;
    await fc.assert(
      fc.asyncProperty(programArbitrary, async ({ transactions }) => {
        if (compared >= wantedTransactions) return;
        await withBoth(async (engines) => {
          const received = [new Received(engines.hook.subscribe()), new Received(engines.trigger.subscribe())] as const;
          const history: string[] = [];
          for (const transaction of transactions) {
            history.push(
              ...perform(engines, transaction, (db, sql) => {
                if (!isOfSchema(sql)) attempt(() => db.exec(sql));
              }),
            );
          }
          engines.db.exec("INSERT INTO log VALUES ('end', 'end')");
          engines.committed();
          const [hook, trigger] = [await received[0].untilEnd(), await received[1].untilEnd()];
          expect(trigger.map(sorted), JSON.stringify(history)).toEqual(hook.map(sorted));
          expect(trigger.map(byRow), JSON.stringify(history)).toEqual(hook.map(byRow));
          compared += hook.length - 1;
        });
      }),
      { numRuns: Math.ceil(wantedTransactions / 4), ...(seed === undefined ? {} : { seed: Number(seed) }), endOnFailure: false },
    );
    expect(compared).toBeGreaterThanOrEqual(wantedTransactions);
  },
  Math.max(300_000, wantedTransactions * 200),
);

test(
  'replicas of both equal the database after each transaction, whatever happens to its tables',
  async () => {
    let compared = 0;
    await fc.assert(
      fc.asyncProperty(programArbitrary, async ({ transactions }) => {
        if (compared >= wantedTransactions) return;
        await withBoth(async (engines) => {
          await using hook = new Followed(engines.hook.subscribe({ snapshot: 'always' }), { hasGaps: false });
          await using trigger = new Followed(engines.trigger.subscribe({ consumer: 'c', snapshot: 'when-needed' }), { hasGaps: true });
          const history: string[] = [];
          for (const transaction of transactions) {
            history.push(
              ...perform(engines, transaction, (db, sql) => {
                if (isOfSchema(sql)) reshape(db, sql);
                else attempt(() => db.exec(sql));
              }),
            );
            await turns();
            for (const followed of [hook, trigger]) {
              await vi.waitFor(() => followed.expectEqual(engines.db, history), { timeout: 3000, interval: 5 });
            }
            ++compared;
          }
        });
      }),
      { numRuns: Math.ceil(wantedTransactions / 4), ...(seed === undefined ? {} : { seed: Number(seed) }), endOnFailure: false },
    );
    expect(compared).toBeGreaterThanOrEqual(wantedTransactions);
  },
  Math.max(300_000, wantedTransactions * 200),
);

/** The changes of each commit, up to the one that ends the program. */
class Received {
  readonly #subscription: Subscription;

  constructor(subscription: Subscription) {
    this.#subscription = subscription;
  }

  async untilEnd(): Promise<Change[][]> {
    const transactions: Change[][] = [];
    for await (const transaction of this.#subscription.transactions()) {
      transactions.push([...transaction]);
      if ([...transaction].some(({ table, after }) => table === 'log' && after?.['x'] === 'end')) break;
    }
    return transactions;
  }
}

/** A replica in memory that follows a subscription. */
class Followed implements AsyncDisposable {
  readonly #target = new Database(':memory:');
  readonly #replica = new Replica(this.#target);
  readonly #subscription: Subscription;
  readonly #following: Promise<void>;
  readonly #hasGaps: boolean;
  #error: unknown;

  /** A snapshot that comes because of a gap says which tables there are, not which have gone in the gap. */
  constructor(subscription: Subscription, { hasGaps }: { hasGaps: boolean }) {
    this.#subscription = subscription;
    this.#hasGaps = hasGaps;
    this.#following = this.#replica.follow(subscription).catch((error: unknown) => {
      this.#error = error;
    });
  }

  expectEqual(db: Database, history: string[]): void {
    if (this.#error !== undefined) throw new Error(`the replica stopped: ${JSON.stringify(history)}`, { cause: this.#error });
    const existing = new Set(db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").pluck().all());
    const wrong = this.#replica
      .verify(db)
      .tables.filter(({ table, missing, extra, different }) => missing + extra + different > 0 && (!this.#hasGaps || existing.has(table)));
    if (wrong.length > 0) expect.fail(`the replica differs: ${JSON.stringify({ wrong, history })}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#subscription.close();
    await this.#following;
    this.#target.close();
  }
}

const plain = (change: Change): string => brief(change).replace(/^indirect /, '');

function sorted(changes: Change[]): string[] {
  return changes.map(plain).sort();
}

/** Tables without a key have no rows that could be told apart. */
function byRow(changes: Change[]): Record<string, string[]> {
  const rows: Record<string, string[]> = {};
  for (const change of changes) {
    if (!('key' in change) || change.key === null) continue;
    const row = `${change.table} ${JSON.stringify(change.key, (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value))}`;
    rows[row] = [...(rows[row] ?? []), plain(change)];
  }
  return rows;
}
