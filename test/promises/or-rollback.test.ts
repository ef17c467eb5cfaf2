import { expect, test } from 'vitest';
import { capture } from '../support/captured.js';

const before = `CREATE TABLE t (id INTEGER PRIMARY KEY, a UNIQUE); INSERT INTO t VALUES (9, 9);
  CREATE TRIGGER r BEFORE INSERT ON t WHEN new.a = 'rollback' BEGIN SELECT RAISE(ROLLBACK, 'no'); END`;

test.each([
  'INSERT OR ROLLBACK INTO t VALUES (2, 2), (3, 9)',
  "INSERT INTO t VALUES (2, 2), (3, 'rollback')",
  'UPDATE OR ROLLBACK t SET a = 9',
])('a transaction that a statement rolled back never appears: %s', async (sql) => {
  const captured = capture({ before });
  captured.db.exec('BEGIN; INSERT INTO t VALUES (1, 1); SAVEPOINT s; INSERT INTO t VALUES (8, 8)');
  captured.fails(sql);
  expect(captured.db.inTransaction).toBe(false);
  expect(await captured.transactions()).toEqual([]);
  captured.db.exec('INSERT INTO t VALUES (5, 5)');
  expect(await captured.transactions()).toEqual([['insert t (5, 5)']]);
});

test('the same of a statement on its own', async () => {
  const captured = capture({ before });
  captured.fails('INSERT OR ROLLBACK INTO t VALUES (2, 2), (3, 9)');
  captured.db.exec('INSERT INTO t VALUES (5, 5)');
  expect(await captured.transactions()).toEqual([['insert t (5, 5)']]);
});

test('ROLLBACK drops all, and the next statement begins a new transaction', async () => {
  const captured = capture({ before });
  captured.db.exec('BEGIN; INSERT INTO t VALUES (1, 1); DELETE FROM t; ROLLBACK; BEGIN; INSERT INTO t VALUES (2, 2); COMMIT');
  expect(await captured.transactions()).toEqual([['insert t (2, 2)']]);
});

test('nothing appears before its commit', async () => {
  const captured = capture({ before });
  captured.db.exec('BEGIN; INSERT INTO t VALUES (1, 1)');
  expect(await captured.changes()).toEqual([]);
  captured.db.exec('SAVEPOINT s; INSERT INTO t VALUES (2, 2); RELEASE s');
  expect(await captured.changes()).toEqual([]);
  captured.db.exec('COMMIT');
  expect(await captured.transactions()).toEqual([['insert t (1, 1)', 'insert t (2, 2)']]);
});
