import { expect, it } from 'vitest';
import { newDatabase } from './database-file.js';

/** Enough rows for several pages each; `n` tells them apart. */
const kinds: Record<string, { create: string; insert: string }> = {
  'INTEGER PRIMARY KEY, negative and zero': {
    create: 'CREATE TABLE t (id INTEGER PRIMARY KEY, n, text)',
    insert: 'INSERT INTO t SELECT value - 1500, value, text FROM source',
  },
  'a composite key, the order of its columns not that of the table': {
    create: 'CREATE TABLE t (n, a, b, text, PRIMARY KEY (b, a))',
    insert: 'INSERT INTO t SELECT value, value % 10, value / 10, text FROM source',
  },
  'a composite key with NULLs in every part, again and again': {
    create: 'CREATE TABLE t (a, b, n, text, PRIMARY KEY (a, b))',
    insert: 'INSERT INTO t SELECT nullif(value % 3, 0), nullif(value % 5, 0), value, text FROM source WHERE value % 3 = 0 OR value % 5 = 0',
  },
  'a key in descending order': {
    create: 'CREATE TABLE t (a INT, b INT, n, text, PRIMARY KEY (a DESC, b))',
    insert: 'INSERT INTO t SELECT value / 7, value % 7, value, text FROM source',
  },
  'a key without regard to case': {
    create: 'CREATE TABLE t (a TEXT PRIMARY KEY COLLATE NOCASE, n, text)',
    insert: `INSERT INTO t SELECT iif(value % 2, 'KEY', 'key') || value, value, text FROM source`,
  },
  'WITHOUT ROWID, the key last and descending': {
    create: 'CREATE TABLE t (n, text, b TEXT COLLATE NOCASE, a REAL, PRIMARY KEY (a DESC, b)) WITHOUT ROWID',
    insert: `INSERT INTO t SELECT value, text, 'b' || value, value / 4 FROM source`,
  },
  'no key, each row many times': {
    create: 'CREATE TABLE t (n, text)',
    insert: 'INSERT INTO t SELECT value % 4, text FROM source',
  },
  'columns that take all names of the rowid': {
    create: 'CREATE TABLE t (rowid TEXT, _rowid_ TEXT, oid TEXT, n, text)',
    insert: `INSERT INTO t SELECT 'a', 'b', 'c', value, text FROM source`,
  },
  'a name with quotes, dots and spaces': {
    create: 'CREATE TABLE "select ""t"". x" ("a "" b" PRIMARY KEY, n, text)',
    insert: 'INSERT INTO "select ""t"". x" SELECT value, value, text FROM source',
  },
};

for (const [kind, { create, insert }] of Object.entries(kinds)) {
  it(`hands over every row once: ${kind}`, async () => {
    const db = newDatabase(`${create}; WITH RECURSIVE source (value, text) AS (
      SELECT 1, hex(zeroblob(40)) UNION ALL SELECT value + 1, text FROM source WHERE value < 3000
    ) ${insert}`);
    const rows: unknown[] = [];
    const tables = new Set<string>();
    let writes = 0;
    for await (const change of db.changes({ snapshot: 'only' })) {
      if (change.op === 'bootstrap') tables.add(change.table);
      if (change.op !== 'snapshot') continue;
      rows.push(change.after);
      // A row that is deleted, or moved, before or after the scan has come to it still stands in the snapshot.
      if (rows.length % 100 === 50 && ++writes) {
        db.exec(`DELETE FROM "${change.table.replaceAll('"', '""')}" WHERE n % 7 = ${writes % 7}`);
      }
    }
    expect(tables.size).toBe(1);
    expect(writes).toBeGreaterThan(5);
    expect(rows).toHaveLength(kind.includes('NULLs') ? 1400 : 3000);
    if (!kind.startsWith('no key')) expect(new Set(rows.map((row) => (row as { n: number }).n)).size).toBe(rows.length);
  });
}
