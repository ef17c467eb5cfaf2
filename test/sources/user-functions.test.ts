import { Database, type Subscription } from 'rowtap';
import { expect, onTestFinished, test } from 'vitest';
import { brief, capture, type CaptureOptions, type Captured } from '../support/captured.js';
import { LoggedFile } from '../support/logged-file.js';

const before = 'CREATE TABLE t (id INTEGER PRIMARY KEY, a); INSERT INTO t VALUES (1, 1), (2, 2), (3, 3)';
const mine = new Error('mine');

/** `positive` throws `mine` for numbers below zero, and gives others back. */
function withPositive(db: Database): void {
  db.function('positive', { deterministic: true }, (x: number) => {
    if (x < 0) throw mine;
    return x;
  });
}

function captureWithPositive(tables: string, options: CaptureOptions = {}): Captured {
  const captured = capture(options);
  withPositive(captured.db);
  captured.db.exec(tables);
  return captured;
}

const outcomes = ['INSERT', 'INSERT OR ABORT', 'INSERT OR FAIL', 'INSERT OR IGNORE', 'INSERT OR REPLACE', 'INSERT OR ROLLBACK'];

test('a function that fails amid INSERT … SELECT leaves no change in the stream', async () => {
  const captured = captureWithPositive('SELECT 1', { before });
  const { db } = captured;
  const sql = 'INTO t (a) SELECT positive(4 - 2 * id) FROM t ORDER BY id';
  for (const verb of outcomes) {
    const statement = db.prepare(`${verb} ${sql}`);
    const returning = db.prepare(`${verb} ${sql} RETURNING id`);
    const ways = [
      () => statement.run(),
      () => db.exec(`${verb} ${sql}`),
      () => returning.get(),
      () => returning.all(),
      () => [...returning.iterate()],
    ];
    for (const run of ways) {
      expect(run).toThrow(mine);
      expect(db.inTransaction).toBe(false);
    }
  }
  expect(await captured.transactions()).toEqual([]);
  db.transaction(() => {
    db.exec('UPDATE t SET a = 10 WHERE id = 1');
    for (const verb of outcomes) expect(() => db.exec(`${verb} ${sql}`)).toThrow(mine);
    db.exec('UPDATE t SET a = 30 WHERE id = 3');
  })();
  expect(await captured.transactions()).toEqual([['update t (1, 1) > (1, 10)', 'update t (3, 3) > (3, 30)']]);
  expect(() => db.transaction(() => db.exec('DELETE FROM t; SELECT positive(-1)'))()).toThrow(mine);
  expect(await captured.transactions()).toEqual([]);
});

test('what has been committed before a function failed is in the stream, and wakes its reader', async () => {
  const captured = captureWithPositive('SELECT 1', { before });
  expect(() => captured.db.exec('DELETE FROM t WHERE id = 1; DELETE FROM t WHERE id = 2; SELECT positive(-1); DELETE FROM t')).toThrow(
    mine,
  );
  expect(await captured.transactions()).toEqual([['delete t (1, 1)'], ['delete t (2, 2)']]);
});

