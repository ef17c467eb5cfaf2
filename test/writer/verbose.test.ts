import { describe, expect, it } from 'vitest';
import { drivers, failureOf, open } from './drivers.js';

describe.each(drivers)('$name: the option verbose', (driver) => {
  const openLogged = (sql = '') => {
    const seen: unknown[] = [];
    const db = open(driver, '', ':memory:', { verbose: (...all: unknown[]) => seen.push(...all) });
    if (sql !== '') db.exec(sql);
    seen.length = 0;
    return { db, seen };
  };

  it('is called with each statement before it runs, the values in it', () => {
    const { db, seen } = openLogged('CREATE TABLE t (a, b)');
    db.exec('INSERT INTO t VALUES (1, 2); SELECT 1');
    db.prepare('INSERT INTO t VALUES (?, @b)').run("it's", { b: null });
    db.prepare('SELECT ? AS a').get(1.5);
    db.prepare('SELECT ? AS a').all(Buffer.from([1]));
    db.prepare('SELECT ?').bind(7n).pluck().get();
    db.pragma('cache_size');
    db.transaction(() => undefined)();
    expect(seen).toEqual([
      'INSERT INTO t VALUES (1, 2);',
      'SELECT 1',
      "INSERT INTO t VALUES ('it''s', NULL)",
      'SELECT 1.5 AS a',
      "SELECT x'01' AS a",
      'SELECT 7',
      'PRAGMA cache_size',
      'BEGIN',
      'COMMIT',
    ]);
  });

  it('is called for an iterator when it is read for the first time', () => {
    const { db, seen } = openLogged();
    const iterator = db.prepare('SELECT ? UNION SELECT 2').pluck().iterate(1);
    expect(seen).toEqual([]);
    expect([...iterator]).toEqual([1, 2]);
    expect(seen).toEqual(['SELECT 1.0 UNION SELECT 2']);
  });

  it('keeps results as they are, and parameters from one run out of the next', () => {
    const { db } = openLogged('CREATE TABLE t (a)');
    const insert = db.prepare('INSERT INTO t VALUES (?)');
    expect(insert.run('x')).toEqual({ changes: 1, lastInsertRowid: 1 });
    expect(failureOf(driver, () => insert.run())).toBe('RangeError');
    const bound = db.prepare('SELECT ?').pluck().bind(3);
    expect([bound.get(), bound.get(), bound.all()]).toEqual([3, 3, [3]]);
    expect(db.prepare('SELECT a FROM t').all()).toEqual([{ a: 'x' }]);
  });

  it('may throw: the statement is not run then', () => {
    let isWrong = false;
    const db = open(driver, 'CREATE TABLE t (a)', ':memory:', {
      verbose: () => {
        if (isWrong) throw new SyntaxError('not this one');
      },
    });
    const insert = db.prepare('INSERT INTO t VALUES (1)');
    const select = db.prepare('SELECT count(*) FROM t').pluck();
    isWrong = true;
    for (const use of [
      () => insert.run(),
      () => select.get(),
      () => select.all(),
      () => db.exec('INSERT INTO t VALUES (2)'),
      () => [...db.prepare('SELECT 1').iterate()],
      () => db.pragma('cache_size'),
    ]) {
      expect(failureOf(driver, use)).toBe('SyntaxError');
    }
    isWrong = false;
    expect(select.get()).toBe(0);
    expect(insert.run().changes).toBe(1);
  });

  it('may not use the database', () => {
    const failures: unknown[] = [];
    const db = open(driver, '', ':memory:', {
      verbose: () => {
        failures.push(
          failureOf(driver, () => db.prepare('SELECT 1')),
          failureOf(driver, () => db.exec('SELECT 1')),
          failureOf(driver, () => db.close()),
          failureOf(driver, () => select.get()),
        );
      },
    });
    const select = db.prepare('SELECT 1');
    db.exec('SELECT 2');
    select.all();
    expect(failures).toEqual(Array.from({ length: 8 }, () => 'TypeError'));
  });
});
