import { Database, Replica } from 'rowtap';
import { beforeEach, describe, expect, test } from 'vitest';
import { type Draft, insert, remove, schema, transactionAt, update } from '../support/hand-made-changes.js';

let target: Database;
let replica: Replica;
let lsn = 0;

const rows = (sql: string): unknown[] => target.prepare(sql).raw().all();
const apply = (...drafts: Draft[]): void => replica.apply(transactionAt(++lsn, drafts));

beforeEach(() => {
  target = new Database(':memory:');
  replica = new Replica(target);
  return () => target.close();
});

describe('by key', () => {
  test('under NOCASE another case is the same key', () => {
    apply(schema('create', 't', 'CREATE TABLE t (k TEXT COLLATE NOCASE PRIMARY KEY, v)'), insert('t', { k: 'a', v: 1 }, { k: 'a' }));
    apply(update('t', { k: 'a', v: 1 }, { k: 'A', v: 2 }, { k: 'a' }));
    expect(rows('SELECT k, v FROM t')).toEqual([['A', 2]]);
    apply(remove('t', { k: 'A', v: 2 }, { k: 'A' }));
    expect(rows('SELECT * FROM t')).toEqual([]);
  });

  test("the key's collation decides, not the column's", () => {
    apply(
      schema('create', 't', 'CREATE TABLE t (k TEXT COLLATE NOCASE, v, PRIMARY KEY (k COLLATE BINARY)) WITHOUT ROWID'),
      insert('t', { k: 'a', v: 1 }, { k: 'a' }),
      insert('t', { k: 'A', v: 2 }, { k: 'A' }),
      update('t', { k: 'A', v: 2 }, { k: 'A', v: 3 }, { k: 'A' }),
      remove('t', { k: 'a', v: 1 }, { k: 'a' }),
    );
    expect(rows('SELECT k, v FROM t')).toEqual([['A', 3]]);
  });

  test('a composite key with NULL in it is no key: the row is found by its content', () => {
    apply(
      schema('create', 't', 'CREATE TABLE t (a, b, v, PRIMARY KEY (a, b))'),
      insert('t', { a: 1, b: null, v: 1 }, { a: 1, b: null }),
      insert('t', { a: 1, b: null, v: 2 }, { a: 1, b: null }),
      insert('t', { a: 1, b: null, v: 2 }, { a: 1, b: null }),
      update('t', { a: 1, b: null, v: 2 }, { a: 1, b: null, v: 3 }, { a: 1, b: null }),
    );
    expect(rows('SELECT v FROM t ORDER BY v')).toEqual([[1], [2], [3]]);
  });

  test('names with quotes, dots, spaces and reserved words', () => {
    const table = 'ord"er.s select';
    apply(
      schema('create', table, 'CREATE TABLE "ord""er.s select" ("a""b" INTEGER PRIMARY KEY, "from" TEXT, "__proto__" TEXT)'),
      insert(
        table,
        Object.fromEntries([
          ['a"b', 1],
          ['from', 'x'],
          ['__proto__', 'p'],
        ]),
        { 'a"b': 1 },
      ),
      update(
        table,
        Object.fromEntries([
          ['a"b', 1],
          ['from', 'x'],
          ['__proto__', 'p'],
        ]),
        Object.fromEntries([
          ['a"b', 2],
          ['from', 'y'],
          ['__proto__', 'q'],
        ]),
        { 'a"b': 1 },
      ),
    );
    expect(rows('SELECT * FROM "ord""er.s select"')).toEqual([[2, 'y', 'q']]);
  });
});

describe('by whole content', () => {
  test('of equal rows one is taken', () => {
    apply(schema('create', 't', 'CREATE TABLE t (a, b)'), ...Array.from({ length: 3 }, () => insert('t', { a: 1, b: null })));
    apply(remove('t', { a: 1, b: null }));
    expect(rows('SELECT * FROM t')).toEqual([
      [1, null],
      [1, null],
    ]);
    apply(update('t', { a: 1, b: null }, { a: 2, b: null }));
    expect(rows('SELECT a FROM t ORDER BY a')).toEqual([[1], [2]]);
  });

  test('text that is equal only under the collation is another row', () => {
    apply(schema('create', 't', 'CREATE TABLE t (a TEXT COLLATE NOCASE)'), insert('t', { a: 'A' }), insert('t', { a: 'a' }));
    apply(remove('t', { a: 'a' }));
    expect(rows('SELECT a FROM t')).toEqual([['A']]);
  });

  test('text, number and blob of the same look are different rows', () => {
    apply(
      schema('create', 't', 'CREATE TABLE t (a)'),
      insert('t', { a: '5' }),
      insert('t', { a: 5 }),
      insert('t', { a: Buffer.from('5') }),
    );
    apply(remove('t', { a: 5 }));
    expect(rows('SELECT typeof(a) FROM t')).toEqual([['text'], ['blob']]);
  });

  test('a table whose columns have taken every name of the rowid', () => {
    apply(schema('create', 't', 'CREATE TABLE t (rowid, _rowid_, oid)'));
    const row = { rowid: 1, _rowid_: 2, oid: 3 };
    apply(insert('t', row), insert('t', row), insert('t', row), update('t', row, { ...row, oid: 4 }), remove('t', row));
    expect(rows('SELECT * FROM t ORDER BY oid')).toEqual([
      [1, 2, 3],
      [1, 2, 4],
    ]);
  });

  test('a table of 1,200 columns', () => {
    const names = Array.from({ length: 1200 }, (_, n) => `c${n}`);
    const row = Object.fromEntries(names.map((name, n) => [name, n]));
    apply(schema('create', 't', `CREATE TABLE t (${names.join(',')})`), insert('t', row), update('t', row, { ...row, c1199: 'last' }));
    expect(rows('SELECT c1198, c1199 FROM t')).toEqual([[1198, 'last']]);
  });

  test('an index finds them', () => {
    apply(schema('create', 't', 'CREATE TABLE t (a TEXT, b)'), insert('t', { a: 'x', b: 1 }), remove('t', { a: 'x', b: 1 }));
    const plan = target
      .prepare('EXPLAIN QUERY PLAN SELECT rowid FROM t WHERE (a COLLATE BINARY IS ?) AND (b COLLATE BINARY IS ?)')
      .all('x', 1);
    expect(JSON.stringify(plan)).toContain('SEARCH t USING COVERING INDEX _rowtap_replica_t');
  });
});
