import { describe, expect, it } from 'vitest';
import { drivers, failureOf, open } from './drivers.js';

describe.each(drivers)('$name: safeIntegers and defaultSafeIntegers', (driver) => {
  const sql = "SELECT 1 AS a, 9007199254740993 AS b, 1.5 AS c, 'x' AS d";
  const safe = { a: 1n, b: 9007199254740993n, c: 1.5, d: 'x' };
  const unsafe = { a: 1, b: 9007199254740992, c: 1.5, d: 'x' };

  it('returns integers as bigints, in every way of reading', () => {
    const statement = open(driver).prepare(sql);
    expect(statement.get()).toEqual(unsafe);
    expect(statement.safeIntegers()).toBe(statement);
    expect(statement.get()).toEqual(safe);
    expect(statement.all()).toEqual([safe]);
    expect([...statement.iterate()]).toEqual([safe]);
    expect(statement.pluck().get()).toBe(1n);
    expect(statement.all()).toEqual([1n]);
    expect(statement.raw().get()).toEqual([1n, 9007199254740993n, 1.5, 'x']);
    expect(statement.raw(false).safeIntegers(false).get()).toEqual(unsafe);
    expect(statement.safeIntegers(true).get()).toEqual(safe);
  });

  it('reads the smallest and the largest', () => {
    const statement = open(driver).prepare('SELECT ?').pluck().safeIntegers();
    for (const value of [-9223372036854775808n, 9223372036854775807n, 0n, -1n]) expect(statement.get(value)).toBe(value);
  });

  it('has a default for statements prepared from then on', () => {
    const db = open(driver);
    const before = db.prepare(sql);
    expect(db.defaultSafeIntegers()).toBe(db);
    const after = db.prepare(sql);
    expect([before.get(), after.get(), after.safeIntegers(false).get()]).toEqual([unsafe, safe, unsafe]);
    db.defaultSafeIntegers(false);
    expect([after.safeIntegers().get(), db.prepare(sql).get()]).toEqual([safe, unsafe]);
    db.defaultSafeIntegers(true);
    expect(db.prepare(sql).get()).toEqual(safe);
  });

  it('takes true, false or nothing', () => {
    const db = open(driver, 'CREATE TABLE t (a)');
    for (const wrong of [undefined, null, 0, 1, 'true'] as never[]) {
      expect(failureOf(driver, () => db.defaultSafeIntegers(wrong))).toBe('TypeError');
      expect(failureOf(driver, () => db.prepare(sql).safeIntegers(wrong))).toBe('TypeError');
      expect(failureOf(driver, () => db.unsafeMode(wrong))).toBe('TypeError');
    }
    expect(db.prepare('INSERT INTO t VALUES (1)').safeIntegers().run()).toEqual({ changes: 1, lastInsertRowid: 1n });
  });
});
