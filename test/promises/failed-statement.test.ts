import { afterEach, beforeAll, expect, test } from 'vitest';
import { capture } from '../support/captured.js';
import { clearFaults, failFile, installFaultVfs, resultCode } from '../support/fault-vfs.js';

beforeAll(installFaultVfs);
afterEach(clearFaults);

const before = `CREATE TABLE t (id INTEGER PRIMARY KEY, a UNIQUE, n CHECK (n > 0)); INSERT INTO t VALUES (9, 9, 9);
  CREATE TABLE side (x);
  CREATE TRIGGER fails AFTER INSERT ON t WHEN new.a = 'abort' BEGIN INSERT INTO side VALUES (new.id); SELECT RAISE(ABORT, 'no'); END;
  CREATE TRIGGER keeps AFTER INSERT ON t WHEN new.a = 'fail' BEGIN INSERT INTO side VALUES (new.id); SELECT RAISE(FAIL, 'no'); END`;

test('rows of a statement that failed never appear, the rest of its transaction does', async () => {
  const captured = capture({ before });
  captured.db.exec('BEGIN; INSERT INTO t VALUES (1, 1, 1)');
  expect(captured.fails('INSERT INTO t VALUES (2, 2, 2), (3, 3, 3), (4, 9, 4)')).toBe('SQLITE_CONSTRAINT_UNIQUE');
  expect(captured.fails('UPDATE t SET n = n - 2')).toBe('SQLITE_CONSTRAINT_CHECK');
  captured.db.exec('INSERT INTO t VALUES (5, 5, 5); COMMIT');
  expect(await captured.transactions()).toEqual([['insert t (1, 1, 1)', 'insert t (5, 5, 5)']]);
});

test('a failed statement of its own is no transaction', async () => {
  const captured = capture({ before });
  captured.fails('INSERT INTO t VALUES (2, 2, 2), (4, 9, 4)');
  expect(await captured.transactions()).toEqual([]);
  captured.db.exec('INSERT INTO t VALUES (2, 2, 2)');
  expect(await captured.transactions()).toEqual([['insert t (2, 2, 2)']]);
});

test('a trigger that raises ABORT takes its own rows with it, one that raises FAIL leaves them', async () => {
  const captured = capture({ before });
  captured.db.exec('BEGIN');
  captured.fails("INSERT INTO t VALUES (1, 'abort', 1)");
  captured.fails("INSERT INTO t VALUES (2, 'fail', 1)");
  captured.db.exec('COMMIT');
  expect(await captured.transactions()).toEqual([["insert t (2, 'fail', 1)", 'indirect insert side (2)']]);
});

test('a statement that fails at its first row takes nothing else', async () => {
  const captured = capture({ before });
  captured.db.exec('BEGIN; INSERT INTO t VALUES (1, 1, 1)');
  captured.fails('INSERT INTO t VALUES (9, 1, 1)');
  captured.fails('INSERT INTO t VALUES (2, 2, 0)');
  captured.db.exec('COMMIT');
  expect(await captured.transactions()).toEqual([['insert t (1, 1, 1)']]);
});

test('an error that is no constraint: a failed CAST, a missing function in a trigger, an overflow', async () => {
  const captured = capture({ before: 'CREATE TABLE t (id INTEGER PRIMARY KEY, a)' });
  captured.db.exec('BEGIN; INSERT INTO t VALUES (1, 9223372036854775807)');
  captured.fails('INSERT INTO t SELECT 2, abs(-9223372036854775808) UNION ALL SELECT 3, 3');
  captured.fails("INSERT INTO t SELECT value + 10, CASE value WHEN 3 THEN json('not json') ELSE value END FROM json_each('[1,2,3,4]')");
  captured.db.exec('COMMIT');
  expect(await captured.transactions()).toEqual([['insert t (1, 9223372036854775807n)']]);
});

// SQLite undoes a statement if the errors that it foresees need it, and those of virtual tables it does not.
test('what an UPDATE has changed before its virtual table failed stays, or goes, in the stream as in the database', async () => {
  const captured = capture({ before: 'CREATE TABLE t (id INTEGER PRIMARY KEY, a); INSERT INTO t VALUES (1, 1), (2, 2), (3, 3)' });
  const { db } = captured;
  db.table('below_two', {
    columns: ['n'],
    parameters: ['given'],
    *rows(given: number) {
      if (given >= 2) throw new RangeError('too large');
      yield [given + 10];
    },
  });
  const update = 'UPDATE t SET a = (SELECT n FROM below_two(t.a))';
  const rows = (): unknown[] => db.prepare('SELECT a FROM t ORDER BY id').pluck().all();
  expect(() => db.exec(update)).toThrow(RangeError);
  expect(rows()).toEqual([1, 2, 3]);
  expect(await captured.transactions()).toEqual([]);

  db.exec('BEGIN; SAVEPOINT s');
  expect(() => db.exec(update)).toThrow(RangeError);
  db.exec('ROLLBACK TO s');
  expect(rows()).toEqual([1, 2, 3]);
  expect(() => db.exec(update)).toThrow(RangeError);
  db.exec('COMMIT');
  expect(rows()).toEqual([11, 2, 3]);
  expect(await captured.transactions()).toEqual([['update t (1, 1) > (1, 11)']]);
});

test.each(['INSERT INTO t VALUES (1, 1)', 'INSERT INTO t VALUES (1, 1), (2, 2)', 'UPDATE t SET a = 2', 'DELETE FROM t'])(
  'a statement for which no rollback journal can be opened, and whose transaction goes on: %s',
  async (sql) => {
    const captured = capture({ where: 'delete', before: "CREATE TABLE t (id INTEGER PRIMARY KEY, a); INSERT INTO t VALUES (9, 'nine')" });
    captured.db.exec('BEGIN');
    failFile({ file: 'journal', operation: 'open', code: resultCode.cannotOpen });
    expect(captured.fails(sql)).toBe('SQLITE_CANTOPEN');
    captured.db.exec("INSERT INTO t VALUES (5, 'five'); COMMIT");
    expect(captured.db.prepare('SELECT id FROM t').pluck().all()).toEqual([5, 9]);
    expect(await captured.transactions()).toEqual([["insert t (5, 'five')"]]);
  },
);

test('rows stay, and are delivered, that SQLite leaves in place because it opened no journal for such an error', async () => {
  const captured = capture({ before: 'CREATE TABLE p (id INTEGER PRIMARY KEY, name UNIQUE ON CONFLICT FAIL)' });
  captured.db.exec('BEGIN');
  expect(captured.fails("INSERT OR IGNORE INTO p VALUES (1, 'one'), ('no rowid', 'two')")).toBe('SQLITE_MISMATCH');
  captured.db.exec('COMMIT');
  expect(captured.db.prepare('SELECT id FROM p').pluck().all()).toEqual([1]);
  expect(await captured.transactions()).toEqual([["insert p (1, 'one')"]]);
});
