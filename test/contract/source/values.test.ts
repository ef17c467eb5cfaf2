/** Every value arrives as it was stored, whatever the column is declared as, and no write fails because of one. */
import type { SqlValue } from 'rowtap';
import { describe, expect, test } from 'vitest';
import { engines, run } from './engines.js';

const types = ['', 'INTEGER', 'REAL', 'TEXT', 'BLOB', 'NUMERIC', 'VARCHAR(3)'];
const expressions = [
  'NULL',
  '0',
  '1',
  '-1',
  '9007199254740991',
  '9007199254740993',
  '-9223372036854775808',
  '9223372036854775807',
  '0.0',
  '-0.0',
  '5.0',
  '1.5',
  '1e300',
  '9e999',
  '-9e999',
  '9007199254740993.0',
  "''",
  "'5'",
  "'5.0'",
  "'1e3'",
  "' 7 '",
  "'äß漢😀'",
  "'x' || char(0) || 'y'",
  "CAST(x'ff41c3' AS TEXT)",
  "x''",
  "x'00ff'",
  'zeroblob(5000)',
  'hex(zeroblob(5000))',
];

describe.each(engines)('$name engine', (engine) => {
  test.each(types)('each value in a column declared %j, inserted, updated and deleted', async (type) => {
    const file = run(engine, { before: `CREATE TABLE t (id INTEGER PRIMARY KEY, v ${type}); INSERT INTO t (id) VALUES (0)` });
    const reading = file.read();
    const wanted: Record<string, SqlValue>[] = [];
    const stored = file.db.prepare('SELECT v, typeof(v) AS type FROM t WHERE id = ?').safeIntegers();
    for (const [index, expression] of expressions.entries()) {
      file.exec(`INSERT INTO t VALUES (${index + 1}, ${expression})`, `UPDATE t SET v = ${expression} WHERE id = 0`);
      wanted.push(stored.get(index + 1) as never, stored.get(0) as never);
    }
    file.exec('DELETE FROM t');
    const changes = await reading.changes();
    const arrived = changes.slice(0, wanted.length).map(({ after }) => after?.['v'] as SqlValue);
    expect(arrived).toEqual(wanted.map(({ v }) => auto(v as SqlValue)));
    expect(arrived.map(kind)).toEqual(wanted.map(({ v }) => kind(auto(v as SqlValue))));
    // What an update was made of is what the one before it has left, and what was deleted is what was inserted.
    const updates = changes.filter(({ op }) => op === 'update');
    expect(updates.slice(1).map(({ before }) => before)).toEqual(updates.slice(0, -1).map(({ after }) => after));
    const deleted = changes.filter(({ op }) => op === 'delete').slice(1);
    expect(deleted.map(({ before }) => before)).toEqual(changes.filter(({ op }) => op === 'insert').map(({ after }) => after));
  });

  test.each(['auto', 'bigint', 'number'] as const)('integers as %s', async (integers) => {
    const file = run(engine, { before: 'CREATE TABLE t (id INTEGER PRIMARY KEY, i, r REAL)' });
    const reading = file.read({ integers });
    file.exec('INSERT INTO t VALUES (1, 9007199254740993, 5), (2, 7, 9007199254740993.0)');
    const rows = (await reading.changes()).map(({ after }) => Object.values(after ?? {}));
    expect(rows).toEqual(
      {
        auto: [
          [1, 9007199254740993n, 5],
          [2, 7, 9007199254740992],
        ],
        bigint: [
          [1n, 9007199254740993n, 5],
          [2n, 7n, 9007199254740992],
        ],
        number: [
          [1, 9007199254740992, 5],
          [2, 7, 9007199254740992],
        ],
      }[integers],
    );
  });

  test('an empty blob beside NULL and the empty text', async () => {
    const file = run(engine, { before: 'CREATE TABLE t (a, b, c)' });
    const reading = file.read();
    file.exec("INSERT INTO t VALUES (x'', NULL, '')");
    const [change] = await reading.changes();
    expect(change?.after).toEqual({ a: Buffer.alloc(0), b: null, c: '' });
    expect(Buffer.isBuffer(change?.after?.['a'])).toBe(true);
  });

  test('blobs and texts of megabytes, several in one commit', async () => {
    const file = run(engine, { before: 'CREATE TABLE t (id INTEGER PRIMARY KEY, a, b TEXT)' });
    const reading = file.read();
    const blob = Buffer.alloc(3_000_000, 7);
    const text = 'ä'.repeat(1_000_000);
    file.db.transaction(() => {
      for (let id = 1; id <= 5; ++id) file.db.prepare('INSERT INTO t VALUES (?, ?, ?)').run(id, blob, text);
    })();
    file.look();
    file.exec('UPDATE t SET b = NULL');
    const changes = await reading.changes();
    expect(changes).toHaveLength(10);
    for (const [index, { before, after }] of changes.entries()) {
      const row = index < 5 ? after : before;
      expect(blob.equals(row?.['a'] as Buffer)).toBe(true);
      expect(row?.['b'] === text).toBe(true);
    }
  });
});

/** As `integers: 'auto'` gives a value that was read with safe integers. */
function auto(value: SqlValue): SqlValue {
  return typeof value === 'bigint' && Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

function kind(value: SqlValue): string {
  if (Object.is(value, -0)) return '-0';
  return Buffer.isBuffer(value) ? 'blob' : value === null ? 'null' : typeof value;
}