test.each([
  ['a trigger', 'CREATE TABLE u (id INTEGER PRIMARY KEY, a); CREATE TRIGGER g AFTER INSERT ON u BEGIN SELECT positive(new.a); END'],
  ['a CHECK constraint', 'CREATE TABLE u (id INTEGER PRIMARY KEY, a CHECK (positive(a)))'],
  ['an index', 'CREATE TABLE u (id INTEGER PRIMARY KEY, a); CREATE INDEX i ON u (positive(a))'],
  ['a partial index', 'CREATE TABLE u (id INTEGER PRIMARY KEY, a); CREATE INDEX i ON u (a) WHERE positive(a) > 3'],
  ['a generated column', 'CREATE TABLE u (id INTEGER PRIMARY KEY, a, b AS (positive(a)) VIRTUAL); CREATE INDEX i ON u (b)'],
])('a function that fails in %s undoes what SQLite undoes, and no more', async (_, tables) => {
  const captured = captureWithPositive(tables);
  const { db } = captured;
  await captured.changes();
  for (const verb of outcomes) {
    expect(() => db.exec(`${verb} INTO u (a) VALUES (1), (-2), (3)`)).toThrow(mine);
    db.exec('BEGIN; INSERT INTO u (id, a) VALUES (1, 7)');
    expect(() => db.exec(`${verb} INTO u (a) VALUES (1), (-2), (3)`)).toThrow(mine);
    db.exec('SAVEPOINT s; INSERT INTO u (id, a) VALUES (2, 8)');
    expect(() => db.exec('UPDATE u SET a = -9; INSERT INTO u (a) VALUES (-9)')).toThrow(mine);
    db.exec('ROLLBACK TO s; INSERT INTO u (id, a) VALUES (3, 9); COMMIT');
    const [transaction, ...others] = await captured.transactions();
    expect(others).toEqual([]);
    expect(transaction).toEqual(['insert u (1, 7)', 'insert u (3, 9)']);
    expect(db.prepare('SELECT id, a FROM u').raw().all()).toEqual([
      [1, 7],
      [3, 9],
    ]);
    db.exec('DELETE FROM u');
    await captured.changes();
  }
});

test('generated columns, CHECKs, defaults and triggers may use functions and aggregates', async () => {
  const captured = capture();
  const { db } = captured;
  withPositive(db);
  let next = 1;
  db.function('next', () => next++);
  db.aggregate('product', { start: 1, step: (total: number, n: number) => total * n });
  db.exec(`CREATE TABLE u (id INTEGER PRIMARY KEY, a CHECK (positive(a) < 100), b DEFAULT (next()), c AS (positive(a) * 2) STORED);
    CREATE TABLE products (product);
    CREATE TRIGGER g AFTER INSERT ON u BEGIN INSERT INTO products SELECT product(a) FROM u; END`);
  await captured.changes();
  db.exec('INSERT INTO u (a) VALUES (2), (3); UPDATE u SET a = 5 WHERE id = 1');
  expect(captured.fails('INSERT INTO u (a) VALUES (100)')).toBe('SQLITE_CONSTRAINT_CHECK');
  expect(await captured.transactions()).toEqual([
    ['insert u (1, 2, 1, 4)', 'indirect insert products (2)', 'insert u (2, 3, 2, 6)', 'indirect insert products (6)'],
    ['update u (1, 2, 1, 4) > (1, 5, 1, 10)'],
  ]);
});

test('a function may write to another database, whose commits are in that one’s stream', async () => {
  const captured = capture({ before });
  const other = capture({ before: 'CREATE TABLE log (id INTEGER PRIMARY KEY, a)' });
  const insert = other.db.prepare('INSERT INTO log (a) VALUES (?)');
  captured.db.function('record', (a) => {
    insert.run(a);
    return insert.database.inTransaction ? null : a + 1;
  });
  captured.db.exec('UPDATE t SET a = record(a) WHERE id < 3');
  expect(await captured.transactions()).toEqual([['update t (1, 1) > (1, 2)', 'update t (2, 2) > (2, 3)']]);
  expect(await other.transactions()).toEqual([['insert log (1, 1)'], ['insert log (2, 2)']]);
  // What the other one has committed stays, though the statement that called the function is undone.
  captured.db.function('record_and_fail', (a) => {
    insert.run(a);
    throw mine;
  });
  expect(() => captured.db.exec('UPDATE t SET a = record_and_fail(a)')).toThrow(mine);
  expect(await captured.transactions()).toEqual([]);
  expect(await other.transactions()).toEqual([['insert log (3, 2)']]);
});

