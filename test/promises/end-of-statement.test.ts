import { Database } from 'rowtap';
import { expect, test } from 'vitest';
import { capture, failureOf } from '../support/captured.js';

const before = 'CREATE TABLE t (id INTEGER PRIMARY KEY, a UNIQUE)';

test('INSERT … RETURNING left open is published when it is ended, once', async () => {
  const captured = capture({ before });
  const rows = captured.db.prepare('INSERT INTO t VALUES (1, 1), (2, 2), (3, 3) RETURNING id').pluck().iterate();
  expect(rows.next()).toEqual({ value: 1, done: false });
  rows.return?.();
  expect(await captured.transactions()).toEqual([['insert t (1, 1)', 'insert t (2, 2)', 'insert t (3, 3)']]);
});

test('INSERT … RETURNING read to its end, by all, get and run', async () => {
  const captured = capture({ before });
  captured.db.prepare('INSERT INTO t VALUES (1, 1), (2, 2) RETURNING id').all();
  captured.db.prepare('INSERT INTO t VALUES (3, 3), (4, 4) RETURNING id').get();
  captured.db.prepare('INSERT INTO t VALUES (5, 5), (6, 6) RETURNING id').run();
  expect(await captured.transactions()).toEqual([
    ['insert t (1, 1)', 'insert t (2, 2)'],
    ['insert t (3, 3)', 'insert t (4, 4)'],
    ['insert t (5, 5)', 'insert t (6, 6)'],
  ]);
});

test('a write beside an older SELECT that is still being read is published at its own end', async () => {
  const captured = capture({ before: `${before}; INSERT INTO t VALUES (1, 1), (2, 2)` });
  captured.db.unsafeMode(true);
  const reading = captured.db.prepare('SELECT * FROM t').iterate();
  reading.next();
  captured.db.prepare('INSERT INTO t VALUES (3, 3)').run();
  const other = new Database(captured.path, { readonly: true });
  expect(other.prepare('SELECT count(*) FROM t').pluck().get()).toBe(3);
  other.close();
  reading.return?.();
  expect(await captured.transactions()).toEqual([['insert t (3, 3)']]);
});

test('two writing statements open at once are one transaction, and the failure of the second is its own', async () => {
  const captured = capture({ before: `${before}; INSERT INTO t VALUES (9, 9)` });
  captured.db.unsafeMode(true);
  const first = captured.db.prepare('INSERT INTO t VALUES (1, 1), (2, 2) RETURNING id').iterate();
  first.next();
  captured.db.prepare('INSERT INTO t VALUES (3, 3), (4, 4)').run();
  captured.fails('INSERT INTO t VALUES (5, 5), (6, 9)');
  captured.db.prepare('INSERT INTO t VALUES (7, 7)').run();
  first.return?.();
  expect(captured.db.prepare('SELECT id FROM t').pluck().all()).toEqual([1, 2, 3, 4, 7, 9]);
  expect(await captured.transactions()).toEqual([
    ['insert t (1, 1)', 'insert t (2, 2)', 'insert t (3, 3)', 'insert t (4, 4)', 'insert t (7, 7)'],
  ]);
});

test.each(['first', 'second'] as const)(
  'of two open writing statements the one that ends last commits for both, or fails for both: the %s',
  async (last) => {
    const captured = capture({ before: 'CREATE TABLE t (id INTEGER PRIMARY KEY, p REFERENCES t (id) DEFERRABLE INITIALLY DEFERRED)' });
    captured.db.unsafeMode(true);
    const first = captured.db.prepare('INSERT INTO t VALUES (1, 77) RETURNING id').iterate();
    first.next();
    const second = captured.db.prepare('INSERT INTO t VALUES (3, NULL) RETURNING id').iterate();
    second.next();
    const [earlier, later] = last === 'first' ? [second, first] : [first, second];
    earlier.return?.();
    expect(failureOf(() => later.return?.())).toBe('SQLITE_CONSTRAINT_FOREIGNKEY');
    expect(captured.db.prepare('SELECT id FROM t').pluck().all()).toEqual([]);
    expect(await captured.transactions()).toEqual([]);
  },
);

test('each statement of an exec decides for itself', async () => {
  const captured = capture({ before });
  expect(captured.fails('INSERT INTO t VALUES (1, 1); INSERT INTO t VALUES (2, 1); INSERT INTO t VALUES (3, 3)')).toBe(
    'SQLITE_CONSTRAINT_UNIQUE',
  );
  expect(await captured.transactions()).toEqual([['insert t (1, 1)']]);
  captured.fails('BEGIN; INSERT INTO t VALUES (4, 4); INSERT INTO t VALUES (5, 4); COMMIT');
  captured.db.exec('COMMIT');
  expect(await captured.transactions()).toEqual([['insert t (4, 4)']]);
});

test('what a connection had open when it was closed never appears', async () => {
  const captured = capture({ before });
  const other = new Database(captured.path);
  other.exec('BEGIN; INSERT INTO t VALUES (1, 1)');
  other.close();
  expect(await captured.transactions()).toEqual([]);
  const third = new Database(captured.path);
  third.exec('INSERT INTO t VALUES (2, 2)');
  third.close();
  expect(await captured.transactions()).toEqual([['insert t (2, 2)']]);
});

test('a statement interrupted by a throwing user function is undone', async () => {
  const captured = capture({ before: 'CREATE TABLE t (id INTEGER PRIMARY KEY, a)' });
  const sql = "INSERT INTO t SELECT value, CASE value WHEN 3 THEN json_extract('{', '$') END FROM json_each('[1,2,3]')";
  captured.fails(sql);
  captured.db.exec('BEGIN; INSERT INTO t VALUES (9, 9)');
  captured.fails(sql);
  captured.db.exec('COMMIT');
  expect(await captured.transactions()).toEqual([['insert t (9, 9)']]);
});
