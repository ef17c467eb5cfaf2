import type { Change, IntegerMode, SqlValue } from 'rowtap';
import { describe, expect, test } from 'vitest';
import { capture } from '../support/captured.js';

type Row = Record<string, SqlValue>;

/**
 * The row with id 1 as it came in each way: as a snapshot's row, inserted, as the state before and after an update, deleted.
 * `insertSql` puts it there; the table is called t.
 */
async function everyImage(create: string, insertSql: string, integers: IntegerMode = 'auto'): Promise<Row[]> {
  const captured = capture({ before: `${create}; ${insertSql}`, snapshot: 'initial', integers });
  captured.db.exec(`DELETE FROM t; ${insertSql}; UPDATE t SET id = id`);
  return imagesOf(await captured.changes());
}

function imagesOf(changes: Change[]): Row[] {
  return changes.flatMap((change) => [change.before, change.after]).filter((row) => row !== null);
}

const integerModes: [IntegerMode, SqlValue, SqlValue][] = [
  ['auto', 7, 9007199254740993n],
  ['bigint', 7n, 9007199254740993n],
  ['number', 7, 9007199254740992],
];

describe('the same row reads the same as snapshot, insert, update and delete', () => {
  test.each(integerModes)('integers: %s, and REAL never as bigint', async (mode, small, large) => {
    const create = 'CREATE TABLE t (id INTEGER PRIMARY KEY, i INTEGER, n NUMERIC, r REAL, d DOUBLE, x, big, text TEXT)';
    const images = await everyImage(create, 'INSERT INTO t VALUES (7, 7, 7.0, 7, 9007199254740993, 7.0, 9007199254740993, 7)', mode);
    expect(images).toHaveLength(5);
    for (const image of images)
      expect(image).toEqual({ id: small, i: small, n: small, r: 7, d: 9007199254740992, x: 7, big: large, text: '7' });
  });

  test('the ends of every width an integer is stored in', async () => {
    const widths = [
      0, 1, -1, 2, 127, -128, 128, 32767, -32768, 32768, 8388607, -8388608, 8388608, 2147483647, -2147483648, 2147483648, 140737488355327,
      -140737488355328, 140737488355328,
    ];
    const columns = widths.map((_, n) => `c${n}`);
    const images = await everyImage(
      `CREATE TABLE t (id INTEGER PRIMARY KEY, ${columns.join(',')})`,
      `INSERT INTO t VALUES (1, ${widths.join(',')})`,
    );
    const expected = Object.fromEntries([['id', 1], ...widths.map((value, n) => [`c${n}`, value])]);
    for (const image of images) expect(image).toEqual(expected);
  });

  test('infinities, fractions, zeros', async () => {
    const images = await everyImage(
      'CREATE TABLE t (id INTEGER PRIMARY KEY, a REAL, b, c REAL, d, e REAL)',
      'INSERT INTO t VALUES (1, 9e999, -9e999, 0.1, 1e-300, 0)',
    );
    for (const image of images) {
      expect(image).toEqual({ id: 1, a: Number.POSITIVE_INFINITY, b: Number.NEGATIVE_INFINITY, c: 0.1, d: 1e-300, e: 0 });
    }
  });

  test('blobs as Buffers, empty ones and empty strings, NULL, NUL in text', async () => {
    const images = await everyImage(
      'CREATE TABLE t (id INTEGER PRIMARY KEY, a, b, c, d, e TEXT, f)',
      "INSERT INTO t VALUES (1, x'00ff10', x'', '', NULL, 'a' || char(0) || 'b', zeroblob(5))",
    );
    for (const image of images) {
      expect(image).toEqual({ id: 1, a: Buffer.from([0, 255, 16]), b: Buffer.alloc(0), c: '', d: null, e: 'a\0b', f: Buffer.alloc(5) });
      expect(Buffer.isBuffer(image['a'])).toBe(true);
    }
  });

  test.each(['UTF-8', 'UTF-16le', 'UTF-16be'])('text in %s', async (encoding) => {
    const text = ['plain', 'äöü', '漢字', '😀 and 𝒳', 'é', ''];
    const images = await everyImage(
      `PRAGMA encoding = '${encoding}'; CREATE TABLE t (id INTEGER PRIMARY KEY, ${text.map((_, n) => `c${n}`).join(',')})`,
      `INSERT INTO t VALUES (1, ${text.map((each) => `'${each}'`).join(',')})`,
    );
    expect(images).toHaveLength(5);
    for (const image of images) expect(Object.values(image).slice(1)).toEqual(text);
  });

  test('rows of many sizes, past a page and past the reading buffer', async () => {
    for (const size of [100, 4000, 5000, 70_000, 300_000]) {
      const images = await everyImage(
        'CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b BLOB)',
        `INSERT INTO t VALUES (1, hex(zeroblob(${size} / 2)), randomblob(${size}))`,
      );
      expect(images).toHaveLength(5);
      for (const image of images) expect(image['a']).toBe('0'.repeat(size));
      // The row was inserted anew after the snapshot, with other random bytes.
      for (const image of images.slice(2)) expect((image['b'] as Buffer).equals(images[2]?.['b'] as Buffer), String(size)).toBe(true);
      expect((images[1]?.['b'] as Buffer).equals(images[0]?.['b'] as Buffer)).toBe(true);
    }
  });

  test('WITHOUT ROWID tables, in the order of their columns', async () => {
    const images = await everyImage(
      'CREATE TABLE t (a, id, b REAL, PRIMARY KEY (b, id)) WITHOUT ROWID',
      "INSERT INTO t VALUES ('a', 1, 2)",
    );
    expect(images).toHaveLength(5);
    for (const image of images)
      expect(Object.entries(image)).toEqual([
        ['a', 'a'],
        ['id', 1],
        ['b', 2],
      ]);
  });
});