test('a function may read the same file by another connection, and sees what was committed', async () => {
  const captured = capture({ before });
  const reader = new Database(captured.path);
  onTestFinished(() => void reader.close());
  const count = reader.prepare('SELECT count(*) FROM t').pluck();
  captured.db.function('committed', () => count.get());
  captured.db.exec('BEGIN; DELETE FROM t WHERE id = 1; UPDATE t SET a = committed(); COMMIT');
  expect(await captured.transactions()).toEqual([['delete t (1, 1)', 'update t (2, 2) > (2, 3)', 'update t (3, 3) > (3, 3)']]);
});

test('rows that are copied from a virtual table are plain inserts; the virtual table is not captured', async () => {
  const captured = capture({ before });
  const { db } = captured;
  db.table('numbers', {
    columns: ['n'],
    parameters: ['last'],
    *rows(last: number) {
      for (let n = 1; n <= last; n++) {
        if (n === 5) throw mine;
        yield { n: BigInt(n * 10) };
      }
    },
  });
  db.table('made', () => ({
    columns: ['n'],
    *rows() {
      yield [7n];
    },
  }));
  db.exec('INSERT INTO t (a) SELECT n FROM numbers(2)');
  expect(await captured.transactions()).toEqual([['insert t (4, 10)', 'insert t (5, 20)']]);
  db.exec('CREATE TABLE copy AS SELECT n FROM numbers(2)');
  expect(await captured.transactions()).toEqual([['create copy', 'insert copy (10)', 'insert copy (20)']]);
  expect(() => db.exec('INSERT INTO t (a) SELECT n FROM numbers(9)')).toThrow(mine);
  expect(() => db.exec('CREATE TABLE other AS SELECT n FROM numbers(9)')).toThrow(mine);
  expect(db.inTransaction).toBe(false);
  db.exec('CREATE VIRTUAL TABLE v USING made(x); INSERT INTO t (a) SELECT n FROM v; DROP TABLE v');
  expect(await captured.transactions()).toEqual([['insert t (6, 7)']]);
});

test('a schema change whose function or factory fails is undone, with no event', async () => {
  const captured = captureWithPositive('SELECT 1', { before });
  const { db } = captured;
  db.exec('INSERT INTO t VALUES (9, -1)');
  await captured.changes();
  db.table('failing', () => {
    throw mine;
  });
  const failing = [
    'CREATE TABLE copy AS SELECT positive(a) FROM t',
    'CREATE INDEX i ON t (positive(a))',
    'CREATE VIRTUAL TABLE v USING failing',
  ];
  for (const sql of failing) {
    expect(() => db.exec(sql)).toThrow(mine);
    expect(() => db.prepare(sql).run()).toThrow(mine);
    expect(db.inTransaction).toBe(false);
    db.exec('BEGIN; INSERT INTO t VALUES (10, 10)');
    expect(() => db.exec(sql)).toThrow(mine);
    expect(db.inTransaction).toBe(true);
    db.exec('DELETE FROM t WHERE id = 10; COMMIT');
  }
  expect((await captured.transactions()).flat()).toEqual(failing.flatMap(() => ['insert t (10, 10)', 'delete t (10, 10)']));
  expect(db.prepare('SELECT count(*) FROM sqlite_schema WHERE name <> ?').pluck().get('test_marker')).toBe(1);
  db.exec(
    'DELETE FROM t WHERE a < 0; CREATE INDEX i ON t (positive(a)); ALTER TABLE t ADD COLUMN b AS (positive(a)); ALTER TABLE t RENAME COLUMN a TO c',
  );
  db.exec('UPDATE t SET c = 5 WHERE id = 1');
  expect(await captured.transactions()).toEqual([['delete t (9, -1)'], ['alter t'], ['alter t'], ['update t (1, 1) > (1, 5)']]);
});

