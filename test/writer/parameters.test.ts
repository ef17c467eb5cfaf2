import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { drivers, failureOf, open } from './drivers.js';

class Named {
  a = 1;
  b = 2;
}

describe.each(drivers)('$name: parameters', (driver) => {
  const accepted: [sql: string, given: unknown[], row: unknown[]][] = [
    ['SELECT 1', [], [1]],
    ['SELECT 1', [[]], [1]],
    ['SELECT 1', [{}], [1]],
    ['SELECT 1', [[], {}, []], [1]],
    ['SELECT ?, ?', [1, 2], [1, 2]],
    ['SELECT ?, ?', [[1, 2]], [1, 2]],
    ['SELECT ?, ?, ?', [[1], 2, [3]], [1, 2, 3]],
    ['SELECT ?, ?, ?', [1, [2, 3], {}], [1, 2, 3]],
    ['SELECT ?', [undefined], [null]],
    ['SELECT ?, ?', [[undefined, null]], [null, null]],
    ['SELECT ?, ?', [Object.assign([1], { length: 2 })], [1, null]],
    ['SELECT @a, @b', [{ a: 1, b: 2 }], [1, 2]],
    ['SELECT :a, $b, @c', [{ a: 1, b: 2, c: 3 }], [1, 2, 3]],
    ['SELECT @a, @a, :b', [{ b: 2, a: 1, other: true }], [1, 1, 2]],
    ['SELECT @a, ?, @b, ?', ['x', 'y', { a: 1, b: 2 }], [1, 'x', 2, 'y']],
    ['SELECT @a, ?, @b, ?', [{ a: 1, b: 2 }, 'x', 'y'], [1, 'x', 2, 'y']],
    ['SELECT @a, ?, ?', [['x'], { a: 1 }, 'y'], [1, 'x', 'y']],
    ['SELECT ?2, ?1', [{ 1: 'one', 2: 'two' }], ['two', 'one']],
    ['SELECT ?3, ?', [1, 2, { 3: 3 }, 4], [3, 4]],
    ['SELECT @a', [Object.assign(Object.create(null), { a: 1 })], [1]],
    ['SELECT @a', [runInNewContext('({ a: 1 })')], [1]],
    ['SELECT ?, ?', [runInNewContext('[1, 2]')], [1, 2]],
    ['SELECT @constructor, @toString', [{ constructor: 1, toString: 2 }], [1, 2]],
    ['SELECT @größe', [{ größe: 1 }], [1]],
    ['SELECT @a', [{ a: undefined }], [null]],
    ['SELECT @a', [Object.defineProperty({}, 'a', { get: () => 7 })], [7]],
  ];
  it.each(accepted)('%s with %j', (sql, given, row) => {
    expect(
      open(driver)
        .prepare(sql)
        .raw()
        .get(...given),
    ).toEqual(row);
  });

  const refused: [sql: string, given: unknown[], error: string][] = [
    ['SELECT 1', [1], 'RangeError'],
    ['SELECT 1', [[1]], 'RangeError'],
    ['SELECT 1', [undefined], 'RangeError'],
    ['SELECT 1', [true], 'TypeError'],
    ['SELECT ?', [], 'RangeError'],
    ['SELECT ?', [[]], 'RangeError'],
    ['SELECT ?', [{}], 'RangeError'],
    ['SELECT ?', [1, 2], 'RangeError'],
    ['SELECT ?', [[1], [2]], 'RangeError'],
    ['SELECT ?', [true], 'TypeError'],
    ['SELECT ?', [Symbol('x')], 'TypeError'],
    ['SELECT ?', [() => 1], 'TypeError'],
    ['SELECT ?', [new Date()], 'TypeError'],
    ['SELECT ?', [new Map()], 'TypeError'],
    ['SELECT ?', [new Number(1)], 'TypeError'],
    ['SELECT ?', [new ArrayBuffer(1)], 'TypeError'],
    ['SELECT ?', [[[1]]], 'TypeError'],
    ['SELECT ?', [[{}]], 'TypeError'],
    ['SELECT ?', [[true]], 'TypeError'],
    ['SELECT ?, ?', [1, {}], 'RangeError'],
    ['SELECT ?', [1n << 63n], 'RangeError'],
    ['SELECT ?', [-(1n << 63n) - 1n], 'RangeError'],
    ['SELECT @a', [], 'TypeError'],
    ['SELECT @a', [[]], 'TypeError'],
    ['SELECT @a', [1], 'RangeError'],
    ['SELECT @a', [{}], 'RangeError'],
    ['SELECT @a', [{ A: 1 }], 'RangeError'],
    ['SELECT @a', [{ '@a': 1 }], 'RangeError'],
    ['SELECT @a', [Object.create({ a: 1 })], 'TypeError'],
    ['SELECT @toString', [{}], 'RangeError'],
    ['SELECT @a, @b', [new Named()], 'TypeError'],
    ['SELECT @a', [() => 1], 'TypeError'],
    ['SELECT @a', [new Date()], 'TypeError'],
    ['SELECT @a, @b', [{ a: 1 }, { b: 2 }], 'RangeError'],
    ['SELECT @a', [{ a: 1 }, {}], 'TypeError'],
    ['SELECT @a', [{ a: 1 }, 2], 'RangeError'],
    ['SELECT @a', [{ a: true }], 'TypeError'],
    ['SELECT @a', [{ a: {} }], 'TypeError'],
    ['SELECT @a', [{ a: 1n << 64n }], 'RangeError'],
    ['SELECT @a, ?', [{ a: 1 }], 'RangeError'],
    ['SELECT @a, ?', [1], 'TypeError'],
    ['SELECT @a, ?', [{ a: 1 }, 1, 2], 'RangeError'],
    ['SELECT ?1', [1], 'RangeError'],
    ['SELECT 1', [{}, {}], 'TypeError'],
  ];
  it.each(refused)('%s with %o throws %s', (sql, given, error) => {
    const statement = open(driver).prepare(sql);
    for (const use of [() => statement.get(...given), () => statement.all(...given), () => statement.run(...given)]) {
      expect(failureOf(driver, use)).toBe(error);
    }
  });

  it('takes named ones in a proxy, whatever is behind it', () => {
    const db = open(driver);
    const reads: unknown[] = [];
    const observed = <Target extends object>(target: Target): Target =>
      new Proxy(target, {
        get(from, key) {
          reads.push(key);
          return Reflect.get(from, key) as unknown;
        },
      });
    const statement = db.prepare('SELECT @a AS a, @b AS b');
    for (const target of [
      { a: 1, b: 2 },
      Object.assign(Object.create(null), { a: 1, b: 2 }),
      new Named(),
      Object.assign(() => 0, { a: 1, b: 2 }),
    ]) {
      expect(statement.get(observed(target))).toEqual({ a: 1, b: 2 });
      expect(db.prepare('SELECT @a AS a, ? AS b').get(2, observed(target))).toEqual({ a: 1, b: 2 });
    }
    expect(reads.join('')).toBe('aba'.repeat(4));
    expect(failureOf(driver, () => statement.get(observed({ a: 1 })))).toBe('RangeError');
    expect(failureOf(driver, () => statement.get(observed({ a: 1, b: {} })))).toBe('TypeError');
    expect(failureOf(driver, () => statement.get(observed({ a: 1, b: 2 }), observed({ a: 1, b: 2 })))).toBe('TypeError');
    const revocable = Proxy.revocable({ a: 1, b: 2 }, {});
    revocable.revoke();
    expect(failureOf(driver, () => statement.get(revocable.proxy))).toBe('TypeError');
  });

  // Version 12 takes Object.prototype for the only one.
  it.skipIf(driver.version === 12)('takes named ones in an object whose prototype has none itself', () => {
    const db = open(driver);
    const statement = db.prepare('SELECT @a AS a');
    const root = Object.create(null) as object;
    const callable = Object.setPrototypeOf(() => 0, null) as object;
    for (const prototype of [root, callable, runInNewContext('Object.prototype'), runInNewContext('Object.create(null)')] as object[]) {
      expect(statement.get(Object.assign(Object.create(prototype), { a: 1 }))).toEqual({ a: 1 });
      expect(failureOf(driver, () => db.prepare('SELECT ?').get(Object.create(prototype)))).toBe('RangeError');
    }
    for (const prototype of [Object.create(root), Math, Named.prototype] as object[]) {
      expect(failureOf(driver, () => statement.get(Object.assign(Object.create(prototype), { a: 1 })))).toBe('TypeError');
    }
  });

  it('throws what reading them throws', () => {
    const statement = open(driver).prepare('SELECT @a');
    const bad = Object.defineProperty({}, 'a', {
      get() {
        throw new SyntaxError('not this one');
      },
    });
    expect(failureOf(driver, () => statement.get(bad))).toBe('SyntaxError');
  });

  it('takes the values of an array as they are, each read once', () => {
    const statement = open(driver).prepare('SELECT ? AS a, ? AS b, ? AS c').raw();
    // oxlint-disable-next-line no-sparse-arrays -- a hole is a value that is undefined
    expect(statement.get([1, , 'c'])).toEqual([1, null, 'c']);
    expect(statement.get([new Uint16Array([1]), null, 2n])).toEqual([Buffer.from([1, 0]), null, 2]);
    let reads = 0;
    const list = [1, 2, new Uint16Array([1])];
    Object.defineProperty(list, 0, { get: () => ++reads, enumerable: true });
    expect(statement.get(list)).toEqual([1, 2, Buffer.from([1, 0])]);
    expect(statement.get(list)).toEqual([2, 2, Buffer.from([1, 0])]);
    for (const wrong of [[], [1, 2], [1, 2, 3, 4]]) expect(failureOf(driver, () => statement.get(wrong))).toBe('RangeError');
    for (const wrong of [
      [1, {}, 3],
      [1, [2], 3],
      [true, 2, 3],
    ])
      expect(failureOf(driver, () => statement.get(wrong))).toBe('TypeError');
  });

  it('forgets them after each run', () => {
    const statement = open(driver).prepare('SELECT ? AS a, ? AS b');
    expect(statement.get(1, 2)).toEqual({ a: 1, b: 2 });
    expect(failureOf(driver, () => statement.get(3))).toBe('RangeError');
    expect(statement.get(undefined, 4)).toEqual({ a: null, b: 4 });
  });

  it('takes very many', () => {
    const db = open(driver);
    const values = Array.from({ length: 5000 }, (_, at) => `value ${at}`);
    const list = db
      .prepare(
        `SELECT count(*) FROM json_each(json_array(${values
          .slice(0, 100)
          .map(() => '?')
          .join(',')}))`,
      )
      .pluck();
    expect(list.get(...values.slice(0, 100))).toBe(100);
    const many = db.prepare(`VALUES ${values.map(() => '(?)').join(',')}`).pluck();
    expect(many.all(values)).toEqual(values);
    expect(many.all(...values)).toEqual(values);
  });
});
