/** When tables change, subscribers are told in the right place, and rows read as they are from there on. */
import { uninstallTriggers } from 'rowtap';
import { describe, expect, test } from 'vitest';
import { brief } from '../../support/captured.js';
import { engines, run } from './engines.js';

describe.each(engines)('$name engine', (engine) => {
  const before = 'CREATE TABLE t (id INTEGER PRIMARY KEY, a)';

  test('a column is added amid a transaction', async () => {
    const file = run(engine, { before });
    const reading = file.read();
    file.exec('BEGIN', 'INSERT INTO t VALUES (1, 1)');
    file.reshape('ALTER TABLE t ADD COLUMN b DEFAULT 5');
    file.exec('INSERT INTO t (id) VALUES (2)', 'UPDATE t SET a = 2 WHERE id = 1', 'COMMIT');
    const changes = await reading.changes();
    expect(changes.map(brief)).toEqual(['insert t (1, 1)', 'alter t', 'insert t (2, NULL, 5)', 'update t (1, 1, 5) > (1, 2, 5)']);
    expect(new Set(changes.map(({ lsn }) => lsn)).size).toBe(1);
    expect(changes.map(({ index }) => index)).toEqual([0, 1, 2, 3]);
    const event = changes[1];
    expect(event).toMatchObject({
      op: 'schema',
      sql: 'CREATE TABLE t (id INTEGER PRIMARY KEY, a, b DEFAULT 5)',
      before: null,
      after: null,
    });
    expect((event as { columns: { name: string }[] }).columns.map(({ name }) => name)).toEqual(['id', 'a', 'b']);
  });

  test('a table is created, a column renamed, the table dropped', async () => {
    const file = run(engine, { before });
    const reading = file.read();
    file.reshape('CREATE TABLE u (k TEXT PRIMARY KEY, v) WITHOUT ROWID');
    file.exec("INSERT INTO u VALUES ('x', 1)");
    file.reshape('ALTER TABLE u RENAME COLUMN v TO w');
    file.exec('UPDATE u SET w = 2');
    const changes = await reading.changes();
    expect(changes.map(brief)).toEqual(['create u', "insert u ('x', 1)", 'alter u', "update u ('x', 1) > ('x', 2)"]);
    expect(changes.at(-1)?.before).toEqual({ k: 'x', w: 1 });
    file.reshape('DROP TABLE u');
    file.exec('INSERT INTO t VALUES (1, 1)');
    expect((await reading.changes()).map(brief)).toEqual(['drop u', 'insert t (1, 1)']);
  });

  test('a change of tables that is rolled back has never been', async () => {
    const file = run(engine, { before });
    const reading = file.read();
    file.exec('BEGIN', 'INSERT INTO t VALUES (1, 1)');
    file.reshape('ALTER TABLE t ADD COLUMN b', 'CREATE TABLE u (a)');
    file.exec('INSERT INTO u VALUES (1)', 'ROLLBACK', 'BEGIN', 'SAVEPOINT s');
    file.reshape('ALTER TABLE t ADD COLUMN c');
    file.exec('INSERT INTO t VALUES (2, 2, 2)', 'ROLLBACK TO s', 'INSERT INTO t VALUES (3, 3)', 'COMMIT');
    expect(await reading.transactions()).toEqual([['insert t (3, 3)']]);
  });

  test('indexes, views and triggers are no news', async () => {
    const file = run(engine, { before });
    const reading = file.read();
    file.reshape('CREATE INDEX i ON t (a)', 'CREATE VIEW seen AS SELECT a FROM t');
    file.exec('INSERT INTO t VALUES (1, 1)');
    file.reshape('DROP INDEX i', 'DROP VIEW seen');
    file.exec('VACUUM', 'ANALYZE', 'REINDEX', 'INSERT INTO t VALUES (2, 2)');
    expect(await reading.transactions()).toEqual([['insert t (1, 1)'], ['insert t (2, 2)']]);
  });

  test('a consumer that was away reads rows of each shape as they were', async () => {
    const file = run(engine, { before });
    await file.source.subscribe({ consumer: 'c', snapshot: 'never' }).ready;
    file.exec('INSERT INTO t VALUES (1, 1)');
    file.reshape('ALTER TABLE t ADD COLUMN b');
    file.exec('INSERT INTO t VALUES (2, 2, 2)');
    await file.restart();
    file.reshape('ALTER TABLE t RENAME COLUMN a TO z');
    file.exec('DELETE FROM t');
    const changes = await file.read({ consumer: 'c' }).changes();
    expect(changes.map((change) => (change.op === 'schema' ? brief(change) : (change.after ?? change.before)))).toEqual([
      { id: 1, a: 1 },
      'alter t',
      { id: 2, a: 2, b: 2 },
      'alter t',
      { id: 1, z: 1, b: null },
      { id: 2, z: 2, b: 2 },
    ]);
  });

  test('a table that is dropped and created anew, with other columns', async () => {
    const file = run(engine, { before: `${before}; INSERT INTO t VALUES (1, 1)` });
    const reading = file.read();
    file.reshape('DROP TABLE t', 'CREATE TABLE t (x, y, z)');
    file.exec('INSERT INTO t VALUES (1, 2, 3)');
    expect((await reading.changes()).map(brief)).toEqual(['drop t', 'create t', 'insert t (1, 2, 3)']);
  });

  test('a column that is dropped: whoever wants a snapshot when it is needed has the rows as they are', async () => {
    const file = run(engine, { before: `${before}; INSERT INTO t VALUES (1, 1)` });
    const reading = file.read({ consumer: 'c', snapshot: 'when-needed' });
    await reading.changes();
    file.db.transaction(() => {
      if (engine.name === 'trigger') uninstallTriggers(file.db, { tables: ['t'] });
      file.db.exec('ALTER TABLE t DROP COLUMN a');
      engine.prepare(file.db);
    })();
    file.exec('INSERT INTO t VALUES (2)');
    const rows = new Map<unknown, unknown>();
    for (const change of await reading.changes()) {
      if (change.op === 'bootstrap') rows.clear();
      else if ('key' in change) rows.set(change.key?.['id'], change.after);
    }
    if (engine.name === 'hook') rows.set(1, { id: 1 });
    expect([...rows.values()]).toEqual(expect.arrayContaining([{ id: 1 }, { id: 2 }]));
  });
});
