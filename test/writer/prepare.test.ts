import { describe, expect, it } from 'vitest';
import { drivers, failureOf, open } from './drivers.js';

describe.each(drivers)('$name: prepare', (driver) => {
  it.each([
    ['SELECT 1', true, true],
    ['INSERT INTO t VALUES (1)', false, false],
    ['INSERT INTO t VALUES (1) RETURNING a', true, false],
    ['BEGIN', false, true],
    ['CREATE TABLE u (b)', false, false],
    ['EXPLAIN INSERT INTO t VALUES (1)', true, false],
    ['PRAGMA journal_mode', true, false],
    ['VALUES (1), (2)', true, true],
  ])('says of %j whether it returns rows, and whether it only reads', (sql, isReader, isReadonly) => {
    const db = open(driver, 'CREATE TABLE t (a)');
    const statement = db.prepare(sql);
    expect([statement.reader, statement.readonly, statement.source, statement.busy]).toEqual([isReader, isReadonly, sql, false]);
    expect(statement.database).toBe(db);
  });

  it('lets nobody change what a statement is', () => {
    const statement = open(driver).prepare('SELECT 1');
    for (const name of ['reader', 'readonly', 'source', 'database']) {
      expect(failureOf(driver, () => Object.assign(statement, { [name]: 'other' }))).toBe('TypeError');
    }
  });

  it.each([
    ['SELECT 1;', undefined],
    ['SELECT 1; ;; \n\t', undefined],
    [' ; SELECT 1', undefined],
    ['SELECT 1; -- the end', undefined],
    ['SELECT 1; /* the', undefined],
    ['SELECT 1; /* the */ -- end\n;', undefined],
    ['/* the */ SELECT 1', undefined],
    ['', 'RangeError'],
    [' \n', 'RangeError'],
    [';', 'RangeError'],
    ['-- nothing', 'RangeError'],
    ['SELECT 1; SELECT 2', 'RangeError'],
    ['SELECT 1; -- the end\nSELECT 2', 'RangeError'],
    ['SELECT 1; /* the */ x', 'RangeError'],
    ['SELECT 1; -', 'RangeError'],
    ['SELECT 1; /', 'RangeError'],
    ['SELEKT 1', 'SQLITE_ERROR'],
    ['SELECT * FROM missing', 'SQLITE_ERROR'],
  ])('of %j throws %s', (sql, expected) => {
    const db = open(driver);
    expect(failureOf(driver, () => db.prepare(sql))).toBe(expected);
  });

  it.each([undefined, null, 1, {}, ['SELECT 1'], new String('SELECT 1')])('throws a TypeError for %j', (sql) => {
    const db = open(driver);
    expect(failureOf(driver, () => db.prepare(sql as string))).toBe('TypeError');
  });

  it('ends the SQL at a NUL', () => {
    const db = open(driver);
    expect(db.prepare('SELECT 7\0 this is not SQL').pluck().get()).toBe(7);
  });

  it('is refused when the database is closed, and works while an iterator is open', () => {
    const db = open(driver);
    const iterator = db.prepare('SELECT 1').iterate();
    expect(failureOf(driver, () => db.prepare('SELECT 1'))).toBe(undefined);
    iterator.return?.();
    db.close();
    expect(failureOf(driver, () => db.prepare('SELECT 1'))).toBe('TypeError');
  });

  it('is the only way to a statement', () => {
    const statement = open(driver).prepare('SELECT 1');
    expect(failureOf(driver, () => new (statement.constructor as new () => unknown)())).toBe('TypeError');
  });
});