describe('columns added later', () => {
  const create = `CREATE TABLE t (id INTEGER PRIMARY KEY, a); INSERT INTO t VALUES (1, 'old');
    ALTER TABLE t ADD COLUMN r REAL DEFAULT 5; ALTER TABLE t ADD COLUMN s TEXT DEFAULT 'ä'; ALTER TABLE t ADD COLUMN n;
    ALTER TABLE t ADD COLUMN i INTEGER NOT NULL DEFAULT 3`;
  const expected = { id: 1n, a: 'old', r: 5, s: 'ä', n: null, i: 3n };

  test('an old row answers their defaults', async () => {
    const captured = capture({ before: create, snapshot: 'initial', integers: 'bigint' });
    captured.db.exec('BEGIN; UPDATE t SET id = id; DELETE FROM t; COMMIT');
    const images = imagesOf(await captured.changes());
    expect(images).toHaveLength(4);
    for (const image of images) expect(image).toEqual(expected);
  });

  test('also where records are moved from table to table', async () => {
    const captured = capture({
      before: `${create}; CREATE TABLE u AS SELECT * FROM t WHERE 0; DROP TABLE u;
        CREATE TABLE u (id INTEGER PRIMARY KEY, a, r REAL DEFAULT 5, s TEXT DEFAULT 'ä', n, i INTEGER NOT NULL DEFAULT 3)`,
      integers: 'bigint',
    });
    captured.db.exec('INSERT INTO u SELECT * FROM t');
    expect(imagesOf(await captured.changes())).toEqual([expected]);
  });
});

describe('generated columns', () => {
  const create =
    'CREATE TABLE t (v1 AS (id * 2), id INTEGER PRIMARY KEY, s AS (a || 1) STORED, v2 AS (a || 2) VIRTUAL, a TEXT, z DEFAULT 9)';

  test('virtual ones are left out, stored ones are in, and no name shifts', async () => {
    const images = await everyImage(create, "INSERT INTO t (id, a) VALUES (1, 'x')");
    expect(images).toHaveLength(5);
    for (const image of images)
      expect(Object.entries(image)).toEqual([
        ['id', 1],
        ['s', 'x1'],
        ['a', 'x'],
        ['z', 9],
      ]);
  });

  test('the schema says which', async () => {
    const captured = capture();
    captured.db.exec(create);
    expect(await captured.changes()).toMatchObject([
      {
        op: 'schema',
        change: 'create',
        columns: [
          { name: 'v1', generated: 'virtual' },
          { name: 'id', generated: 'no', key: 1 },
          { name: 's', generated: 'stored' },
          { name: 'v2', generated: 'virtual' },
          { name: 'a', type: 'TEXT', generated: 'no', key: 0 },
          { name: 'z', generated: 'no' },
        ],
      },
    ]);
  });

  test('in a WITHOUT ROWID table', async () => {
    const images = await everyImage(
      'CREATE TABLE t (v AS (a || 1), a, id, s AS (a || 2) STORED, b, PRIMARY KEY (b, id)) WITHOUT ROWID',
      "INSERT INTO t (a, id, b) VALUES ('x', 1, 'y')",
    );
    expect(images).toHaveLength(5);
    for (const image of images)
      expect(Object.entries(image)).toEqual([
        ['a', 'x'],
        ['id', 1],
        ['s', 'x2'],
        ['b', 'y'],
      ]);
  });
});
