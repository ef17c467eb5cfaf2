import { describe, expect, it } from 'vitest';
import { capture } from '../support/captured.js';
import { drivers, entries, failureOf, open, temporaryPath } from './drivers.js';

interface Instruction {
  addr: number;
  opcode: string;
}

// Version 12 has none.
describe.each(drivers.filter(({ version }) => version !== 12))('$name: explain', (driver) => {
  it('returns the instructions of a statement, as objects', () => {
    const db = open(driver, entries);
    const [first, ...others] = db.explain('SELECT * FROM entries') as [Instruction, ...Instruction[]];
    expect(first).toEqual({ addr: 0, opcode: 'Init', p1: 0, p2: expect.any(Number), p3: 0, p4: null, p5: 0, comment: null });
    expect(others.map(({ opcode }) => opcode)).toEqual(expect.arrayContaining(['OpenRead', 'ResultRow', 'Next', 'Halt']));
    expect(others.map(({ addr }) => addr)).toEqual(others.map((_, at) => at + 1));
  });

  it('returns the plan of a query that "QUERY PLAN" stands before', () => {
    const db = open(driver, `${entries}; CREATE INDEX by_b ON entries (b)`);
    expect(db.explain('QUERY PLAN SELECT * FROM entries WHERE b = ?')).toEqual([
      { id: expect.any(Number), parent: 0, notused: expect.any(Number), detail: 'SEARCH entries USING INDEX by_b (b=?)' },
    ]);
    expect(db.explain('QUERY PLAN SELECT 1 FROM entries')).toMatchObject([{ detail: 'SCAN entries USING COVERING INDEX by_b' }]);
  });

  it.each([
    'SELECT ?, ?5, @a, :b, $c FROM entries',
    'INSERT INTO entries (a, b) VALUES (?, @b) RETURNING *',
    'UPDATE entries SET a = ?',
    'DELETE FROM entries',
    'CREATE TABLE made (a)',
    'DROP TABLE entries',
    'ALTER TABLE entries RENAME TO others',
    'BEGIN IMMEDIATE',
    'SAVEPOINT s',
    'VACUUM',
    "ATTACH ':memory:' AS other",
    'PRAGMA user_version = 5',
    'REINDEX',
  ])('of %j runs nothing', (sql) => {
    const db = open(driver, entries, temporaryPath());
    const before = db.serialize();
    expect(db.explain(sql).length).toBeGreaterThan(2);
    expect(db.inTransaction).toBe(false);
    expect(db.serialize().equals(before)).toBe(true);
    expect((db.pragma('database_list') as { name: string }[]).map(({ name }) => name)).not.toContain('other');
  });

  it('does not begin, commit or take back anything', () => {
    const db = open(driver, 'CREATE TABLE t (a); BEGIN; SAVEPOINT s; INSERT INTO t VALUES (1)');
    for (const sql of ['COMMIT', 'ROLLBACK', 'ROLLBACK TO s', 'RELEASE s']) db.explain(sql);
    expect([db.inTransaction, db.prepare('SELECT count(*) FROM t').pluck().get()]).toEqual([true, 1]);
    db.exec('ROLLBACK TO s; COMMIT');
    expect(db.prepare('SELECT count(*) FROM t').pluck().get()).toBe(0);
  });

  it('calls no function of the statement', () => {
    const db = open(driver, entries);
    let calls = 0;
    db.function('count_calls', () => ++calls);
    expect(db.explain('SELECT count_calls() FROM entries').length).toBeGreaterThan(2);
    expect(calls).toBe(0);
  });

  it.each([[], [undefined], [null], [5], [{}], [['SELECT 1']], [new String('SELECT 1')]])(
    'wants a string: of %j throws a TypeError',
    (...given) => {
      const db = open(driver);
      expect(failureOf(driver, () => (db.explain as (...all: unknown[]) => unknown).call(db, ...given))).toBe('TypeError');
    },
  );

  it('takes no notice of further arguments', () => {
    const db = open(driver);
    const explain = db.explain.bind(db) as (...all: unknown[]) => unknown[];
    expect(explain('SELECT ?', 1, 2)).toEqual(explain('SELECT ?'));
  });

  it.each([
    ['', 'SQLITE_ERROR'],
    [' ', 'SQLITE_ERROR'],
    ['-- nothing', 'SQLITE_ERROR'],
    ['; SELECT 1', 'SQLITE_ERROR'],
    ['SELEKT 1', 'SQLITE_ERROR'],
    ['EXPLAIN SELECT 1', 'SQLITE_ERROR'],
    ['SELECT * FROM nowhere', 'SQLITE_ERROR'],
    ['SELECT nowhere()', 'SQLITE_ERROR'],
    ['SELECT 1; SELECT 2', 'RangeError'],
    ['SELECT 1;; /* and */ -- nothing\n ;', undefined],
    ['-- first\nSELECT 1', undefined],
    ['select 1\0 and what stands behind', undefined],
    ["SELECT 'half \ud800 pair'", undefined],
  ])('of %j throws %s', (sql, expected) => {
    const db = open(driver);
    expect(failureOf(driver, () => db.explain(sql))).toBe(expected);
    expect(db.prepare('SELECT 1').pluck().get()).toBe(1);
  });

  it('returns integers as the database does by default', () => {
    const db = open(driver);
    db.defaultSafeIntegers();
    expect(db.explain('SELECT 1')[0]).toMatchObject({ addr: 0n, opcode: 'Init', p1: 0n });
    db.defaultSafeIntegers(false);
    expect(db.explain('SELECT 1')[0]).toMatchObject({ addr: 0, p1: 0 });
  });

  it('can be used inside a transaction and while an iterator is open, for a write too', () => {
    const db = open(driver, entries);
    const rows: unknown[] = [];
    for (const b of db.prepare('SELECT b FROM entries').pluck().iterate()) {
      expect(db.explain('DELETE FROM entries').length).toBeGreaterThan(2);
      rows.push(b);
    }
    expect(rows).toHaveLength(5);
    db.transaction(() => expect(db.explain('COMMIT').length).toBeGreaterThan(2))();
  });

  it('is a TypeError while the database is busy, and when it is closed', () => {
    const db = open(driver);
    let failure: unknown;
    db.function('explain', () => {
      failure = failureOf(driver, () => db.explain('SELECT 1'));
      return 1;
    });
    db.prepare('SELECT explain()').get();
    expect(failure).toBe('TypeError');
    db.close();
    expect(failureOf(driver, () => db.explain('SELECT 1'))).toBe('TypeError');
  });

  it('is shown to `verbose`, NULL in place of the parameters', () => {
    const seen: string[] = [];
    const db = open(driver, '', ':memory:', { verbose: (sql: string) => seen.push(sql) });
    db.explain('SELECT ?, @a -- nothing more');
    expect(seen).toEqual(['EXPLAIN SELECT NULL, NULL -- nothing more']);
  });

  it('works in a database that is read only, of a write too', () => {
    const path = temporaryPath();
    open(driver, entries, path).close();
    const db = open(driver, '', path, { readonly: true });
    expect(db.explain('DELETE FROM entries').length).toBeGreaterThan(2);
  });
});

describe('rowtap: explain', () => {
  it('is nothing to a subscriber, whatever it explains', async () => {
    const captured = capture({ before: 'CREATE TABLE t (a); INSERT INTO t VALUES (1)' });
    const { db } = captured;
    const changing = ['INSERT INTO t VALUES (2)', 'DELETE FROM t', 'CREATE TABLE u (a)', 'ALTER TABLE t ADD COLUMN b', 'DROP TABLE t'];
    changing.push('BEGIN', 'COMMIT', 'ROLLBACK', 'VACUUM');
    const explainAll = (): void => {
      for (const sql of changing) db.explain(sql);
    };
    explainAll();
    db.exec('BEGIN; INSERT INTO t VALUES (3)');
    explainAll();
    db.exec('SAVEPOINT s; INSERT INTO t VALUES (4)');
    explainAll();
    db.exec('ROLLBACK TO s; COMMIT');
    explainAll();
    db.exec('UPDATE t SET a = 5 WHERE a = 3');
    expect(await captured.transactions()).toEqual([['insert t (3)'], ['update t (3) > (5)']]);
  });
});
