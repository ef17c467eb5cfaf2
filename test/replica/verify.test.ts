import { Database, Replica, RowtapError } from 'rowtap';
import { beforeEach, describe, expect, test } from 'vitest';

let original: Database;
let target: Database;

beforeEach(() => {
  original = new Database(':memory:');
  target = new Database(':memory:');
  return () => {
    original.close();
    target.close();
  };
});

/** The one table of both after each has run its script. */
function compare(schema: string, originalRows: string, targetRows: string) {
  original.exec(`${schema}; ${originalRows}`);
  target.exec(`${schema}; ${targetRows}`);
  const { equal, tables } = new Replica(target).verify(original);
  expect(equal).toBe(tables.every((table) => table.missing + table.extra + table.different === 0));
  return tables[0];
}

describe('with a key', () => {
  const schema = 'CREATE TABLE t (id INTEGER PRIMARY KEY, a)';

  test('equal', () => {
    const script = "INSERT INTO t VALUES (1, 'x'), (2, NULL), (3, x'00ff'), (4, 1.5)";
    expect(compare(schema, script, script)).toEqual({ table: 't', rows: 4, missing: 0, extra: 0, different: 0 });
  });

  test('missing, extra and different rows', () => {
    const table = compare(
      schema,
      "INSERT INTO t VALUES (1, 'x'), (2, 'y'), (3, 'z')",
      "INSERT INTO t VALUES (2, 'other'), (3, 'z'), (4, 'x'), (5, 'x')",
    );
    expect(table).toEqual({ table: 't', rows: 3, missing: 1, extra: 2, different: 1 });
  });

  test('storage classes count, but 5 and 5.0 are equal', () => {
    expect(
      compare(
        schema,
        "INSERT INTO t VALUES (1, 5), (2, '5'), (3, x'35'), (4, '')",
        "INSERT INTO t VALUES (1, 5.0), (2, 5), (3, '5'), (4, NULL)",
      ),
    ).toEqual({
      table: 't',
      rows: 4,
      missing: 0,
      extra: 0,
      different: 3,
    });
  });

  test('large integers are not rounded', () => {
    expect(compare(schema, 'INSERT INTO t VALUES (1, 9007199254740993)', 'INSERT INTO t VALUES (1, 9007199254740992)')?.different).toBe(1);
    original.exec('DROP TABLE t');
    target.exec('DROP TABLE t');
    expect(compare(schema, 'INSERT INTO t VALUES (9007199254740993, 1)', 'INSERT INTO t VALUES (9007199254740992, 1)')?.missing).toBe(1);
  });

  test('NULL in a composite key', () => {
    const key = 'CREATE TABLE t (a, b, v, PRIMARY KEY (a, b))';
    const table = compare(
      key,
      'INSERT INTO t VALUES (1, NULL, 1), (1, NULL, 1), (1, 2, 3)',
      'INSERT INTO t VALUES (1, NULL, 1), (1, NULL, 2), (1, 2, 3)',
    );
    expect(table).toEqual({ table: 't', rows: 3, missing: 1, extra: 1, different: 0 });
  });

  test('NOCASE keys of another case are the same row with another content', () => {
    const table = compare(
      'CREATE TABLE t (k TEXT COLLATE NOCASE PRIMARY KEY) WITHOUT ROWID',
      "INSERT INTO t VALUES ('a')",
      "INSERT INTO t VALUES ('A')",
    );
    expect(table).toEqual({ table: 't', rows: 1, missing: 0, extra: 0, different: 1 });
  });
});

describe('without a key', () => {
  test('rows are counted by content, in any order', () => {
    const table = compare(
      'CREATE TABLE t (a, b)',
      "INSERT INTO t VALUES (1, 'x'), (1, 'x'), (2, 'y')",
      "INSERT INTO t VALUES (2.0, 'y'), (1, 'x'), (3, 'z')",
    );
    expect(table).toEqual({ table: 't', rows: 3, missing: 1, extra: 1, different: 0 });
  });

  test('what one value ends with does not run into the next', () => {
    const table = compare(
      'CREATE TABLE t (a, b)',
      "INSERT INTO t VALUES ('a', 'bc'), ('', NULL)",
      "INSERT INTO t VALUES ('ab', 'c'), (NULL, '')",
    );
    expect(table).toEqual({ table: 't', rows: 2, missing: 2, extra: 2, different: 0 });
  });

  test('long rows', () => {
    const long = `INSERT INTO t VALUES ('${'x'.repeat(5000)}', x'${'00'.repeat(5000)}')`;
    expect(compare('CREATE TABLE t (a, b)', long, long)).toMatchObject({ rows: 1, missing: 0, extra: 0 });
  });
});

describe('tables', () => {
  test('that only one side has are reported, empty ones too', () => {
    original.exec('CREATE TABLE a (x); INSERT INTO a VALUES (1), (2)');
    target.exec('CREATE TABLE b (x); INSERT INTO b VALUES (1)');
    expect(new Replica(target).verify(original)).toEqual({
      equal: false,
      tables: [
        { table: 'a', rows: 2, missing: 2, extra: 0, different: 0 },
        { table: 'b', rows: 0, missing: 0, extra: 1, different: 0 },
      ],
    });
    original.exec('DELETE FROM a; CREATE TABLE b (x); INSERT INTO b VALUES (1)');
    expect(new Replica(target).verify(original).equal).toBe(false);
  });

  test('with other columns are different', () => {
    original.exec('CREATE TABLE a (x, y); INSERT INTO a VALUES (1, 1)');
    target.exec('CREATE TABLE a (x, z); INSERT INTO a VALUES (1, 1)');
    expect(new Replica(target).verify(original)).toEqual({
      equal: false,
      tables: [{ table: 'a', rows: 1, missing: 0, extra: 0, different: 1 }],
    });
  });

  test('of SQLite, of virtual tables and of this project are left out', () => {
    original.exec(`CREATE TABLE sqliteXusers (a INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO sqliteXusers VALUES (1);
      CREATE VIRTUAL TABLE docs USING fts5 (body); CREATE VIEW v AS SELECT 1; CREATE TABLE _rowtap_something (a);
      CREATE TEMP TABLE mine (a)`);
    target.exec('CREATE TABLE sqliteXusers (a INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO sqliteXusers VALUES (1)');
    expect(new Replica(target).verify(original)).toEqual({
      equal: true,
      tables: [{ table: 'sqliteXusers', rows: 1, missing: 0, extra: 0, different: 0 }],
    });
  });

  test('a UTF-16 original', () => {
    original.pragma("encoding = 'UTF-16le'");
    const script = `CREATE TABLE t (k TEXT PRIMARY KEY, v); INSERT INTO t VALUES ('ä', 1), ('z', '漢字'), ('a', '😀');
      CREATE TABLE u (v);
        INSERT INTO u SELECT v FROM t`;
    original.exec(script);
    target.exec(script);
    expect(new Replica(target).verify(original).equal).toBe(true);
  });
});

test('an open transaction on either side is refused', () => {
  for (const db of [original, target]) {
    db.exec('BEGIN');
    expect(() => new Replica(target).verify(original)).toThrow(RowtapError);
    db.exec('ROLLBACK');
  }
});

test('nothing is left open, and the databases can be written again', () => {
  original.exec('CREATE TABLE t (a)');
  new Replica(target).verify(original);
  original.exec('INSERT INTO t VALUES (1)');
  expect(original.inTransaction || target.inTransaction).toBe(false);
});
