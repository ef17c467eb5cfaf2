import { describe, expect, it } from 'vitest';
import { drivers, failureOf, open } from './drivers.js';

describe.each(drivers)('$name: bind', (driver) => {
  it('binds for good, whatever the statement is used for', () => {
    const db = open(driver, 'CREATE TABLE t (a)');
    const select = db.prepare('SELECT ? AS a, @b AS b');
    expect(select.bind('x', { b: 2 })).toBe(select);
    expect(select.get()).toEqual({ a: 'x', b: 2 });
    expect(select.get()).toEqual({ a: 'x', b: 2 });
    expect(select.all()).toEqual([{ a: 'x', b: 2 }]);
    expect([...select.iterate()]).toEqual([{ a: 'x', b: 2 }]);
    const insert = db.prepare('INSERT INTO t VALUES (?)').bind('kept');
    insert.run();
    insert.run();
    expect(db.prepare('SELECT a FROM t').pluck().all()).toEqual(['kept', 'kept']);
  });

  it('works once, and no parameters can be given afterwards', () => {
    const db = open(driver);
    const statement = db.prepare('SELECT ?').bind(1);
    expect(failureOf(driver, () => statement.bind(1))).toBe('TypeError');
    expect(failureOf(driver, () => statement.get(1))).toBe('TypeError');
    expect(failureOf(driver, () => statement.all(1))).toBe('TypeError');
    expect(failureOf(driver, () => statement.iterate(1))).toBe('TypeError');
    expect(failureOf(driver, () => statement.run(1))).toBe('TypeError');
    const none = db.prepare('SELECT 1').bind();
    expect(failureOf(driver, () => none.bind())).toBe('TypeError');
    expect(failureOf(driver, () => none.get({}))).toBe('TypeError');
    expect(failureOf(driver, () => none.get([]))).toBe('TypeError');
  });

  it('can be tried again after it failed', () => {
    const db = open(driver);
    const statement = db.prepare('SELECT ? AS a, ? AS b');
    expect(failureOf(driver, () => statement.bind(1))).toBe('RangeError');
    expect(failureOf(driver, () => statement.bind(1, {}))).toBe('RangeError');
    expect(failureOf(driver, () => statement.bind(1, 1n << 64n))).toBe('RangeError');
    expect(statement.bind(1, 2).get()).toEqual({ a: 1, b: 2 });
  });

  it('copies what it binds', () => {
    const db = open(driver);
    const bytes = Buffer.from('abc');
    const statement = db.prepare('SELECT ?').pluck().bind(bytes);
    bytes.fill(0);
    expect(statement.get()).toEqual(Buffer.from('abc'));
  });
});
