import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { Database, listSources } from 'rowtap';
import { expect, test } from 'vitest';
import { Follower } from '../support/follower.js';
import { type Command, commandArbitrary, propertySchema, statementOf } from '../support/statement-generator.js';

/** How many committed transactions are compared at least, and the seed of fast-check, which it prints when it fails. */
const wantedTransactions = Number(process.env.ROWTAP_PROPERTY_TRANSACTIONS ?? 2000);
const seed = process.env.ROWTAP_PROPERTY_SEED;

interface RandomTransaction {
  begin: '' | 'BEGIN' | 'BEGIN IMMEDIATE' | 'SAVEPOINT a';
  isSecondConnection: boolean;
  commands: Command[];
  /** Of a command with RETURNING: read one row, and leave it open until the commands that follow it have run. */
  opensReturning: boolean;
  end: 'COMMIT' | 'ROLLBACK' | 'RELEASE a';
}

const transactionArbitrary: fc.Arbitrary<RandomTransaction> = fc.record({
  begin: fc.constantFrom('', 'BEGIN', 'BEGIN', 'BEGIN IMMEDIATE', 'SAVEPOINT a'),
  isSecondConnection: fc.nat(4).map((n) => n === 0),
  commands: fc.array(commandArbitrary, { minLength: 1, maxLength: 8, size: 'max' }),
  opensReturning: fc.nat(7).map((n) => n === 0),
  end: fc.constantFrom('COMMIT', 'COMMIT', 'COMMIT', 'ROLLBACK', 'RELEASE a'),
});

const programArbitrary = fc.record({
  transactions: fc.array(transactionArbitrary, { minLength: 1, maxLength: 40, size: 'max' }),
  /** Subscribe to an empty database, or to rows that exist. */
  isSnapshot: fc.boolean(),
  integers: fc.constantFrom('auto', 'bigint'),
  changesPerApply: fc.constantFrom(undefined, 1, 7),
  mode: fc.constantFrom('wal', 'wal', 'memory'),
});

/** SQLite's own refusals are what the test wants; anything else is a fault. */
function attempt(act: () => void): void {
  try {
    act();
  } catch (error) {
    if (!String((error as { code?: unknown }).code).startsWith('SQLITE_')) throw error;
  }
}

function isWithReturning(sql: string): boolean {
  return /^INSERT .* INTO /.test(sql) && !sql.includes('ON CONFLICT DO');
}

/** Of the one database that is open. */
function committedSoFar(): number {
  return listSources()[0]?.transactions ?? 0;
}

class Program {
  readonly #history: string[] = [];
  readonly #connections: Database[];
  readonly #follower: Follower;

  constructor(connections: Database[], follower: Follower) {
    this.#connections = connections;
    this.#follower = follower;
  }

  async run(transaction: RandomTransaction): Promise<void> {
    const db = this.#connections[transaction.isSecondConnection ? this.#connections.length - 1 : 0] as Database;
    let left: IterableIterator<unknown> | undefined;
    if (transaction.begin !== '') this.#exec(db, transaction.begin);
    try {
      for (const command of transaction.commands) {
        const sql = statementOf(db, command);
        if (transaction.opensReturning && left === undefined && isWithReturning(sql)) {
          left = this.#open(db, `${sql} RETURNING 1`);
          continue;
        }
        this.#exec(db, sql);
        if (transaction.begin === '' && left === undefined && !db.inTransaction) await this.#follower.expectEqual(this.#history);
      }
    } finally {
      attempt(() => void left?.return?.());
    }
    if (db.inTransaction) this.#exec(db, transaction.end);
    // A deferred key can refuse the commit, and RELEASE may name a savepoint that is not the outermost.
    if (db.inTransaction) this.#exec(db, 'UPDATE ch SET q = NULL');
    if (db.inTransaction) this.#exec(db, 'COMMIT');
    if (db.inTransaction) this.#exec(db, 'ROLLBACK');
    expect(db.inTransaction).toBe(false);
    await this.#follower.expectEqual(this.#history);
  }

  #open(db: Database, sql: string): IterableIterator<unknown> | undefined {
    this.#history.push(`${sql} -- left open`);
    let rows: IterableIterator<unknown> | undefined;
    attempt(() => {
      rows = db.prepare(sql).iterate();
      rows.next();
    });
    return rows;
  }

  #exec(db: Database, sql: string): void {
    this.#history.push(sql);
    attempt(() => db.exec(sql));
  }
}

test(
  `after each of ${wantedTransactions} random transactions the replica equals the database`,
  async () => {
    let committed = 0;
    await fc.assert(
      fc.asyncProperty(programArbitrary, async ({ transactions, isSnapshot, integers, changesPerApply, mode }) => {
        if (committed >= wantedTransactions) return;
        const folder = mkdtempSync(join(tmpdir(), 'rowtap-property-'));
        const connections: Database[] = [];
        try {
          const db = new Database(mode === 'memory' ? ':memory:' : join(folder, 'test.db'));
          connections.push(db);
          if (mode === 'wal') {
            db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF');
            connections.push(new Database(join(folder, 'test.db')));
          }
          for (const connection of connections)
            connection.exec('PRAGMA foreign_keys = ON; PRAGMA recursive_triggers = ON').unsafeMode(true);
          if (isSnapshot)
            db.exec(
              `${propertySchema}; INSERT INTO r (id, a) VALUES (1, 1), (2, 'two'); INSERT INTO k VALUES (1, 1), (1, 1);
                INSERT INTO g (x) VALUES (5)`,
            );
          await using follower = new Follower(db, {
            snapshot: isSnapshot ? 'initial' : 'never',
            integers,
            ...(changesPerApply === undefined ? {} : { changesPerApply }),
          });
          if (!isSnapshot) db.exec(propertySchema);
          const begun = committedSoFar();
          const program = new Program(connections, follower);
          for (const transaction of transactions) await program.run(transaction);
          committed += committedSoFar() - begun;
        } finally {
          for (const connection of connections) connection.close();
          rmSync(folder, { recursive: true });
        }
      }),
      { numRuns: Math.ceil(wantedTransactions / 4), ...(seed === undefined ? {} : { seed: Number(seed) }), endOnFailure: false },
    );
    expect(committed).toBeGreaterThanOrEqual(wantedTransactions);
  },
  Math.max(300_000, wantedTransactions * 200),
);
