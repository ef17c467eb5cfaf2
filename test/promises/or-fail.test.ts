import { expect, test } from 'vitest';
import { capture } from '../support/captured.js';

const before = 'CREATE TABLE t (id INTEGER PRIMARY KEY, a UNIQUE); INSERT INTO t VALUES (9, 9)';

test('rows that OR FAIL keeps are published, although the statement failed', async () => {
  const captured = capture({ before });
  expect(captured.fails('INSERT OR FAIL INTO t VALUES (1, 1), (2, 2), (3, 9), (4, 4)')).toBe('SQLITE_CONSTRAINT_UNIQUE');
  expect(await captured.transactions()).toEqual([['insert t (1, 1)', 'insert t (2, 2)']]);
});

test('rows that a column declared ON CONFLICT FAIL keeps are published', async () => {
  const captured = capture({ before: 'CREATE TABLE t (id INTEGER PRIMARY KEY, a UNIQUE ON CONFLICT FAIL)' });
  expect(captured.fails('INSERT INTO t VALUES (1, 1), (2, 2), (3, 1)')).toBe('SQLITE_CONSTRAINT_UNIQUE');
  expect(await captured.transactions()).toEqual([['insert t (1, 1)', 'insert t (2, 2)']]);
});

test('rows that RAISE(FAIL) keeps are published, those of the trigger included', async () => {
  const captured = capture({
    before: `${before}; CREATE TABLE side (x); CREATE TRIGGER r AFTER INSERT ON t WHEN new.a = 'bad' BEGIN
      INSERT INTO side VALUES (new.id); SELECT RAISE(FAIL, 'no'); END`,
  });
  captured.fails("INSERT INTO t VALUES (1, 1), (2, 'bad'), (3, 3)");
  expect(await captured.transactions()).toEqual([['insert t (1, 1)', "insert t (2, 'bad')", 'indirect insert side (2)']]);
});

test('inside a transaction the rows before the failure stay', async () => {
  const captured = capture({ before: `${before}; INSERT INTO t VALUES (5, 5), (6, 6)` });
  captured.db.exec('BEGIN; INSERT INTO t VALUES (7, 7)');
  captured.fails('INSERT OR FAIL INTO t VALUES (1, 1), (2, 9)');
  captured.fails('UPDATE OR FAIL t SET a = CASE id WHEN 5 THEN 55 ELSE 9 END WHERE id IN (5, 6)');
  captured.db.exec('INSERT INTO t VALUES (8, 8); COMMIT');
  expect(await captured.transactions()).toEqual([['insert t (7, 7)', 'insert t (1, 1)', 'update t (5, 5) > (5, 55)', 'insert t (8, 8)']]);
});

test('a nested FAIL inside a savepoint goes with the savepoint only', async () => {
  const captured = capture({ before });
  captured.db.exec('BEGIN; SAVEPOINT s');
  captured.fails('INSERT OR FAIL INTO t VALUES (1, 1), (2, 9)');
  captured.db.exec('ROLLBACK TO s');
  captured.fails('INSERT OR FAIL INTO t VALUES (3, 3), (4, 9)');
  captured.db.exec('COMMIT');
  expect(await captured.transactions()).toEqual([['insert t (3, 3)']]);
});