test('a snapshot needs no function that the table’s generated columns, indexes and CHECKs call', async () => {
  const captured = captureWithPositive(
    `CREATE TABLE u (id INTEGER PRIMARY KEY, a CHECK (positive(a)), b AS (positive(a) * 2) STORED, c AS (positive(a) * 3) VIRTUAL);
     CREATE INDEX i ON u (positive(a)); CREATE INDEX j ON u (a) WHERE positive(a) > 1; CREATE INDEX k ON u (c);
     CREATE TABLE w (k PRIMARY KEY, a UNIQUE, b AS (positive(a)) UNIQUE) WITHOUT ROWID;
     INSERT INTO u (a) VALUES (1), (2); INSERT INTO w (k, a) VALUES ('x', 1)`,
  );
  const snapshot: Subscription = captured.db.changes({ snapshot: 'initial', tables: ['u', 'w'] });
  const rows: string[] = [];
  for await (const change of snapshot) {
    if (change.op === 'bootstrap') continue;
    rows.push(brief(change));
    if (rows.length === 3) captured.db.exec('INSERT INTO u (a) VALUES (3)');
    if (rows.length === 4) break;
  }
  expect(rows.toSorted()).toEqual(['insert u (3, 3, 6)', 'snapshot u (1, 1, 2)', 'snapshot u (2, 2, 4)', "snapshot w ('x', 1)"].toSorted());
});

test.each(['wal', 'delete'] as const)('the log has what functions wrote, and nothing of what failed (%s)', async (mode) => {
  const file = await LoggedFile.make({ mode, before });
  const db = file.open();
  withPositive(db);
  db.exec('INSERT INTO t (a) SELECT positive(id) FROM t WHERE id = 2');
  expect(() => db.exec('INSERT INTO t (a) SELECT positive(2 - id) FROM t ORDER BY id')).toThrow(mine);
  expect(() => db.exec('CREATE TABLE copy AS SELECT positive(-id) AS id FROM t')).toThrow(mine);
  db.exec('CREATE TABLE copy AS SELECT positive(id) AS id FROM t WHERE id = 1');
  db.close();
  expect(await file.logged()).toEqual([['insert t (4, 2)'], ['create copy', 'insert copy (1)']]);
});

test('functions that replace SQLite’s own are not called by what rowtap runs on the connection', async () => {
  const captured = capture({ before });
  const { db } = captured;
  const called: string[] = [];
  for (const name of [
    'count',
    'max',
    'min',
    'sum',
    'typeof',
    'length',
    'ifnull',
    'iif',
    'json',
    'quote',
    'lower',
    'like',
    'abs',
    'substr',
  ]) {
    db.function(name, { varargs: true, deterministic: true }, () => {
      called.push(name);
      throw mine;
    });
  }
  db.exec(
    'UPDATE t SET a = 5 WHERE id = 1; CREATE TABLE u (x); ALTER TABLE u ADD COLUMN y; CREATE TABLE copy AS SELECT id FROM t WHERE id = 2',
  );
  expect(await captured.transactions()).toEqual([
    ['update t (1, 1) > (1, 5)'],
    ['create u'],
    ['alter u'],
    ['create copy', 'insert copy (2)'],
  ]);
  const snapshot: Subscription = db.changes({ snapshot: 'initial', tables: ['t'] });
  const rows: string[] = [];
  for await (const change of snapshot) if (rows.push(brief(change)) === 4) break;
  expect(rows).toEqual(['bootstrap t', 'snapshot t (1, 5)', 'snapshot t (2, 2)', 'snapshot t (3, 3)']);
  expect(called).toEqual([]);
});

test('who subscribes in a function gets the statement that called it, whole', async () => {
  const captured = capture({ before });
  const { db } = captured;
  await captured.subscription.close();
  let made: Subscription | undefined;
  db.function('subscribe', (a) => {
    made ??= db.changes();
    return a + 1;
  });
  db.exec('UPDATE t SET a = subscribe(a)');
  const seen: string[] = [];
  for await (const change of made as unknown as Subscription) if (seen.push(brief(change)) === 3) break;
  expect(seen).toEqual(['update t (1, 1) > (1, 2)', 'update t (2, 2) > (2, 3)', 'update t (3, 3) > (3, 4)']);
});
