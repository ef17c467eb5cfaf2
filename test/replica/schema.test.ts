import { Database, Replica } from 'rowtap';
import { beforeEach, expect, test } from 'vitest';
import { type Draft, insert, remove, schema, transactionAt, update } from '../support/hand-made-changes.js';

let target: Database;
let replica: Replica;
let lsn = 0;

const rows = (sql: string): unknown[] => target.prepare(sql).raw().all();
const apply = (...drafts: Draft[]): void => replica.apply(transactionAt(++lsn, drafts));

beforeEach(() => {
  target = new Database(':memory:');
  replica = new Replica(target);
  apply(
    schema('create', 't', 'CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b REAL)'),
    insert('t', { id: 1, a: 'x', b: 1.5 }, { id: 1 }),
  );
  return () => target.close();
});

test('an added column gets its default', () => {
  apply(schema('alter', 't', "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b REAL, c DEFAULT 'new')", ['id', 'a', 'b', 'c']));
  apply(
    update('t', { id: 1, a: 'x', b: 1.5, c: 'new' }, { id: 1, a: 'x', b: 2, c: 'newer' }, { id: 1 }),
    insert('t', { id: 2, a: 'y', b: 0, c: null }, { id: 2 }),
  );
  expect(rows('SELECT * FROM t')).toEqual([
    [1, 'x', 2, 'newer'],
    [2, 'y', 0, null],
  ]);
});

test('a dropped column goes', () => {
  apply(schema('alter', 't', 'CREATE TABLE t (id INTEGER PRIMARY KEY, b REAL)', ['id', 'b']));
  apply(update('t', { id: 1, b: 1.5 }, { id: 1, b: 2.5 }, { id: 1 }));
  expect(rows('SELECT * FROM t')).toEqual([[1, 2.5]]);
});

test('a renamed column keeps its values', () => {
  apply(schema('alter', 't', 'CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, b REAL)', ['id', 'name', 'b']));
  expect(rows('SELECT id, name, b FROM t')).toEqual([[1, 'x', 1.5]]);
});

test('a column renamed in case only keeps its values', () => {
  apply(schema('alter', 't', 'CREATE TABLE t (id INTEGER PRIMARY KEY, A TEXT, b REAL)', ['id', 'A', 'b']));
  expect(rows('SELECT id, A, b FROM t')).toEqual([[1, 'x', 1.5]]);
});

test('generated columns are left to SQLite', () => {
  const altered = schema('alter', 't', 'CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b REAL, c AS (b * 2))', ['id', 'a', 'b', 'c']);
  (altered as { columns: { generated: string }[] }).columns[3]!.generated = 'virtual';
  apply(altered);
  expect(rows('SELECT * FROM t')).toEqual([[1, 'x', 1.5, 3]]);
});

test('key-less rows come along, and are found again', () => {
  apply(schema('create', 'k', 'CREATE TABLE k (a)'), insert('k', { a: 1 }), insert('k', { a: 1 }), remove('k', { a: 1 }));
  apply(schema('alter', 'k', 'CREATE TABLE k (a, b DEFAULT 7)', ['a', 'b']), update('k', { a: 1, b: 7 }, { a: 2, b: 8 }));
  expect(rows('SELECT * FROM k')).toEqual([[2, 8]]);
});

test('foreign keys of other tables keep pointing at the altered table', () => {
  target.pragma('foreign_keys = ON');
  apply(schema('create', 'child', 'CREATE TABLE child (t REFERENCES t (id))'), insert('child', { t: 1 }));
  apply(schema('alter', 't', 'CREATE TABLE t (id INTEGER PRIMARY KEY)', ['id']));
  expect(rows(`SELECT sql FROM sqlite_schema WHERE name = 'child'`)).toEqual([['CREATE TABLE child (t REFERENCES t (id))']]);
  expect(target.pragma('foreign_key_check')).toEqual([]);
  expect(target.pragma('legacy_alter_table', { simple: true })).toBe(0);
});

test('a dropped table goes, with rows that others refer to, and may come again', () => {
  target.pragma('foreign_keys = ON');
  apply(schema('create', 'child', 'CREATE TABLE child (t REFERENCES t (id))'), insert('child', { t: 1 }));
  apply(schema('drop', 't', null), schema('create', 't', 'CREATE TABLE t (other)'), insert('t', { other: 'o' }));
  expect(rows('SELECT * FROM t')).toEqual([['o']]);
  expect(rows('SELECT * FROM child')).toEqual([[1]]);
});

test('a drop of a table that never came is nothing', () => {
  apply(schema('drop', 'unknown', null));
});

test('creating a table that is there already makes it anew', () => {
  apply(schema('create', 'T', 'CREATE TABLE T (z)'));
  expect(rows('SELECT * FROM t')).toEqual([]);
});
