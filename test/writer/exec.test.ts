import { describe, expect, it } from 'vitest';
import { drivers, failureOf, open } from './drivers.js';

describe.each(drivers)('$name: exec', (driver) => {
  it('runs every statement, and returns the database', () => {
    const db = open(driver);
    expect(db.exec("CREATE TABLE t (a); INSERT INTO t VALUES (1), (2); SELECT * FROM t; ;; INSERT INTO t VALUES ('three;')")).toBe(db);
    expect(db.prepare('SELECT a FROM t').pluck().all()).toEqual([1, 2, 'three;']);
  });

  it('goes on after a comment that stands alone before a semicolon', () => {
    const db = open(driver, '/* first */; CREATE TABLE t (a)');
    expect(db.prepare('SELECT count(*) FROM t').pluck().get()).toBe(0);
  });

  it.each(['', ' \n\t', ';', ';;; ', '-- a comment', '/* another', '/* one */ -- two'])('has nothing to do for %j', (sql) => {
    const db = open(driver);
    expect(db.exec(sql)).toBe(db);
  });

  it('stops at the first error, and keeps what came before', () => {
    const db = open(driver, 'CREATE TABLE t (a UNIQUE)');
    const script = 'INSERT INTO t VALUES (1); INSERT INTO t VALUES (2), (1); INSERT INTO t VALUES (3)';
    expect(failureOf(driver, () => db.exec(script))).toBe('SQLITE_CONSTRAINT_UNIQUE');
    expect(db.prepare('SELECT a FROM t').pluck().all()).toEqual([1]);
    expect(failureOf(driver, () => db.exec('INSERT INTO t VALUES (4); INSERT INTO nowhere VALUES (5)'))).toBe('SQLITE_ERROR');
    expect(db.prepare('SELECT a FROM t').pluck().all()).toEqual([1, 4]);
  });

  it('leaves a transaction open that a script began, and one that a script ended ended', () => {
    const db = open(driver, 'CREATE TABLE t (a)');
    db.exec('BEGIN; INSERT INTO t VALUES (1)');
    expect(db.inTransaction).toBe(true);
    db.exec('ROLLBACK');
    expect(db.inTransaction).toBe(false);
    expect(db.prepare('SELECT count(*) FROM t').pluck().get()).toBe(0);
  });

  it('begins and ends transactions, however often by the same words', () => {
    const seen: unknown[] = [];
    const db = open(driver, 'CREATE TABLE t (x)', ':memory:', { verbose: (sql: unknown) => seen.push(sql) });
    const count = db.prepare('SELECT count(*) FROM t').pluck();
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    for (let round = 0; round < 4; round++) {
      seen.length = 0;
      db.exec('BEGIN');
      expect(failureOf(driver, () => db.exec('BEGIN'))).toBe('SQLITE_ERROR');
      for (const name of names) db.exec(`SAVEPOINT ${name}`).exec('INSERT INTO t VALUES (1)');
      db.exec('ROLLBACK TO c').exec('RELEASE c');
      db.exec(round % 2 === 0 ? 'COMMIT' : 'ROLLBACK');
      expect(seen.slice(0, 4)).toEqual(['BEGIN', 'BEGIN', 'SAVEPOINT a', 'INSERT INTO t VALUES (1)']);
      expect(db.inTransaction).toBe(false);
      expect(count.get()).toBe(round < 2 ? 2 : 4);
      expect(failureOf(driver, () => db.exec('COMMIT'))).toBe('SQLITE_ERROR');
      db.exec('begin; COMMIT').exec('BEGIN;').exec('END;');
    }
    db.exec('BEGIN').close();
    expect(failureOf(driver, () => db.exec('BEGIN'))).toBe('TypeError');
  });

  it('throws what SQLite says', () => {
    const db = open(driver);
    expect(() => db.exec('SELECT * FROM missing')).toThrow(driver.SqliteError);
    expect(() => db.exec('SELECT * FROM missing')).toThrow('no such table: missing');
    expect(() => db.exec('SELEKT 1')).toThrow('near "SELEKT": syntax error');
  });

  it.each([undefined, null, 1, {}, ['SELECT 1'], new String('SELECT 1')])('throws a TypeError for %j', (sql) => {
    const db = open(driver);
    expect(failureOf(driver, () => db.exec(sql as string))).toBe('TypeError');
  });

  it('is refused while an iterator is open, and when the database is closed', () => {
    const db = open(driver);
    const iterator = db.prepare('SELECT 1 UNION SELECT 2').iterate();
    expect(failureOf(driver, () => db.exec('SELECT 1'))).toBe('TypeError');
    iterator.return?.();
    expect(failureOf(driver, () => db.exec('SELECT 1'))).toBe(undefined);
    db.close();
    expect(failureOf(driver, () => db.exec('SELECT 1'))).toBe('TypeError');
  });
});
