import { describe, expect, it } from 'vitest';
import { drivers, entries, failureOf, open } from './drivers.js';

// Version 12 has none of its own.
describe.each(drivers.filter(({ version }) => version !== 12))('$name: toString', (driver) => {
  it('is the source, as it was given, while nothing is bound for good', () => {
    const db = open(driver);
    for (const sql of [' SELECT ?, @a -- why\n;', "SELECT 'half \ud800 pair'", 'SELECT 1\0 and what stands behind']) {
      expect(db.prepare(sql).toString()).toBe(sql);
    }
    const statement = db.prepare('SELECT ? AS a');
    expect(['', statement].join('')).toBe('SELECT ? AS a');
    statement.get(1);
    statement.all(1);
    expect(String(statement)).toBe('SELECT ? AS a');
    expect(Reflect.apply(statement.toString, statement, [1, 2])).toBe('SELECT ? AS a');
  });

  it('is the SQL with the values in it, when they have been bound', () => {
    const db = open(driver);
    const statement = db.prepare('SELECT ?, ?, @a, :b, $c -- why');
    expect(String(statement.bind(1, null, { a: "it's", b: 7n, c: Buffer.from([1, 255]) }))).toBe(
      "SELECT 1.0, NULL, 'it''s', 7, x'01ff' -- why",
    );
    expect(statement.source).toBe('SELECT ?, ?, @a, :b, $c -- why');
    const none = db.prepare(' SELECT 1 -- why').bind();
    expect(String(none)).toBe(' SELECT 1 -- why');
  });

  it.each([
    [1.5, '1.5'],
    [-0, '0.0'],
    [1e300, '1.0e+300'],
    [Number.NaN, 'NULL'],
    [2n ** 63n - 1n, '9223372036854775807'],
    [undefined, 'NULL'],
    ['', "''"],
    ['grüße 🎈', "'grüße 🎈'"],
    ['a\0b', "'a'"],
    ['half \ud800 pair', "'half \ufffd pair'"],
    [Buffer.alloc(0), "x''"],
    [new Uint8Array([10]), "x'0a'"],
    ['x'.repeat(100), `'${'x'.repeat(32)}'/*+68 bytes*/`],
    [Buffer.alloc(1_000_000), `x'${'00'.repeat(32)}'/*+999968 bytes*/`],
    ["'".repeat(3_000_000), `'${"''".repeat(32)}'/*+2999968 bytes*/`],
  ])('%#: shows a value as SQLite writes it', (value, expected) => {
    expect(String(open(driver).prepare('SELECT ?').bind(value))).toBe(`SELECT ${expected}`);
  });

  it('ends with the statement that was compiled, when it has been bound', () => {
    const db = open(driver);
    expect(String(db.prepare('SELECT 1; -- nothing more').bind())).toBe('SELECT 1;');
    expect(String(db.prepare('SELECT ?\0 and what stands behind').bind('a'))).toBe("SELECT 'a'");
    expect(String(db.prepare("SELECT 'half \ud800 pair', ?").bind('a'))).toBe("SELECT 'half \ufffd pair', 'a'");
  });

  it('writes a statement out whole, however long it is', () => {
    const db = open(driver);
    const source = `SELECT 0 IN (?${', ?'.repeat(29_999)}), '${'long '.repeat(10_000)}'`;
    const statement = db.prepare(source).bind(Array.from({ length: 30_000 }, () => 5n));
    expect(String(statement)).toBe(source.replaceAll('?', '5'));
  });

  it('stays the source where bind has failed', () => {
    const statement = open(driver).prepare('SELECT ?, ?');
    expect(failureOf(driver, () => statement.bind(1))).toBe('RangeError');
    expect(failureOf(driver, () => statement.bind(1, 2n ** 64n))).toBe('RangeError');
    expect(String(statement)).toBe('SELECT ?, ?');
    expect(String(statement.bind(1n, 2n))).toBe('SELECT 1, 2');
  });

  it('can be asked for while the statement is iterated', () => {
    const db = open(driver, entries);
    const sql = 'SELECT b FROM entries WHERE b > ?';
    const given = db.prepare(sql);
    const bound = db.prepare(sql).bind(1n);
    for (const _ of given.iterate(1n)) expect(String(given)).toBe(sql);
    for (const _ of bound.iterate()) expect(String(bound)).toBe('SELECT b FROM entries WHERE b > 1');
    expect(String(bound)).toBe('SELECT b FROM entries WHERE b > 1');
  });

  it('can be asked for while the database is busy, by what the statement calls too', () => {
    const db = open(driver);
    const seen: string[] = [];
    db.function('look', () => seen.push(String(other), String(bound)));
    const other = db.prepare('SELECT ?').bind('other');
    const bound = db.prepare('SELECT look(), ?').bind('own');
    bound.get();
    expect(seen).toEqual(["SELECT 'other'", "SELECT look(), 'own'"]);
  });

  it('is that of a statement which was compiled anew', () => {
    const db = open(driver, entries);
    const statement = db.prepare('SELECT *, ? AS x FROM entries').bind('x');
    db.exec('ALTER TABLE entries ADD COLUMN f');
    expect(statement.get()).toMatchObject({ f: null, x: 'x' });
    expect(String(statement)).toBe("SELECT *, 'x' AS x FROM entries");
  });

  it('is the source again when the database has been closed', () => {
    const db = open(driver);
    const statement = db.prepare('SELECT ?').bind(1);
    db.close();
    expect(String(statement)).toBe('SELECT ?');
  });

  it('wants a statement: a TypeError of anything else', () => {
    const statement = open(driver).prepare('SELECT 1');
    const { toString } = statement;
    for (const receiver of [undefined, null, {}, 'SELECT 1', Object.getPrototypeOf(statement), Object.create(statement)]) {
      expect(failureOf(driver, () => toString.call(receiver as never))).toBe('TypeError');
    }
  });

  it('is shown to for … in', () => {
    const names: string[] = [];
    for (const name in open(driver).prepare('SELECT 1')) names.push(name);
    expect(names).toContain('toString');
  });
});
