import { describe, expect, it } from 'vitest';
import { Database, RowtapError } from 'rowtap';
import { fill, newDatabase, newPath } from './database-file.js';

async function opsOf(subscription: AsyncIterable<{ op: string; table: string | null }>): Promise<string[]> {
  const ops: string[] = [];
  for await (const change of subscription) ops.push(`${change.op} ${change.table}`);
  return ops;
}

describe('without WAL mode', () => {
  it('refuses, says how to turn it on, and changes nothing', () => {
    const path = newPath();
    const db = new Database(path);
    db.exec('CREATE TABLE t (id); INSERT INTO t VALUES (1)');
    for (const options of [{ snapshot: 'always' }, { snapshot: 'only' }, { consumer: 'c' }] as const) {
      const error = catchError(() => db.changes(options));
      expect(error).toBeInstanceOf(RowtapError);
      expect(error).toMatchObject({ code: 'ROWTAP_NOT_WAL' });
      expect(String(error)).toContain(`db.pragma('journal_mode = WAL')`);
    }
    expect(db.prepare('SELECT name FROM sqlite_schema').pluck().all()).toEqual(['t']);
    db.pragma('journal_mode = WAL');
    db.close();
  });

  it('reads a database that is opened read-only, in any mode, and ends after "only"', async () => {
    for (const mode of ['delete', 'wal']) {
      const path = newPath();
      const first = new Database(path);
      first.pragma(`journal_mode = ${mode}`);
      fill(first, 't', 3);
      first.close();
      const db = new Database(path, { readonly: true });
      expect(await opsOf(db.changes({ snapshot: 'only' }))).toEqual(['bootstrap t', 'snapshot t', 'snapshot t', 'snapshot t']);
      const subscription = db.changes({ snapshot: 'initial' });
      const iterator = subscription[Symbol.asyncIterator]();
      for (let i = 0; i < 4; i++) await iterator.next();
      expect(await subscription.bootstrapped).toMatchObject({ rows: 3 });
      await subscription.close();
      db.close();
    }
  });
});

it('does not wait for a lock that its own thread holds', { timeout: 4000 }, () => {
  const db = newDatabase('CREATE TABLE t (id)');
  db.exec('PRAGMA locking_mode = EXCLUSIVE; INSERT INTO t VALUES (1)');
  expect(catchError(() => db.changes({ snapshot: 'always' }))).toMatchObject({ code: 'SQLITE_BUSY' });
});

describe('in memory', () => {
  it('reads a copy, and goes on with the changes', async () => {
    const db = newDatabase('CREATE TABLE t (id INTEGER PRIMARY KEY, n); INSERT INTO t VALUES (1, 1), (2, 2)', ':memory:');
    const subscription = db.changes({ snapshot: 'always' });
    db.exec('INSERT INTO t VALUES (3, 3); UPDATE t SET n = 4 WHERE id = 1');
    const seen: string[] = [];
    for await (const change of subscription) {
      seen.push(`${change.op} ${JSON.stringify(change.after)}`);
      if (change.op === 'update') break;
    }
    expect(seen).toEqual([
      'bootstrap null',
      'snapshot {"id":1,"n":1}',
      'snapshot {"id":2,"n":2}',
      'insert {"id":3,"n":3}',
      'update {"id":1,"n":4}',
    ]);
  });

  it('asks to wait for an open transaction', () => {
    const db = newDatabase('CREATE TABLE t (id)', ':memory:');
    db.exec('BEGIN; INSERT INTO t VALUES (1)');
    expect(catchError(() => db.changes({ snapshot: 'always' }))).toMatchObject({ code: 'ROWTAP_BUSY', retryable: true });
    db.exec('COMMIT');
  });
});

it('leaves out what changes leave out: virtual and shadow tables, views, temporary and attached ones, rowtap’s own', async () => {
  const db = newDatabase(`
    CREATE TABLE kept (id); CREATE TABLE "sqliteXkept" (id); CREATE TABLE excluded_1 (id);
    CREATE VIRTUAL TABLE found USING fts5(text); INSERT INTO found VALUES ('text');
    CREATE VIEW seen AS SELECT 1 AS one; CREATE TEMP TABLE kept_not (id); ATTACH ':memory:' AS other; CREATE TABLE other.elsewhere (id);
    CREATE TABLE counted (id INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO counted DEFAULT VALUES; ANALYZE;
  `);
  const subscription = db.changes({ snapshot: 'always', consumer: 'c', excludeTables: ['excluded*'] });
  const ops: string[] = [];
  for await (const change of subscription) {
    ops.push(`${change.op} ${change.table}`);
    if (ops.length === 4) break;
  }
  expect(ops).toEqual(['bootstrap counted', 'snapshot counted', 'bootstrap kept', 'bootstrap sqliteXkept']);
});

it('takes rows by the lists of the source and of the subscription, and never by ops', async () => {
  const db = newDatabase(
    'CREATE TABLE a (id); INSERT INTO a VALUES (1); CREATE TABLE b (id); INSERT INTO b VALUES (1); CREATE TABLE ab (id)',
  );
  expect(await opsOf(db.changes({ snapshot: 'only', tables: ['a*'], excludeTables: ['ab'], ops: ['delete'] }))).toEqual([
    'bootstrap a',
    'snapshot a',
  ]);
});

it('hands over tables in the order of their names', async () => {
  const db = newDatabase('CREATE TABLE c (id); CREATE TABLE a (id); CREATE TABLE b (id)');
  expect(await opsOf(db.changes({ snapshot: 'only' }))).toEqual(['bootstrap a', 'bootstrap b', 'bootstrap c']);
});

it('gives a bootstrap event the definition of its table, out of sight', async () => {
  const sql = 'CREATE TABLE t (a INT NOT NULL, b AS (a + 1), c TEXT, PRIMARY KEY (c, a))';
  const db = newDatabase(sql);
  for await (const change of db.changes({ snapshot: 'only' })) {
    expect(Object.keys(change).sort()).toEqual(['after', 'before', 'index', 'lsn', 'op', 'source', 'table', 'time']);
    expect((change as unknown as Record<symbol, unknown>)[Symbol.for('rowtap.schema')]).toEqual({
      sql,
      columns: [
        { name: 'a', type: 'INT', notNull: true, key: 2, generated: 'no' },
        { name: 'b', type: '', notNull: false, key: 0, generated: 'virtual' },
        { name: 'c', type: 'TEXT', notNull: false, key: 1, generated: 'no' },
      ],
    });
  }
});

function catchError(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  return undefined;
}
