import { describe, expect, it } from 'vitest';
import { drivers, entries, failureOf, open } from './drivers.js';

describe.each(drivers)('$name: all', (driver) => {
  it('returns every row', () => {
    const db = open(driver, entries);
    expect(db.prepare('SELECT * FROM entries ORDER BY rowid').all()).toEqual([
      { a: 'one', b: 1, c: 1.5, d: Buffer.from([1, 255]), e: null },
      { a: 'two', b: 2, c: 2.5, d: Buffer.from([]), e: 'e' },
      { a: 'three', b: 3, c: 0, d: null, e: '' },
      { a: 'four', b: -4, c: 1e300, d: Buffer.from([0]), e: 'grüße' },
      { a: 'five', b: 5000000000, c: 5, d: Buffer.from([0xdd, 0xdd]), e: '日本 🎈' },
    ]);
    expect(db.prepare('SELECT * FROM entries WHERE b > ?').all(9e9)).toEqual([]);
  });

  it.each([1, 2, 3, 40, 500, 2000])('returns many rows of %i columns as they are, in order', (columns) => {
    const db = open(driver);
    const rows = Math.min(20_000, Math.ceil(40_000 / columns));
    const names = Array.from({ length: columns }, (_, at) => `c${at}`);
    const list = names.map((name, at) => `(i * ${at + 1}) % 1000003 AS ${name}`).join(', ');
    const sql = `WITH RECURSIVE n(i) AS (VALUES (0) UNION ALL SELECT i + 1 FROM n WHERE i < ?) SELECT ${list} FROM n`;
    const statement = db.prepare(sql).raw();
    const result = statement.all(rows - 1) as number[][];
    expect(result).toHaveLength(rows);
    expect(result.every((row, i) => row.length === columns && row.every((value, at) => value === (i * (at + 1)) % 1000003))).toBe(true);
  });

  it('keeps texts of every kind apart, however many there are', () => {
    const db = open(driver, 'CREATE TABLE t (a, b, c)');
    const kinds = [
      '',
      'a',
      'plain',
      'with\0nul',
      'grüße',
      '日本',
      '🎈',
      'x'.repeat(511),
      'y'.repeat(513),
      'é'.repeat(600),
      'z'.repeat(70_000),
    ];
    const insert = db.prepare('INSERT INTO t VALUES (?, ?, ?)');
    const expected: unknown[][] = [];
    db.transaction(() => {
      for (let i = 0; i < 3000; i++) {
        const row = [kinds[i % kinds.length], `row ${i}`, kinds[(i * 7) % (kinds.length - 1)]];
        insert.run(...row);
        expected.push(row);
      }
    })();
    expect(db.prepare('SELECT * FROM t ORDER BY rowid').raw().all()).toEqual(expected);
  });

  it('throws where a later row fails, and can be called again', () => {
    const db = open(driver);
    const later = db.prepare(
      "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 9000) SELECT json(iif(i = ?, '{', '1')) AS a FROM n",
    );
    expect(failureOf(driver, () => later.all(8999))).toBe('SQLITE_ERROR');
    expect(failureOf(driver, () => later.all(1))).toBe('SQLITE_ERROR');
    expect(later.all(0)).toHaveLength(9000);
  });

  it('returns what was inserted with RETURNING', () => {
    const db = open(driver, 'CREATE TABLE t (id INTEGER PRIMARY KEY, a)');
    expect(db.prepare("INSERT INTO t (a) VALUES ('x'), ('y') RETURNING *").all()).toEqual([
      { id: 1, a: 'x' },
      { id: 2, a: 'y' },
    ]);
  });

  it('throws a TypeError for a statement that returns no rows', () => {
    const db = open(driver, 'CREATE TABLE t (a)');
    expect(failureOf(driver, () => db.prepare('INSERT INTO t VALUES (1)').all())).toBe('TypeError');
  });

  it('works while an iterator of another statement is open, not of its own', () => {
    const db = open(driver, entries);
    const statement = db.prepare('SELECT b FROM entries').pluck();
    const iterator = statement.iterate();
    iterator.next();
    expect(failureOf(driver, () => statement.all())).toBe('TypeError');
    expect(db.prepare('SELECT b FROM entries').all()).toHaveLength(5);
    expect([...iterator]).toEqual([2, 3, -4, 5000000000]);
  });
});
