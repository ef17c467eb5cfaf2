import type { RowChange } from 'rowtap';
import { expect, test } from 'vitest';
import { type Captured, capture } from '../support/captured.js';

const keysOf = async (captured: Captured): Promise<unknown[]> =>
  ((await captured.changes()) as RowChange[]).map(({ op, key }) => [op, key]);

test('an update that changes the rowid is one update, its key the old one', async () => {
  const captured = capture({ before: 'CREATE TABLE t (id INTEGER PRIMARY KEY, a); INSERT INTO t VALUES (1, 1)' });
  captured.db.exec('UPDATE t SET id = 2');
  const changes = await captured.changes();
  expect(changes).toMatchObject([{ op: 'update', key: { id: 1 }, before: { id: 1, a: 1 }, after: { id: 2, a: 1 } }]);
});

test('an update of the key of a WITHOUT ROWID table is one update, its key the old one', async () => {
  const captured = capture({ before: "CREATE TABLE t (a, k PRIMARY KEY, b) WITHOUT ROWID; INSERT INTO t VALUES (1, 'x', 2)" });
  captured.db.exec("UPDATE t SET k = 'y'");
  expect(await captured.changes()).toMatchObject([
    { op: 'update', key: { k: 'x' }, before: { a: 1, k: 'x', b: 2 }, after: { a: 1, k: 'y', b: 2 } },
  ]);
});

test('rowid 0, negative rowids and the ends of their range', async () => {
  const captured = capture({ before: 'CREATE TABLE t (id INTEGER PRIMARY KEY)' });
  captured.db.exec('INSERT INTO t VALUES (0), (-1), (-9223372036854775808), (9223372036854775807); DELETE FROM t WHERE id <= 0');
  expect(await captured.transactions()).toEqual([
    ['insert t (0)', 'insert t (-1)', 'insert t (-9223372036854775808n)', 'insert t (9223372036854775807n)'],
    ['delete t (-9223372036854775808n)', 'delete t (-1)', 'delete t (0)'],
  ]);
});

test('a rowid deleted and used again in one transaction', async () => {
  const captured = capture({ before: "CREATE TABLE t (id INTEGER PRIMARY KEY, a); INSERT INTO t VALUES (1, 'old')" });
  captured.db.exec(
    `BEGIN; DELETE FROM t WHERE id = 1; INSERT INTO t VALUES (1, 'new'); UPDATE t SET a = 'newer'; DELETE FROM t;
      INSERT INTO t VALUES (1, 'newest'); COMMIT`,
  );
  expect(await captured.transactions()).toEqual([
    ["delete t (1, 'old')", "insert t (1, 'new')", "update t (1, 'new') > (1, 'newer')", "delete t (1, 'newer')", "insert t (1, 'newest')"],
  ]);
});

test.each([
  ['of unequal parts', 'a TEXT, b BLOB, c REAL, PRIMARY KEY (a, b, c)', "'x', x'00ff', 1", { a: 'x', b: Buffer.from([0, 255]), c: 1 }],
  ['not first', 'v, w, k TEXT PRIMARY KEY', "1, 2, 'k'", { k: 'k' }],
  ['in another order than the columns', 'a, b, c, PRIMARY KEY (c, a)', '1, 2, 3', { c: 3, a: 1 }],
  ['DESC', 'a, b, PRIMARY KEY (b DESC, a)', '1, 2', { b: 2, a: 1 }],
  ['NOCASE', 'a TEXT COLLATE NOCASE, b, PRIMARY KEY (a)', "'Aa', 2", { a: 'Aa' }],
])('composite keys and their likes: %s', async (_name, columns, values, key) => {
  for (const suffix of ['', ' WITHOUT ROWID']) {
    const captured = capture({ before: `CREATE TABLE t (${columns})${suffix}` });
    captured.db.exec(`INSERT INTO t VALUES (${values}); DELETE FROM t`);
    const keys = await keysOf(captured);
    expect(keys, suffix).toEqual([
      ['insert', key],
      ['delete', key],
    ]);
    expect(
      keys.map((pair) => Object.keys((pair as [string, object])[1])),
      suffix,
    ).toEqual([Object.keys(key), Object.keys(key)]);
  }
});

test('a NOCASE key changed in case only', async () => {
  const captured = capture({
    before: "CREATE TABLE t (k TEXT COLLATE NOCASE PRIMARY KEY, v) WITHOUT ROWID; INSERT INTO t VALUES ('a', 1)",
  });
  captured.db.exec("UPDATE t SET k = 'A'; REPLACE INTO t VALUES ('a', 2)");
  expect(await captured.transactions()).toEqual([["update t ('a', 1) > ('A', 1)"], ["delete t ('A', 1)", "insert t ('a', 2)"]]);
});

test('a table without a declared key has none, before and after VACUUM renumbers it', async () => {
  const captured = capture({ before: "CREATE TABLE t (a); INSERT INTO t VALUES ('x'), ('y'), ('z'); DELETE FROM t WHERE a = 'x'" });
  captured.db.exec("UPDATE t SET a = 'Y' WHERE a = 'y'; VACUUM; UPDATE t SET a = 'Z' WHERE a = 'z'");
  expect(await captured.changes()).toMatchObject([
    { op: 'update', key: null, before: { a: 'y' }, after: { a: 'Y' } },
    { op: 'update', key: null, before: { a: 'z' }, after: { a: 'Z' } },
  ]);
});
