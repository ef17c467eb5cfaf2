import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Database, Replica, type RowtapError } from 'rowtap';
import { expect, onTestFinished, test } from 'vitest';
import { brief, capture } from '../support/captured.js';

function openDatabase(): Database {
  const folder = mkdtempSync(join(tmpdir(), 'rowtap-test-'));
  const db = new Database(join(folder, 'amid.db'));
  db.pragma('journal_mode = WAL');
  db.exec('CREATE TABLE t (id INTEGER PRIMARY KEY, a)');
  onTestFinished(() => {
    db.close();
    rmSync(folder, { recursive: true });
  });
  return db;
}

async function firstOf(subscription: AsyncIterable<Parameters<typeof brief>[0]>, count: number): Promise<string[]> {
  const seen: string[] = [];
  for await (const change of subscription) if (seen.push(brief(change)) === count) break;
  return seen;
}

test('a transaction that was open when somebody subscribed is delivered whole, what it did before included', async () => {
  const db = openDatabase();
  db.exec(
    "BEGIN; INSERT INTO t VALUES (1, 'before'); SAVEPOINT s; INSERT INTO t VALUES (2, 'undone'); ALTER TABLE t ADD COLUMN b; ROLLBACK TO s",
  );
  db.exec('CREATE TABLE u (x); INSERT INTO u VALUES (7)');
  const subscription = db.changes();
  db.exec("INSERT INTO t VALUES (3, 'after'); COMMIT");
  expect(await firstOf(subscription, 4)).toEqual(["insert t (1, 'before')", 'create u', 'insert u (7)', "insert t (3, 'after')"]);
});

test('a snapshot taken amid a transaction has none of it; its commit follows', async () => {
  const db = openDatabase();
  db.exec("INSERT INTO t VALUES (1, 'old'); BEGIN; UPDATE t SET a = 'new'; INSERT INTO t VALUES (2, 'new')");
  const subscription = db.changes({ snapshot: 'initial' });
  db.exec('COMMIT');
  expect(await firstOf(subscription, 4)).toEqual([
    'bootstrap t',
    "snapshot t (1, 'old')",
    "update t (1, 'old') > (1, 'new')",
    "insert t (2, 'new')",
  ]);
});

test('a large transaction that nobody watched is not watched from the middle: refused, and fine once it has ended', async () => {
  const db = openDatabase();
  db.exec(
    "BEGIN; WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) INSERT INTO t SELECT i, 'row ' || i FROM n",
  );
  let error: RowtapError | undefined;
  try {
    db.changes();
  } catch (thrown) {
    error = thrown as RowtapError;
  }
  expect(error).toMatchObject({ name: 'RowtapError', code: 'ROWTAP_BUSY', retryable: true });
  db.exec('COMMIT');
  const subscription = db.changes();
  db.exec("INSERT INTO t VALUES (0, 'then')");
  expect(await firstOf(subscription, 1)).toEqual(["insert t (0, 'then')"]);
});

test('a single row can be too large: refused amid its transaction, never left out of it', async () => {
  const db = openDatabase();
  db.exec("BEGIN; INSERT INTO t VALUES (1, 'small'); INSERT INTO t VALUES (2, zeroblob(40000)); INSERT INTO t VALUES (3, 'small')");
  expect(() => db.changes()).toThrow(expect.objectContaining({ code: 'ROWTAP_BUSY' }));
  db.exec("COMMIT; BEGIN; INSERT INTO t VALUES (4, 'small'); UPDATE t SET a = zeroblob(10000) WHERE id = 4");
  const subscription = db.changes();
  db.exec('INSERT INTO t VALUES (5, zeroblob(40000)); COMMIT');
  const changes: [op: string, id: unknown][] = [];
  for await (const change of subscription) {
    changes.push([change.op, 'after' in change ? change.after?.id : undefined]);
    if (changes.length === 3) break;
  }
  expect(changes).toEqual([
    ['insert', 4],
    ['update', 4],
    ['insert', 5],
  ]);
});

test.each(['wal', 'delete'])(
  'a schema change that nobody watched is not watched from the middle (%s): refused, and fine once it has ended',
  async (mode) => {
    const db = openDatabase();
    db.pragma(`journal_mode = ${mode}`);
    db.exec("INSERT INTO t VALUES (1, 'old'), (2, 'old')");
    const errors: unknown[] = [];
    db.function('subscribe', { deterministic: true }, (id) => {
      try {
        db.changes();
      } catch (thrown) {
        errors.push(thrown);
      }
      return id;
    });
    const busy = { name: 'RowtapError', code: 'ROWTAP_BUSY', retryable: true };
    db.exec('CREATE TABLE copy AS SELECT subscribe(id) AS id FROM t');
    expect(errors.splice(0)).toMatchObject([busy, busy]);
    db.exec('CREATE INDEX i ON t (subscribe(id))');
    expect(errors.splice(0)).toMatchObject([busy, busy]);
    // One that fails, and one that has nothing to do.
    expect(() => db.exec('CREATE UNIQUE INDEX j ON t (a, subscribe(id > 0))')).toThrow('UNIQUE');
    db.exec('CREATE TABLE IF NOT EXISTS t (x)');
    expect(errors.splice(0)).toMatchObject([busy, busy]);
    const subscription = db.changes();
    db.exec('INSERT INTO copy VALUES (7); DROP TABLE copy');
    expect(await firstOf(subscription, 2)).toEqual(['insert copy (7)', 'drop copy']);
  },
);

test('CREATE TABLE IF NOT EXISTS that was prepared while there was such a table is an event when it makes one', async () => {
  const captured = capture({ before: 'CREATE TABLE t (id INTEGER PRIMARY KEY)' });
  const ensure = captured.db.prepare('CREATE TABLE IF NOT EXISTS t AS SELECT 1 AS id');
  const remove = captured.db.prepare('DROP TABLE IF EXISTS t');
  for (const statement of [ensure, remove, remove, ensure, ensure, remove]) statement.run();
  expect(await captured.transactions()).toEqual([['drop t'], ['create t', 'insert t (1)'], ['drop t']]);
});

test('DROP TABLE is an event where foreign keys hold', async () => {
  const captured = capture({
    before:
      'PRAGMA foreign_keys = ON; CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE c (p REFERENCES p (id) DEFERRABLE INITIALLY DEFERRED)',
  });
  captured.db.exec('INSERT INTO p VALUES (1); INSERT INTO c VALUES (1); DROP TABLE c; DROP TABLE p');
  expect(await captured.transactions()).toEqual([['insert p (1)'], ['insert c (1)'], ['drop c'], ['drop p']]);
});

test('a file that takes the place of a removed one, its inode too, is another database', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'rowtap-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const kept = [];
  for (const name of ['first', 'second', 'third']) {
    const path = join(folder, `${name}.db`);
    const db = new Database(path);
    db.pragma('journal_mode = WAL');
    db.exec(`CREATE TABLE "${name}" (id INTEGER PRIMARY KEY); INSERT INTO "${name}" VALUES (1)`);
    const subscription = db.changes({ snapshot: 'initial' });
    db.exec(`INSERT INTO "${name}" VALUES (2)`);
    const target = new Database(':memory:');
    const replica = new Replica(target);
    let count = 0;
    for await (const change of subscription) {
      replica.apply([change]);
      if (++count === 3) break;
    }
    expect(replica.verify(db)).toMatchObject({ equal: true });
    // Neither read to its end nor closed.
    kept.push(db.changes());
    db.exec(`INSERT INTO "${name}" VALUES (3)`);
    db.close();
    target.close();
    rmSync(path);
  }
  for (const subscription of kept) await subscription.close();
});
