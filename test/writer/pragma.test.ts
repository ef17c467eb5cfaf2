import { describe, expect, it } from 'vitest';
import { drivers, failureOf, open, temporaryPath } from './drivers.js';

describe.each(drivers)('$name: pragma', (driver) => {
  it('returns rows, or with `simple` the first value', () => {
    const db = open(driver, 'CREATE TABLE t (a, b)');
    expect(db.pragma('cache_size')).toEqual([{ cache_size: -16000 }]);
    expect(db.pragma('cache_size', { simple: true })).toBe(-16000);
    expect(db.pragma('cache_size', { simple: false })).toEqual([{ cache_size: -16000 }]);
    expect((db.pragma('table_info(t)') as { name: string }[]).map(({ name }) => name)).toEqual(['a', 'b']);
    expect(db.pragma('table_info(t)', { simple: true })).toBe(0);
    expect(db.pragma('cache_size', null)).toEqual([{ cache_size: -16000 }]);
  });

  it('sets', () => {
    const db = open(driver, '', temporaryPath());
    expect(db.pragma('journal_mode = WAL')).toEqual([{ journal_mode: 'wal' }]);
    expect(db.pragma('journal_mode', { simple: true })).toBe('wal');
    expect(db.pragma('cache_size = -4000')).toEqual([]);
    expect(db.pragma('cache_size = -3000', { simple: true })).toBe(undefined);
    expect(db.pragma('cache_size', { simple: true })).toBe(-3000);
    expect(db.pragma('no_such_pragma')).toEqual([]);
  });

  it('returns integers as the database does by default', () => {
    const db = open(driver);
    db.defaultSafeIntegers();
    expect(db.pragma('cache_size', { simple: true })).toBe(-16000n);
  });

  it.each([
    [[], 'TypeError'],
    [[1], 'TypeError'],
    [['cache_size', 'simple'], 'TypeError'],
    [['cache_size', { simple: 1 }], 'TypeError'],
    [['cache_size', { simple: undefined }], 'TypeError'],
    [['cache_size', { other: 1 }], undefined],
    [[''], 'SQLITE_ERROR'],
    [['cache_size; PRAGMA page_size'], 'RangeError'],
  ])('of %j throws %s', (parameters, expected) => {
    const db = open(driver);
    expect(failureOf(driver, () => (db.pragma as (...all: unknown[]) => unknown)(...parameters))).toBe(expected);
  });

  it('is refused while an iterator is open, and when the database is closed', () => {
    const db = open(driver);
    const iterator = db.prepare('SELECT 1').iterate();
    expect(failureOf(driver, () => db.pragma('cache_size'))).toBe('TypeError');
    iterator.return?.();
    db.close();
    expect(failureOf(driver, () => db.pragma('cache_size'))).toBe('TypeError');
  });
});
