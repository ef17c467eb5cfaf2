import { Database, Replica } from 'rowtap';
import { expect, test } from 'vitest';
import type { SqlValue } from '../../lib/model/value.js';
import { insert, schema, transactionAt } from '../support/hand-made-changes.js';

/** What is stored after one value has gone into a column of that declaration. */
function stored(declaration: string, ...values: SqlValue[]): [value: unknown, type: unknown][] {
  const target = new Database(':memory:');
  try {
    const replica = new Replica(target);
    replica.apply(transactionAt(1, [schema('create', 't', `CREATE TABLE t (${declaration})`), ...values.map((a) => insert('t', { a }))]));
    return target.prepare('SELECT a, typeof(a) FROM t').raw().safeIntegers().all() as [unknown, unknown][];
  } finally {
    target.close();
  }
}

test('a whole number is an INTEGER, but REAL in a REAL column', () => {
  for (const type of ['a', 'a INTEGER', 'a NUMERIC', 'a BLOB', 'a DECIMAL(10,2)']) expect(stored(type, 5), type).toEqual([[5n, 'integer']]);
  for (const type of ['a REAL', 'a DOUBLE PRECISION', 'a FLOAT']) expect(stored(type, 5), type).toEqual([[5, 'real']]);
});

test('with integers as bigint a whole number in a column without a type was REAL, and stays it', () => {
  expect(stored('a', 5n, 5)).toEqual([
    [5n, 'integer'],
    [5, 'real'],
  ]);
});

test('a bigint that a number could not hold', () => {
  expect(stored('a', 9223372036854775807n, -9223372036854775808n, 5)).toEqual([
    [9223372036854775807n, 'integer'],
    [-9223372036854775808n, 'integer'],
    [5n, 'integer'],
  ]);
});

test('numbers that no INTEGER can be', () => {
  expect(
    stored('a', 1e300, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0.1, 2 ** 60).map(([value, type]) => [value, type]),
  ).toEqual([
    [1e300, 'real'],
    [Number.POSITIVE_INFINITY, 'real'],
    [Number.NEGATIVE_INFINITY, 'real'],
    [0.1, 'real'],
    [2 ** 60, 'real'],
  ]);
});

test('NULL, empty text and blob, text with NUL, bytes', () => {
  expect(stored('a', null, '', Buffer.alloc(0), 'a\0b', Buffer.from([0, 255, 1])).map(([value]) => value)).toEqual([
    null,
    '',
    Buffer.alloc(0),
    'a\0b',
    Buffer.from([0, 255, 1]),
  ]);
});

test('generated columns are computed, not written', () => {
  const target = new Database(':memory:');
  const replica = new Replica(target);
  const create = schema('create', 't', 'CREATE TABLE t (a, s AS (a * 2) STORED, v AS (a * 3) VIRTUAL, b)');
  replica.apply(transactionAt(1, [create, insert('t', { a: 1, s: 2, b: 'b' })]));
  expect(target.prepare('SELECT * FROM t').raw().all()).toEqual([[1, 2, 3, 'b']]);
  target.close();
});
