import { describe, expect, it } from 'vitest';
import { drivers, entries, failureOf, open } from './drivers.js';

describe.each(drivers)('$name: iterate', (driver) => {
  it('gives the rows one by one', () => {
    const db = open(driver, entries);
    const seen: unknown[] = [];
    for (const row of db.prepare<[number], { a: string }>('SELECT a FROM entries WHERE b > ? ORDER BY b').iterate(0)) seen.push(row.a);
    expect(seen).toEqual(['one', 'two', 'three', 'five']);
    expect([...db.prepare('SELECT 1 WHERE 0').iterate()]).toEqual([]);
  });

  it('is an iterator that can be iterated, and names its statement', () => {
    const db = open(driver, entries);
    const statement = db.prepare('SELECT b FROM entries').raw();
    const iterator = statement.iterate();
    expect(iterator[Symbol.iterator]()).toBe(iterator);
    expect(iterator.statement).toBe(statement);
    expect(iterator.next()).toEqual({ value: [1], done: false });
    expect(iterator.next()).toEqual({ value: [2], done: false });
    expect(iterator.return?.()).toEqual({ value: undefined, done: true });
    expect(iterator.next()).toEqual({ value: undefined, done: true });
    expect(iterator.return?.()).toEqual({ value: undefined, done: true });
  });

  it('keeps the database busy for writing from its making to its end, and the statement for everything', () => {
    const db = open(driver, entries);
    const statement = db.prepare('SELECT b FROM entries');
    const writing = db.prepare('DELETE FROM entries');
    const iterator = statement.iterate();
    const refused = () => [
      failureOf(driver, () => writing.run()),
      failureOf(driver, () => db.exec('SELECT 1')),
      failureOf(driver, () => db.pragma('cache_size')),
      failureOf(driver, () => db.close()),
      failureOf(driver, () => statement.run()),
      failureOf(driver, () => statement.get()),
      failureOf(driver, () => statement.all()),
      failureOf(driver, () => statement.iterate()),
      failureOf(driver, () => statement.bind()),
      failureOf(driver, () => statement.pluck()),
      failureOf(driver, () => statement.raw()),
      failureOf(driver, () => statement.expand()),
      failureOf(driver, () => statement.safeIntegers()),
    ];
    expect(statement.busy).toBe(true);
    expect(new Set(refused())).toEqual(new Set(['TypeError']));
    iterator.next();
    expect(new Set(refused())).toEqual(new Set(['TypeError']));
    expect(statement.columns()).toHaveLength(1);
    expect([...iterator]).toHaveLength(4);
    expect(statement.busy).toBe(false);
    expect(writing.run().changes).toBe(5);
  });

  it('is ended by break, and by an error in the loop', () => {
    const db = open(driver, entries);
    const statement = db.prepare('SELECT b FROM entries');
    for (const _ of statement.iterate()) break;
    expect(statement.busy).toBe(false);
    const stop = () => {
      for (const _ of statement.iterate()) throw new Error('stop');
    };
    expect(stop).toThrow('stop');
    expect(statement.busy).toBe(false);
    db.exec('DELETE FROM entries');
  });

  it('lets several be open, of other statements', () => {
    const db = open(driver, entries);
    const pairs: unknown[] = [];
    const outer = db.prepare('SELECT b FROM entries WHERE b < 4 ORDER BY b').pluck();
    const inner = db.prepare('SELECT b FROM entries WHERE b < ? ORDER BY b').pluck();
    for (const a of outer.iterate()) for (const b of inner.iterate(a)) pairs.push([a, b]);
    expect(pairs).toEqual([
      [1, -4],
      [2, -4],
      [2, 1],
      [3, -4],
      [3, 1],
      [3, 2],
    ]);
  });

  it('throws at the row that fails, after the rows before it, and is over then', () => {
    const db = open(driver);
    const statement = db
      .prepare("WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 9) SELECT json(iif(i = ?, '{', i)) FROM n")
      .pluck();
    const seen: unknown[] = [];
    const read = () => {
      for (const value of statement.iterate(4)) seen.push(value);
    };
    expect(failureOf(driver, read)).toBe('SQLITE_ERROR');
    expect(seen).toEqual(['1', '2', '3']);
    expect(statement.busy).toBe(false);
    expect([...statement.iterate(0)]).toHaveLength(9);
  });

  it('sees what is written on the way, in unsafe mode', () => {
    const db = open(driver, 'CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1)').unsafeMode();
    const seen: unknown[] = [];
    const insert = db.prepare('INSERT INTO t VALUES (?)');
    for (const id of db.prepare<[], number>('SELECT id FROM t ORDER BY id').pluck().iterate()) {
      seen.push(id);
      if (id < 5) insert.run(id + 1);
    }
    expect(seen).toEqual([1, 2, 3, 4, 5]);
  });

  it('writes when it is read for the first time, not before', () => {
    const db = open(driver, 'CREATE TABLE t (a)');
    const iterator = db.prepare('INSERT INTO t VALUES (1), (2) RETURNING a').pluck().iterate();
    const count = db.prepare('SELECT count(*) FROM t').pluck();
    expect(count.get()).toBe(0);
    expect(iterator.next().value).toBe(1);
    expect(count.get()).toBe(2);
    expect([...iterator]).toEqual([2]);
  });

  it('takes and checks its parameters at once', () => {
    const db = open(driver);
    const statement = db.prepare('SELECT ? AS a');
    expect(failureOf(driver, () => statement.iterate())).toBe('RangeError');
    expect(failureOf(driver, () => statement.iterate(true))).toBe('TypeError');
    expect(statement.busy).toBe(false);
    const bytes = Buffer.from('abc');
    const iterator = statement.iterate(bytes);
    bytes.fill(0);
    expect([...iterator]).toEqual([{ a: Buffer.from('abc') }]);
  });

  it('throws a TypeError for a statement that returns no rows', () => {
    const db = open(driver, 'CREATE TABLE t (a)');
    expect(failureOf(driver, () => db.prepare('INSERT INTO t VALUES (1)').iterate())).toBe('TypeError');
  });
});
