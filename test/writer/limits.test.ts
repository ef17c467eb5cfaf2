import { constants } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import { drivers, failureOf, open } from './drivers.js';

const list = (count: number, item: (at: number) => string): string => Array.from({ length: count }, (_, at) => item(at)).join(', ');
const numbers = (count: number): number[] => Array.from({ length: count }, (_, at) => at);

describe.each(drivers)('$name: limits', (driver) => {
  it('binds 32,766 parameters, by position, as an array and by name, and refuses one more', () => {
    const db = open(driver);
    const most = 32766;
    const sum = (most * (most - 1)) / 2;
    db.exec('CREATE TABLE t (a)');
    const byPosition = db.prepare(`INSERT INTO t VALUES ${list(most, () => '(?)')}`);
    expect(byPosition.run(...numbers(most)).changes).toBe(most);
    expect(byPosition.run(numbers(most)).changes).toBe(most);
    expect(byPosition.bind(numbers(most)).run().changes).toBe(most);
    expect(db.prepare('SELECT sum(a) FROM t').pluck().get()).toBe(3 * sum);
    const byName = db.prepare(`INSERT INTO t VALUES ${list(most, (at) => `(@p${at})`)}`);
    expect(byName.run(Object.fromEntries(numbers(most).map((at) => [`p${at}`, at]))).changes).toBe(most);
    expect(failureOf(driver, () => byPosition.run(1))).toBe('TypeError');
    expect(failureOf(driver, () => db.prepare(`INSERT INTO t VALUES ${list(most, () => '(?)')}`).run(...numbers(most - 1)))).toBe(
      'RangeError',
    );
    expect(failureOf(driver, () => db.prepare(`INSERT INTO t VALUES ${list(most, () => '(?)')}`).run(numbers(most + 1)))).toBe(
      'RangeError',
    );
    expect(failureOf(driver, () => db.prepare(`INSERT INTO t VALUES ${list(most + 1, () => '(?)')}`))).toBe('SQLITE_ERROR');
    expect(failureOf(driver, () => db.prepare('SELECT ?32767'))).toBe('SQLITE_ERROR');
  });

  it('has tables, results and inserts of 2,000 columns, and none of one more', () => {
    const db = open(driver);
    const most = 2000;
    db.exec(`CREATE TABLE t (${list(most, (at) => `c${at}`)})`);
    const insert = db.prepare(`INSERT INTO t VALUES (${list(most, () => '?')}) RETURNING *`);
    const row = Object.fromEntries(numbers(most).map((at) => [`c${at}`, at]));
    expect(insert.get(...numbers(most))).toEqual(row);
    const select = db.prepare('SELECT * FROM t');
    expect(select.all()).toEqual([row]);
    expect(select.columns()).toHaveLength(most);
    expect(select.raw().get()).toEqual(numbers(most));
    expect(failureOf(driver, () => db.prepare(`SELECT ${list(most + 1, (at) => String(at))}`))).toBe('SQLITE_ERROR');
    expect(failureOf(driver, () => db.exec(`CREATE TABLE u (${list(most + 1, (at) => `c${at}`)})`))).toBe('SQLITE_ERROR');
  });

  it.each([1023, 1024, 1025, 65_535, 65_536, 1_000_003, 20_000_000])('keeps texts and blobs of %i bytes as they are', (length) => {
    const db = open(driver);
    const ascii = 'abcdefghij'.repeat(Math.ceil(length / 10)).slice(0, length);
    const wide = '日'.repeat(Math.floor(length / 3));
    const bytes = Buffer.alloc(length, 'row');
    const get = db.prepare('SELECT a, w, b, length(w) FROM (SELECT ? AS a, ? AS w, ? AS b)').raw();
    const [a, w, b, characters] = get.get(ascii, wide, bytes) as [string, string, Buffer, number];
    expect([a === ascii, w === wide, b.equals(bytes), characters]).toEqual([true, true, true, wide.length]);
    expect((get.all(ascii, wide, bytes) as unknown[][])[0]?.[0] === ascii).toBe(true);
    const long = db.prepare(`SELECT '${ascii}'`);
    expect(long.source).toHaveLength(length + 9);
    expect(long.pluck().get() === ascii).toBe(true);
  });

  it('refuses what no string of JavaScript can hold', () => {
    const db = open(driver);
    const tooLong = constants.MAX_STRING_LENGTH + 1;
    expect(failureOf(driver, () => db.prepare('SELECT zeroblob(?)').get(tooLong))).toBe('SQLITE_TOOBIG');
    expect(failureOf(driver, () => db.prepare('SELECT hex(zeroblob(?))').get(Math.ceil(tooLong / 2)))).toBe('SQLITE_TOOBIG');
    expect(db.prepare('SELECT 1').pluck().get()).toBe(1);
  });

  it('reads and writes the integers at the edges of what numbers and bigints hold', () => {
    const db = open(driver);
    const edges = [0n, 1n, -1n, 2n ** 31n, -(2n ** 31n), 2n ** 53n - 1n, 2n ** 53n, -(2n ** 53n), 2n ** 63n - 1n, -(2n ** 63n)];
    const select = db.prepare('SELECT i, typeof(i) AS type FROM (SELECT ? AS i)');
    for (const edge of edges) {
      expect(select.safeIntegers().get(edge)).toEqual({ i: edge, type: 'integer' });
      expect(select.safeIntegers(false).get(edge)).toEqual({ i: Number(edge), type: 'integer' });
      expect((select.all(edge) as Array<{ i: number }>)[0]?.i).toBe(Number(edge));
    }
    for (const number of [2 ** 53, 2 ** 63, -(2 ** 63), 1e308, -0, Number.MIN_VALUE, Infinity]) {
      expect(select.get(number)).toEqual({ i: number, type: 'real' });
    }
    for (const tooBig of [2n ** 63n, -(2n ** 63n) - 1n]) expect(failureOf(driver, () => select.get(tooBig))).toBe('RangeError');
  });
});
