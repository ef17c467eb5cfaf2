import { Database, Replica, RowtapError } from 'rowtap';
import { beforeEach, describe, expect, test } from 'vitest';
import { at, bootstrap, gap, insert, remove, schema, snapshotRow, transactionAt, update } from '../support/hand-made-changes.js';

let target: Database;
let replica: Replica;

const rows = (sql: string): unknown[] => target.prepare(sql).all();

beforeEach(() => {
  target = new Database(':memory:');
  replica = new Replica(target);
  return () => target.close();
});

function codeOf(act: () => void): string {
  try {
    act();
  } catch (error) {
    expect(error).toBeInstanceOf(RowtapError);
    return (error as RowtapError).code;
  }
  return 'nothing was thrown';
}

describe('what is applied', () => {
  test('a transaction is one transaction, position included', () => {
    replica.apply(
      transactionAt(7, [schema('create', 't', 'CREATE TABLE t (id INTEGER PRIMARY KEY, a)'), insert('t', { id: 1, a: 'x' }, { id: 1 })]),
    );
    expect(rows('SELECT * FROM t')).toEqual([{ id: 1, a: 'x' }]);
    expect(replica.position()).toBe(7);
    const conflicting = transactionAt(8, [insert('t', { id: 2, a: 'y' }, { id: 2 }), insert('t', { id: 2, a: 'z' }, { id: 2 })]);
    expect(() => replica.apply(conflicting)).toThrow(/UNIQUE constraint failed/);
    expect(rows('SELECT * FROM t')).toEqual([{ id: 1, a: 'x' }]);
    expect(replica.position()).toBe(7);
  });

  test('after an error the same can be applied again, the tables it made included', () => {
    const made = [schema('create', 't', 'CREATE TABLE t (id INTEGER PRIMARY KEY)'), insert('t', { id: 1 }, { id: 1 })];
    expect(codeOf(() => replica.apply(transactionAt(1, [...made, update('t', { id: 5 }, { id: 6 }, { id: 5 })])))).toBe(
      'ROWTAP_REPLICA_DIVERGED',
    );
    expect(replica.position()).toBe(0);
    replica.apply(transactionAt(1, made));
    expect(rows('SELECT * FROM t')).toEqual([{ id: 1 }]);
  });

  test('the position outlives the replica object', () => {
    replica.apply(transactionAt(3, [schema('create', 't', 'CREATE TABLE t (a)'), insert('t', { a: 1 })]));
    const second = new Replica(target);
    expect(second.position()).toBe(3);
    second.apply(transactionAt(3, [schema('create', 't', 'CREATE TABLE t (a)'), insert('t', { a: 1 })]));
    expect(rows('SELECT count(*) AS n FROM t')).toEqual([{ n: 1 }]);
  });

  test('an array may hold several transactions, or a part of one', () => {
    const create = schema('create', 't', 'CREATE TABLE t (a)');
    const third = at(3, [insert('t', { a: 3 }), insert('t', { a: 4 }), insert('t', { a: 5 })]);
    replica.apply([...at(1, [create]), ...at(2, [insert('t', { a: 2 })]), ...third.slice(0, 1)]);
    expect(replica.position()).toBe(3);
    replica.apply(third);
    expect(rows('SELECT a FROM t')).toEqual([{ a: 2 }, { a: 3 }, { a: 4 }, { a: 5 }]);
    replica.apply(third.slice(1));
    expect(rows('SELECT count(*) AS n FROM t')).toEqual([{ n: 4 }]);
  });

  test('a change of a table that never came is refused with what to do', () => {
    expect(codeOf(() => replica.apply(transactionAt(1, [insert('t', { a: 1 })])))).toBe('ROWTAP_NO_SUCH_TABLE');
    expect(codeOf(() => replica.apply(transactionAt(1, [schema('alter', 't', 'CREATE TABLE t (a)', ['a'])])))).toBe('ROWTAP_NO_SUCH_TABLE');
    expect(() => replica.apply(transactionAt(1, [insert('t', { a: 1 })]))).toThrow(/snapshot 'initial'/);
    expect(replica.position()).toBe(0);
  });

  test('an open transaction of the target is refused, and untouched', () => {
    target.exec('CREATE TABLE mine (a); BEGIN; INSERT INTO mine VALUES (1)');
    expect(codeOf(() => replica.apply(transactionAt(1, [schema('create', 't', 'CREATE TABLE t (a)')])))).toBe('ROWTAP_BUSY');
    target.exec('COMMIT');
    expect(rows('SELECT a FROM mine')).toEqual([{ a: 1 }]);
  });

  test('something that is no database is refused', () => {
    expect(() => new Replica({} as Database)).toThrow(TypeError);
  });
});

