import { describe, expect, it } from 'vitest';
import { drivers, entries, failureOf, open } from './drivers.js';

describe.each(drivers)('$name: get', (driver) => {
  it('returns the first row as an object, or undefined', () => {
    const db = open(driver, entries);
    const statement = db.prepare('SELECT * FROM entries WHERE b = ?');
    expect(statement.get(1)).toEqual({ a: 'one', b: 1, c: 1.5, d: Buffer.from([1, 255]), e: null });
    expect(statement.get(5000000000)).toEqual({ a: 'five', b: 5000000000, c: 5, d: Buffer.from([0xdd, 0xdd]), e: '日本 🎈' });
    expect(statement.get(99)).toBe(undefined);
    expect(db.prepare('SELECT b FROM entries ORDER BY b').get()).toEqual({ b: -4 });
  });

  it('returns a plain object, its columns in their order', () => {
    const db = open(driver, entries);
    const row = db.prepare('SELECT e, c, a FROM entries').get() as object;
    expect(Object.keys(row)).toEqual(['e', 'c', 'a']);
    expect(Object.getPrototypeOf(row)).toBe(Object.prototype);
    expect(JSON.stringify(row)).toBe('{"e":null,"c":1.5,"a":"one"}');
  });

  it('lets the last of several columns with one name win', () => {
    const db = open(driver);
    expect(db.prepare('SELECT 1 AS a, 2 AS b, 3 AS a').get()).toEqual({ a: 3, b: 2 });
  });

  it('gives columns the names that SQLite does, whatever is in them', () => {
    const db = open(driver);
    const names = ['constructor', 'toString', '"', "'", '`', '\\', '\n', '${x}', '0', '-1', 'größe', '日本', ' ', '\u2028', '*/'];
    const sql = `SELECT ${names.map((name, at) => `${at} AS "${name.replaceAll('"', '""')}"`).join(', ')}`;
    const statement = db.prepare(sql);
    const expected = Object.fromEntries(names.map((name, at) => [name, at]));
    // Often enough for a reader to be generated.
    for (let round = 0; round < 300; round++) expect(statement.get()).toEqual(expected);
    expect(db.prepare('SELECT 1 + 1').get()).toEqual({ '1 + 1': 2 });
    expect(db.prepare('SELECT 1').get()).toEqual({ 1: 1 });
  });

  it('returns every row that INSERT … RETURNING gives only in part, and inserts all of them', () => {
    const db = open(driver, 'CREATE TABLE t (a)');
    expect(db.prepare('INSERT INTO t VALUES (1), (2), (3) RETURNING a').get()).toEqual({ a: 1 });
    expect(db.prepare('SELECT count(*) FROM t').pluck().get()).toBe(3);
    expect(db.inTransaction).toBe(false);
  });

  it('throws what SQLite says, and can be called again', () => {
    const db = open(driver);
    const statement = db.prepare('SELECT abs(?) AS a');
    expect(failureOf(driver, () => statement.get(-9223372036854775808n))).toBe('SQLITE_ERROR');
    expect(statement.get(-1)).toEqual({ a: 1 });
  });

  it('throws a TypeError for a statement that returns no rows', () => {
    const db = open(driver, 'CREATE TABLE t (a)');
    expect(failureOf(driver, () => db.prepare('INSERT INTO t VALUES (1)').get())).toBe('TypeError');
    expect(failureOf(driver, () => db.prepare('BEGIN').get())).toBe('TypeError');
    expect(db.prepare('SELECT count(*) FROM t').pluck().get()).toBe(0);
  });

  it('works while an iterator of another statement is open, not of its own', () => {
    const db = open(driver, entries);
    const statement = db.prepare('SELECT b FROM entries');
    const iterator = statement.iterate();
    iterator.next();
    expect(failureOf(driver, () => statement.get())).toBe('TypeError');
    expect(db.prepare('SELECT b FROM entries').get()).toEqual({ b: 1 });
    expect(iterator.next()).toEqual({ value: { b: 2 }, done: false });
    iterator.return?.();
    expect(statement.get()).toEqual({ b: 1 });
  });

  it('sees columns that were added, renamed and dropped since it was prepared', () => {
    const db = open(driver, 'CREATE TABLE t (a); INSERT INTO t VALUES (1)');
    const statement = db.prepare('SELECT * FROM t');
    expect(statement.get()).toEqual({ a: 1 });
    db.exec('ALTER TABLE t ADD COLUMN b DEFAULT 2');
    expect(statement.get()).toEqual({ a: 1, b: 2 });
    db.exec('ALTER TABLE t RENAME COLUMN a TO c');
    expect(statement.get()).toEqual({ c: 1, b: 2 });
    expect(statement.all()).toEqual([{ c: 1, b: 2 }]);
    db.exec('ALTER TABLE t DROP COLUMN c');
    expect([...statement.iterate()]).toEqual([{ b: 2 }]);
    expect(statement.raw().get()).toEqual([2]);
  });
});
