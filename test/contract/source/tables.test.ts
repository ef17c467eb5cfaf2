/** Tables of every kind: keys, names, numbers of columns, generated columns; and those that are not captured. */
import { describe, expect, test } from 'vitest';
import { brief } from '../../support/captured.js';
import { engines, run } from './engines.js';

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

const names = [
  'say "hi"',
  'a.b',
  'two words',
  'select',
  'new',
  'old',
  "it's",
  '[x]',
  '`y`',
  'Ärger',
  '漢字',
  '__proto__',
  'constructor',
  '--',
  '$1',
  '$&',
  'rowid',
  'id',
  'v0',
];

describe.each(engines)('$name engine', (engine) => {
  test.each(names)('a table and its column may be called %j', async (name) => {
    const file = run(engine, { before: `CREATE TABLE ${quoted(name)} (${quoted(name)} PRIMARY KEY, other)` });
    const reading = file.read();
    file.exec(
      `INSERT INTO ${quoted(name)} VALUES ('x', 1)`,
      `UPDATE ${quoted(name)} SET ${quoted(name)} = 'y'`,
      `DELETE FROM ${quoted(name)}`,
    );
    const changes = await reading.changes();
    expect(changes.map(({ op, table }) => `${op} ${table}`)).toEqual([`insert ${name}`, `update ${name}`, `delete ${name}`]);
    expect(changes.map((change) => ('key' in change ? Object.entries(change.key ?? {}) : null))).toEqual([
      [[name, 'x']],
      [[name, 'x']],
      [[name, 'y']],
    ]);
    expect(Object.entries(changes[1]?.after ?? {})).toEqual([
      [name, 'y'],
      ['other', 1],
    ]);
    expect(Object.getPrototypeOf(changes[1]?.after)).toBe(Object.prototype);
  });

  test.each([1, 2, 15, 16, 17, 32, 33, 100, 2000])('a table of %i columns', async (count) => {
    const columns = Array.from({ length: count }, (_, index) => `c${index}`);
    const file = run(engine, { before: `CREATE TABLE t (${columns.join(', ')}); CREATE TABLE u (a)` });
    const reading = file.read();
    const row = (first: number): Record<string, number> => Object.fromEntries(columns.map((name, index) => [name, first + index]));
    file.exec(
      `INSERT INTO t VALUES (${columns.map((_, index) => index).join(', ')})`,
      'BEGIN',
      'INSERT INTO u VALUES (1)',
      `UPDATE t SET ${columns.map((name) => `${name} = ${name} + 1`).join(', ')}`,
      'INSERT INTO u VALUES (2)',
      'COMMIT',
      'INSERT INTO t DEFAULT VALUES',
      'DELETE FROM t WHERE c0 = 1',
    );
    const changes = await reading.changes();
    expect(changes.map(({ op, table }) => `${op} ${table}`)).toEqual([
      'insert t',
      'insert u',
      'update t',
      'insert u',
      'insert t',
      'delete t',
    ]);
    expect(changes[0]).toMatchObject({ key: null, before: null, after: row(0) });
    expect(changes[2]).toMatchObject({ before: row(0), after: row(1) });
    expect(changes[4]?.after).toEqual(Object.fromEntries(columns.map((name) => [name, null])));
    expect(changes[5]).toMatchObject({ before: row(1), after: null });
  });

  test('keys of several columns, in the order of the key', async () => {
    const file = run(engine, {
      before: `CREATE TABLE c (a, b, v, PRIMARY KEY (b, a)); CREATE TABLE w (v, a, b, PRIMARY KEY (b DESC, a)) WITHOUT ROWID;
        CREATE TABLE n (k TEXT COLLATE NOCASE PRIMARY KEY, v) WITHOUT ROWID`,
    });
    const reading = file.read();
    file.exec(
      "INSERT INTO c VALUES (1, 2, 'x')",
      'UPDATE c SET a = 3',
      'INSERT INTO w VALUES (0, 1, 2), (0, 1, 3)',
      'UPDATE w SET b = b + 10, v = 1',
      "INSERT INTO n VALUES ('a', 1)",
      "UPDATE n SET k = 'A'",
      "UPDATE n SET k = 'b'",
      'DELETE FROM n',
    );
    const changes = await reading.changes();
    const keyed = (change: unknown): unknown => Object.entries((change as { key: Record<string, unknown> }).key);
    expect(changes.slice(0, 4).map(keyed)).toEqual([
      [
        ['b', 2],
        ['a', 1],
      ],
      [
        ['b', 2],
        ['a', 1],
      ],
      [
        ['b', 2],
        ['a', 1],
      ],
      [
        ['b', 3],
        ['a', 1],
      ],
    ]);
    expect(changes.slice(4, 6).map(brief).sort()).toEqual(['update w (0, 1, 2) > (1, 1, 12)', 'update w (0, 1, 3) > (1, 1, 13)']);
    expect(changes.slice(6).map(brief)).toEqual([
      "insert n ('a', 1)",
      "update n ('a', 1) > ('A', 1)",
      "update n ('A', 1) > ('b', 1)",
      "delete n ('b', 1)",
    ]);
  });

  test('an update of the INTEGER PRIMARY KEY, over rows that are there', async () => {
    const file = run(engine, { before: 'CREATE TABLE t (id INTEGER PRIMARY KEY, a); INSERT INTO t VALUES (1, 1), (2, 2)' });
    const reading = file.read();
    file.exec('UPDATE t SET id = -id', 'UPDATE t SET id = 9 WHERE id = -2');
    const texts = (await reading.changes()).map(brief);
    // SQLite chooses in which order it visits the rows of a statement.
    expect(texts.slice(0, 2).sort()).toEqual(['update t (1, 1) > (-1, 1)', 'update t (2, 2) > (-2, 2)']);
    expect(texts.slice(2)).toEqual(['update t (-2, 2) > (9, 2)']);
  });

  test('a table without a key, with equal rows', async () => {
    const file = run(engine, { before: 'CREATE TABLE t (a); INSERT INTO t VALUES (1), (1)' });
    const reading = file.read();
    file.exec('UPDATE t SET a = 2 WHERE rowid = 2', 'DELETE FROM t WHERE a = 1');
    const changes = await reading.changes();
    expect(changes.map(brief)).toEqual(['update t (1) > (2)', 'delete t (1)']);
    expect(changes.every((change) => 'key' in change && change.key === null)).toBe(true);
  });

  test('generated columns: those that are stored come, the others are computed by whoever wants them', async () => {
    const file = run(engine, {
      before: `CREATE TABLE t (a, s AS (a * 2) STORED, v AS (a * 3), b, id INTEGER PRIMARY KEY)`,
    });
    const reading = file.read();
    file.exec('INSERT INTO t (a, b, id) VALUES (1, 2, 3)', 'UPDATE t SET a = 5', 'DELETE FROM t');
    expect(await reading.transactions()).toEqual([
      ['insert t (1, 2, 2, 3)'],
      ['update t (1, 2, 2, 3) > (5, 10, 2, 3)'],
      ['delete t (5, 10, 2, 3)'],
    ]);
  });

  test('STRICT tables, AUTOINCREMENT, defaults and checks', async () => {
    const file = run(engine, {
      before: `CREATE TABLE s (i INT, r REAL, x TEXT, b BLOB, a ANY) STRICT;
        CREATE TABLE d (id INTEGER PRIMARY KEY AUTOINCREMENT, x DEFAULT 'dear', n NOT NULL DEFAULT (1 + 1) CHECK (n > 0))`,
    });
    const reading = file.read();
    file.exec(
      "INSERT INTO s VALUES ('1', 2, 3, x'04', '5')",
      'INSERT INTO d DEFAULT VALUES',
      'DELETE FROM d',
      'INSERT INTO d (n) VALUES (7)',
    );
    expect(await reading.transactions()).toEqual([
      ["insert s (1, 2, '3', x'04', '5')"],
      ["insert d (1, 'dear', 2)"],
      ["delete d (1, 'dear', 2)"],
      ["insert d (2, 'dear', 7)"],
    ]);
  });

  test('temporary tables and those of attached files are not captured, whatever their names', async () => {
    const file = run(engine, { before: 'CREATE TABLE t (a); CREATE VIEW seen AS SELECT a FROM t' });
    const reading = file.read();
    file.exec(
      "ATTACH ':memory:' AS other",
      'CREATE TABLE other.t (a)',
      'CREATE TABLE other.u (a)',
      'INSERT INTO other.t VALUES (1)',
      'INSERT INTO other.u VALUES (1)',
      'CREATE TEMP TABLE t (a)',
      'CREATE TEMP TABLE _rowtap_changes (a)',
      'INSERT INTO t VALUES (2)',
      'INSERT INTO main.t VALUES (3)',
      'DELETE FROM temp.t',
      'UPDATE main.t SET a = 4',
    );
    expect(await reading.transactions()).toEqual([['insert t (3)'], ['update t (3) > (4)']]);
  });

  test("the application's counters are its own", async () => {
    const file = run(engine, { before: 'CREATE TABLE t (id INTEGER PRIMARY KEY, a)' });
    const reading = file.read();
    const inserted = file.db.prepare('INSERT INTO t VALUES (70, 1), (71, 2)').run();
    expect(inserted).toEqual({ changes: 2, lastInsertRowid: 71 });
    const updated = file.db.prepare('UPDATE t SET a = 3').run();
    expect(updated).toEqual({ changes: 2, lastInsertRowid: 71 });
    expect(file.db.prepare('SELECT changes() AS c, last_insert_rowid() AS id').get()).toEqual({ c: 2, id: 71 });
    expect(await reading.changes()).toHaveLength(4);
  });
});
