/** What installing and uninstalling leave behind, and what is noticed when tables have changed since. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Change, Database, installTriggers, openSource, Replica, type Subscription, triggerStatus, uninstallTriggers } from 'rowtap';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { brief } from '../support/captured.js';

function newFile(sql: string): { path: string; db: Database } {
  const folder = mkdtempSync(join(tmpdir(), 'rowtap-install-'));
  const path = join(folder, 'test.db');
  const db = new Database(path);
  db.pragma('journal_mode = WAL');
  db.exec(sql);
  onTestFinished(() => {
    db.close();
    rmSync(folder, { recursive: true });
  });
  return { path, db };
}

const schemaOf = (db: Database): unknown[] => db.prepare('SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY rowid').all();

async function read(subscription: Subscription, count: number): Promise<string[]> {
  const changes: Change[] = [];
  for await (const change of subscription) {
    changes.push(change);
    if (changes.length === count) break;
  }
  return changes.map(brief);
}

const code = (expected: string, part = ''): Error =>
  expect.objectContaining({ code: expected, message: expect.stringContaining(part) }) as Error;

describe('installTriggers', () => {
  test('twice changes nothing the second time, and all of it goes again', async () => {
    const { path, db } = newFile(
      'CREATE TABLE a (x); CREATE TABLE b (id INTEGER PRIMARY KEY); CREATE TRIGGER mine AFTER INSERT ON a BEGIN DELETE FROM b; END',
    );
    const before = schemaOf(db);
    expect(installTriggers(path)).toEqual({ tables: ['a', 'b'] });
    const installed = schemaOf(db);
    expect(installTriggers(db)).toEqual({ tables: ['a', 'b'] });
    expect(schemaOf(db)).toEqual(installed);
    const source = openSource(path, { engine: 'trigger' });
    const subscription = source.subscribe({ consumer: 'c', snapshot: 'never' });
    await subscription.flush();
    await source.close();
    expect(uninstallTriggers(path)).toEqual({ tables: ['a', 'b'] });
    expect(schemaOf(db)).toEqual(before);
    expect(uninstallTriggers(path)).toEqual({ tables: [] });
  });

  test('of some tables; others are added, and taken out one by one', () => {
    const { path, db } = newFile('CREATE TABLE a (x); CREATE TABLE b (x); CREATE TABLE c (x)');
    expect(installTriggers(db, { tables: ['a'] })).toEqual({ tables: ['a'] });
    expect(installTriggers(db, { tables: ['[bc]'] })).toEqual({ tables: ['a', 'b', 'c'] });
    expect(uninstallTriggers(db, { tables: ['B'] })).toEqual({ tables: ['b'] });
    expect(triggerStatus(path).tables).toEqual([
      { table: 'a', state: 'installed' },
      { table: 'b', state: 'missing' },
      { table: 'c', state: 'installed' },
    ]);
  });

  test('logs of two names stand side by side', () => {
    const { db } = newFile('CREATE TABLE a (x)');
    installTriggers(db);
    installTriggers(db, { logTable: '_rowtap_other' });
    db.exec('INSERT INTO a VALUES (1)');
    expect([triggerStatus(db).rows, triggerStatus(db, { logTable: '_rowtap_other' }).rows]).toEqual([1, 1]);
    uninstallTriggers(db, { logTable: '_rowtap_other' });
    db.exec('INSERT INTO a VALUES (1)');
    expect(triggerStatus(db)).toMatchObject({ rows: 2, tables: [{ table: 'a', state: 'installed' }] });
  });

  test('the name of a log counts without its case, as every name in SQLite', () => {
    const { db } = newFile('CREATE TABLE a (x)');
    installTriggers(db);
    installTriggers(db, { logTable: '_rowtap_CHANGES' });
    db.exec('INSERT INTO a VALUES (1)');
    expect(triggerStatus(db)).toMatchObject({ rows: 1 });
    expect(triggerStatus(db, { logTable: '_rowtap_Changes' })).toEqual(triggerStatus(db));
  });

  test('is undone with the transaction that it was called in', () => {
    const { db } = newFile('CREATE TABLE a (x)');
    const before = schemaOf(db);
    db.exec('BEGIN');
    installTriggers(db);
    db.exec('ROLLBACK');
    expect(schemaOf(db)).toEqual(before);
  });

  test('bad input is refused before anything changes', () => {
    const { path, db } = newFile('CREATE TABLE a (x)');
    const before = schemaOf(db);
    const refused: [unknown, unknown, string][] = [
      [db, { tables: ['nothing'] }, 'ROWTAP_NO_SUCH_TABLE'],
      [db, { tables: 'a' }, 'ROWTAP_BAD_OPTION'],
      [db, { table: ['a'] }, 'ROWTAP_BAD_OPTION'],
      [db, { logTable: 'a' }, 'ROWTAP_BAD_OPTION'],
      [db, { logTable: '_rowtap_log' }, 'ROWTAP_BAD_OPTION'],
      [db, { logTable: '_rowtap_x_state' }, 'ROWTAP_BAD_OPTION'],
      [':memory:', {}, 'ROWTAP_BAD_OPTION'],
      [new Database(), {}, 'ROWTAP_BAD_OPTION'],
      [{}, {}, 'ROWTAP_BAD_OPTION'],
      [`${path}.none`, {}, 'SQLITE_CANTOPEN'],
    ];
    for (const [database, options, expected] of refused) {
      expect(() => installTriggers(database as never, options as never), JSON.stringify(options)).toThrow(code(expected));
    }
    const readonly = new Database(path, { readonly: true });
    onTestFinished(() => void readonly.close());
    expect(() => installTriggers(readonly)).toThrow(code('ROWTAP_BAD_OPTION', 'read-only'));
    expect(schemaOf(db)).toEqual(before);
    expect(() => openSource(path, { engine: 'trigger' })).toThrow(code('ROWTAP_NOT_INSTALLED', 'installTriggers'));
    installTriggers(db, { tables: ['a'] });
    db.exec('CREATE TABLE b (x)');
    expect(() => openSource(path, { engine: 'trigger', tables: ['b'] })).toThrow(code('ROWTAP_NOT_INSTALLED', 'table b'));
  });
});

describe('a table that has changed since', () => {
  const changed: [what: string, sql: string, part: string][] = [
    ['a column more', 'ALTER TABLE t ADD COLUMN b', 'its shape has changed'],
    ['another name of a column', 'ALTER TABLE t RENAME COLUMN a TO z', 'its shape has changed'],
    ['another name', 'ALTER TABLE t RENAME TO u', 'dropped or renamed'],
    ['gone', 'DROP TABLE t', 'dropped or renamed'],
    ['made anew', 'DROP TABLE t; CREATE TABLE t (a)', 'missing'],
    ['without one of its triggers', 'DROP TRIGGER _rowtap_changes_2_update', 'missing'],
    ['with another trigger behind ours', 'CREATE TRIGGER later AFTER INSERT ON t BEGIN UPDATE t SET a = 2; END', 'created after ours'],
  ];

  test.each(changed)(
    '%s: subscriptions end with it behind what was logged before; installing goes on from there',
    async (_what, sql, part) => {
      const { db } = newFile('CREATE TABLE t (a); CREATE TABLE other (x)');
      installTriggers(db);
      const source = openSource(db, { engine: 'trigger', name: sql });
      onTestFinished(() => source.close());
      const iterator = source.subscribe({ consumer: 'c', snapshot: 'never' })[Symbol.asyncIterator]();
      db.exec('INSERT INTO t VALUES (1)');
      expect(brief((await iterator.next()).value as Change)).toBe('insert t (1)');
      db.exec(sql);
      db.exec('INSERT INTO other VALUES (1)');
      await expect(iterator.next()).rejects.toMatchObject(code('ROWTAP_NOT_INSTALLED', part));
      expect(source.info()).toMatchObject({ state: 'degraded', error: { code: 'ROWTAP_NOT_INSTALLED' } });
      await source.close();
      expect(() => openSource(db, { engine: 'trigger' })).toThrow(code('ROWTAP_NOT_INSTALLED', part));

      installTriggers(db);
      const again = openSource(db, { engine: 'trigger', name: `${sql} again` });
      onTestFinished(() => again.close());
      expect(again.info()).toMatchObject({ state: 'running' });
      const subscription = again.subscribe({ consumer: 'c', snapshot: 'never' });
      db.exec('INSERT INTO other VALUES (2)');
      const seen: string[] = [];
      for await (const change of subscription) {
        seen.push(brief(change));
        if (seen.at(-1) === 'insert other (2)') break;
      }
      expect(seen).toContain('insert other (1)');
    },
  );

  test('a row that an old trigger has logged without the new column is a gap, not a row', async () => {
    const { db } = newFile('CREATE TABLE t (a)');
    installTriggers(db);
    db.exec("INSERT INTO t VALUES (1); ALTER TABLE t ADD COLUMN b; INSERT INTO t VALUES (2, 'lost')");
    const before = triggerStatus(db).lsn;
    installTriggers(db);
    expect(triggerStatus(db).lsn).toBeGreaterThan(before);
    const source = openSource(db, { engine: 'trigger' });
    onTestFinished(() => source.close());
    const subscription = source.subscribe({ consumer: 'c' });
    db.exec("INSERT INTO t VALUES (3, 'kept')");
    expect(await read(subscription, 4)).toEqual(['bootstrap t', 'snapshot t (1, NULL)', "snapshot t (2, 'lost')", "insert t (3, 'kept')"]);
  });

  test('a consumer that follows gets a schema event in its place, and a gap only where something is doubtful', async () => {
    const { db } = newFile('CREATE TABLE t (a)');
    installTriggers(db);
    const source = openSource(db, { engine: 'trigger' });
    onTestFinished(() => source.close());
    const subscription = source.subscribe();
    db.transaction(() => {
      db.exec('INSERT INTO t VALUES (1)');
      installTriggers(db);
      db.exec('ALTER TABLE t ADD COLUMN b');
      installTriggers(db);
      db.exec('INSERT INTO t VALUES (2, 3)');
    })();
    db.exec('CREATE TABLE u (x)');
    installTriggers(db);
    db.exec('INSERT INTO u VALUES (1); DROP TABLE u');
    installTriggers(db);
    expect(await read(subscription, 6)).toEqual(['insert t (1)', 'alter t', 'insert t (2, 3)', 'create u', 'insert u (1)', 'drop u']);
  });

  test('a table that is created later, and has none, is shown', () => {
    const { db } = newFile('CREATE TABLE t (a)');
    installTriggers(db);
    const source = openSource(db, { engine: 'trigger' });
    onTestFinished(() => source.close());
    db.exec('CREATE TABLE later (x)');
    expect(source.info()).toMatchObject({
      state: 'degraded',
      error: { code: 'ROWTAP_NOT_INSTALLED', message: expect.stringContaining('later') },
    });
    installTriggers(db);
    expect(source.info()).toMatchObject({ state: 'running', tables: ['later', 't'] });
  });
});

test('a connection without recursive triggers is warned of', () => {
  const { db } = newFile('CREATE TABLE t (a PRIMARY KEY)');
  installTriggers(db);
  const source = openSource(db, { engine: 'trigger' });
  onTestFinished(() => source.close());
  expect(source.info()).toMatchObject({ state: 'running', warnings: [{ code: 'ROWTAP_REPLACES_SILENTLY' }] });
  db.pragma('recursive_triggers = ON');
  expect(source.info().warnings).toBeUndefined();
});

test('a replica is equal though a connection without recursive triggers replaces rows', async () => {
  const { path, db } = newFile('CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT UNIQUE, n); CREATE TABLE marker (x)');
  installTriggers(db);
  const source = openSource(path, { engine: 'trigger' });
  onTestFinished(() => source.close());
  const target = new Database();
  onTestFinished(() => void target.close());
  const replica = new Replica(target);
  const subscription = source.subscribe({ snapshot: 'always' });
  const followed = replica.follow(subscription);
  db.exec("INSERT INTO t VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', 3)");
  db.exec(
    "REPLACE INTO t VALUES (1, 'x', 4); INSERT OR REPLACE INTO t (name, n) VALUES ('b', 5); UPDATE OR REPLACE t SET name = 'x' WHERE id = 3",
  );
  db.exec('INSERT INTO marker VALUES (1)');
  await vi.waitFor(() => expect(target.prepare('SELECT count(*) FROM marker').pluck().get()).toBe(1));
  expect(replica.verify(db)).toMatchObject({ equal: true });
  await subscription.close();
  await followed;
});

test('what can not be had while somebody has the file locked is refused with what to do, and works then', async () => {
  const { path, db } = newFile('CREATE TABLE t (a)');
  installTriggers(db);
  const source = openSource(db, { engine: 'trigger' });
  db.exec('BEGIN IMMEDIATE');
  expect(() => source.subscribe({ snapshot: 'always' })).toThrow(code('ROWTAP_BUSY', 'transaction'));
  db.exec('INSERT INTO t VALUES (1); COMMIT');
  const subscription = source.subscribe({ snapshot: 'only' });
  expect(await read(subscription, 2)).toEqual(['bootstrap t', 'snapshot t (1)']);
  const { changes, transactions } = source.info();
  await source.close();
  expect(source.info()).toMatchObject({ state: 'closed', file: path, changes, transactions, tables: ['t'] });
  expect(() => source.subscribe()).toThrow(code('ROWTAP_CLOSED'));
  expect(() => source.consumers()).toThrow(code('ROWTAP_CLOSED'));
});