describe('snapshots', () => {
  const sql = 'CREATE TABLE t (id INTEGER PRIMARY KEY, a)';
  const row = (id: number) => snapshotRow('t', { id, a: `row ${id}` }, { id });

  test('a bootstrap makes its table anew, and pages follow each other under one LSN', () => {
    target.exec('CREATE TABLE t (other)');
    replica.apply(at(5, [bootstrap('t', sql), row(1)]));
    replica.apply(at(5, [row(2), row(3)], 2));
    replica.apply(at(5, [row(2), row(3)], 2));
    expect(rows('SELECT id FROM t')).toEqual([{ id: 1 }, { id: 2 }, { id: 3 }]);
    replica.apply(transactionAt(6, [remove('t', { id: 2, a: 'row 2' }, { id: 2 })]));
    expect(rows('SELECT id FROM t')).toEqual([{ id: 1 }, { id: 3 }]);
  });

  test('a snapshot comes after the transaction of its LSN, which may have been applied', () => {
    replica.apply(
      transactionAt(5, [schema('create', 't', sql), insert('t', { id: 9, a: 9 }, { id: 9 }), insert('t', { id: 8, a: 8 }, { id: 8 })]),
    );
    replica.apply(at(5, [bootstrap('t', sql), row(1)]));
    expect(rows('SELECT id FROM t')).toEqual([{ id: 1 }]);
    replica.apply(transactionAt(5, [insert('t', { id: 9, a: 9 }, { id: 9 }), insert('t', { id: 8, a: 8 }, { id: 8 })]));
    expect(rows('SELECT id FROM t')).toEqual([{ id: 1 }]);
  });

  test('a second snapshot of the same LSN begins anew', () => {
    replica.apply(at(5, [bootstrap('t', sql), row(1)], 0, 1111));
    replica.apply(at(5, [bootstrap('t', sql), row(1), row(2)], 0, 2222));
    expect(rows('SELECT id FROM t')).toEqual([{ id: 1 }, { id: 2 }]);
  });

  test('a bootstrap without its hidden definition empties a table that is there', () => {
    replica.apply(at(5, [bootstrap('t', sql), row(1)]));
    replica.apply(at(6, [bootstrap('t'), row(2)]));
    expect(rows('SELECT id FROM t')).toEqual([{ id: 2 }]);
    expect(codeOf(() => replica.apply(at(7, [bootstrap('unknown')])))).toBe('ROWTAP_NO_SUCH_TABLE');
  });
});

describe('gaps', () => {
  const create = schema('create', 't', 'CREATE TABLE t (a)');

  test('a change after a gap is refused, also by the next replica object', () => {
    replica.apply(transactionAt(1, [create]));
    replica.apply(at(2, [gap()]));
    expect(codeOf(() => replica.apply(transactionAt(3, [insert('t', { a: 1 })])))).toBe('ROWTAP_REPLICA_GAP');
    expect(codeOf(() => new Replica(target).apply(transactionAt(3, [insert('t', { a: 1 })])))).toBe('ROWTAP_REPLICA_GAP');
  });

  test('a snapshot closes the gap', () => {
    replica.apply(transactionAt(1, [create]));
    replica.apply(at(2, [gap()]));
    replica.apply(at(3, [bootstrap('t', 'CREATE TABLE t (a)'), snapshotRow('t', { a: 1 })]));
    replica.apply(transactionAt(4, [insert('t', { a: 2 })]));
    expect(rows('SELECT a FROM t')).toEqual([{ a: 1 }, { a: 2 }]);
  });
});

describe('gaps and snapshots of one LSN', () => {
  const sql = 'CREATE TABLE t (a)';

  test('a row that could not be read leaves the rest of its snapshot, and what follows it, in place', () => {
    replica.apply(at(3, [bootstrap('t', sql), snapshotRow('t', { a: 1 }), gap(), snapshotRow('t', { a: 3 })]));
    replica.apply(transactionAt(4, [insert('t', { a: 4 })]));
    expect(rows('SELECT a FROM t')).toEqual([{ a: 1 }, { a: 3 }, { a: 4 }]);
  });

  test('a gap after the snapshot is not mistaken for a part of it', () => {
    replica.apply(at(3, [bootstrap('t', sql), snapshotRow('t', { a: 1 })]));
    replica.apply(at(3, [gap()], 0, 99));
    expect(codeOf(() => replica.apply(transactionAt(4, [insert('t', { a: 4 })])))).toBe('ROWTAP_REPLICA_GAP');
  });

  test('a snapshot of the LSN of the gap closes it', () => {
    replica.apply(transactionAt(3, [schema('create', 't', sql), insert('t', { a: 1 })]));
    replica.apply([...at(3, [gap()], 0, 99), ...at(3, [bootstrap('t', sql), snapshotRow('t', { a: 1 })], 0, 100)]);
    replica.apply(transactionAt(4, [insert('t', { a: 4 })]));
    expect(rows('SELECT a FROM t')).toEqual([{ a: 1 }, { a: 4 }]);
  });
});

describe('constraints of the target do not interfere', () => {
  test('foreign keys, with their actions, and checks are off while applying and back on after', () => {
    target.pragma('foreign_keys = ON');
    replica.apply(
      transactionAt(1, [
        schema(
          'create',
          'child',
          'CREATE TABLE child (id INTEGER PRIMARY KEY, p REFERENCES parent (id) ON DELETE CASCADE, n CHECK (n > 0))',
        ),
        schema('create', 'parent', 'CREATE TABLE parent (id INTEGER PRIMARY KEY)'),
        insert('child', { id: 1, p: 1, n: -1 }, { id: 1 }),
        insert('parent', { id: 1 }, { id: 1 }),
        remove('parent', { id: 1 }, { id: 1 }),
      ]),
    );
    expect(rows('SELECT * FROM child')).toEqual([{ id: 1, p: 1, n: -1 }]);
    expect(target.pragma('foreign_keys', { simple: true })).toBe(1);
    expect(target.pragma('ignore_check_constraints', { simple: true })).toBe(0);
  });

  test('they are back on after a failure too', () => {
    target.pragma('foreign_keys = ON');
    expect(() => replica.apply(transactionAt(1, [insert('t', { a: 1 })]))).toThrow();
    expect(target.pragma('foreign_keys', { simple: true })).toBe(1);
    expect(target.inTransaction).toBe(false);
  });

  test("a table's own ON CONFLICT clause does not swallow a conflict", () => {
    replica.apply(transactionAt(1, [schema('create', 't', 'CREATE TABLE t (a UNIQUE ON CONFLICT IGNORE)'), insert('t', { a: 1 })]));
    expect(() => replica.apply(transactionAt(2, [insert('t', { a: 1 })]))).toThrow(/UNIQUE/);
  });
});
