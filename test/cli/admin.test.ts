import { openSource } from 'rowtap';
import { hostname } from 'node:os';

import { describe, expect, test, vi } from 'vitest';
import { newLoggedShop, newShop, numbered, parsed } from './database-file.js';
import { run, start } from './typed.js';

interface Status {
  hookLog: { transactions: number; bytes: number; oldestAt: number; newestAt: number; lsn: number } | null;
  triggerLog: { rows: number; tables: { table: string; state: string }[] } | null;
  consumers: { consumer: string; lsn: number; lag: number | null; isActive: boolean; owner?: { host: string; pid: number } }[];
  tables: string[];
  journalMode: string;
}

async function statusOf(path: string): Promise<Status> {
  const { code, stdout, stderr } = await run('rowtap-admin', ['status', path, '--format', 'json']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout) as Status;
}

describe('status', () => {
  test('of a database that keeps nothing', async () => {
    const { path } = newShop({ mode: 'delete' });
    const { code, stdout, stderr } = await run('rowtap-admin', ['status', path]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain(`file      ${path}, `);
    expect(stdout).toContain('journal mode delete\ntables    notes, products\nhook log  none\ntriggers  none\nconsumers\n  none\n');
    expect(await statusOf(path)).toMatchObject({ hookLog: null, triggerLog: null, consumers: [] });
  });

  test('tells the log, and the consumers with their lag', async () => {
    const shop = newLoggedShop();
    await shop.source.subscribe({ consumer: 'behind', snapshot: 'never' }).close();
    shop.insert('kettle', 'teapot', 'cup');
    // Far more than one part of an entry.
    const rows = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200) SELECT randomblob(20000) FROM n';
    shop.db.exec(`INSERT INTO notes ${rows}`);
    const reader = start('rowtap', ['tail', shop.path, '--consumer', 'here']);
    await vi.waitUntil(() => shop.source.consumers().some(({ consumer, isActive }) => consumer === 'here' && isActive));
    const status = await statusOf(shop.path);
    expect(status).toMatchObject({ tables: ['notes', 'products'], journalMode: 'wal', triggerLog: null });
    expect(status.hookLog?.lsn).toBeGreaterThanOrEqual(shop.source.info().lsn);
    expect(status.hookLog?.bytes).toBeGreaterThan(200 * 20_000);
    expect(status.consumers).toMatchObject([
      { consumer: 'behind', lag: 4, isActive: false },
      { consumer: 'here', lag: 0, isActive: true, owner: { host: hostname(), pid: reader.child.pid } },
    ]);
    const { stdout } = await run('rowtap-admin', ['status', shop.path]);
    expect(stdout).toMatch(/^ {2}behind {2}4 transactions behind {2}read by nobody, last \d{4}-/m);
    expect(stdout).toContain(`here    0 transactions behind  read by process ${reader.child.pid} on ${hostname()}`);
    expect(stdout).toMatch(/^hook log {2}\d+ transactions, [\d.]+ [KM]iB, from /m);
  });

  test('writes nothing, also while somebody writes', async () => {
    const shop = newLoggedShop();
    shop.insert('kettle');
    const version = (): unknown => shop.db.pragma('data_version', { simple: true });
    const before = version();
    shop.db.exec('BEGIN IMMEDIATE');
    await statusOf(shop.path);
    shop.db.exec('COMMIT');
    expect(version()).toBe(before);
  });
});

describe('drop-consumer', () => {
  test('forgets a consumer of the log, which then begins anew', async () => {
    const shop = newLoggedShop();
    await shop.source.subscribe({ consumer: 'old one', snapshot: 'never' }).close();
    expect(await run('rowtap-admin', ['drop-consumer', shop.path, 'old one'])).toEqual({
      code: 0,
      signal: null,
      stdout: `${shop.path}: consumer "old one" is forgotten\n`,
      stderr: '',
    });
    expect(shop.source.consumers()).toEqual([]);
  });

  test('also of a database without a log', async () => {
    const shop = newShop();
    const source = openSource(shop.db);
    await source.subscribe({ consumer: 'c', snapshot: 'never' }).close();
    expect(await run('rowtap-admin', ['drop-consumer', shop.path, 'c'])).toMatchObject({ code: 0 });
    expect(source.consumers()).toEqual([]);
  });

  test('refuses one that is being read', async () => {
    const shop = newLoggedShop();
    const subscription = shop.source.subscribe({ consumer: 'c', snapshot: 'never' });
    const { code, stderr } = await run('rowtap-admin', ['drop-consumer', shop.path, 'c']);
    expect(code).toBe(1);
    expect(stderr).toContain('ROWTAP_DUPLICATE_CONSUMER');
    await subscription.close();
    expect(shop.source.consumers()).toMatchObject([{ consumer: 'c' }]);
  });

  test('says which there are where there is none of that name', async () => {
    const shop = newLoggedShop();
    for (const consumer of ['a', 'b']) await shop.source.subscribe({ consumer, snapshot: 'never' }).close();
    const { code, stderr } = await run('rowtap-admin', ['drop-consumer', shop.path, 'x']);
    expect(code).toBe(1);
    expect(stderr).toContain('there is no consumer "x", but "a", "b"');
  });

  test('gives up where the database stays locked', async () => {
    const shop = newLoggedShop();
    await shop.source.subscribe({ consumer: 'c', snapshot: 'never' }).close();
    shop.db.exec('BEGIN IMMEDIATE');
    const { code, stderr } = await run('rowtap-admin', ['drop-consumer', shop.path, 'c']);
    shop.db.exec('COMMIT');
    expect(code).toBe(1);
    expect(stderr).toContain('locked by another program');
  });
});

describe('prune', () => {
  test('deletes what every consumer has acknowledged, and not what one still needs', async () => {
    const shop = newLoggedShop();
    const first = shop.source.subscribe({ consumer: 'c', snapshot: 'never', ack: 'manual' });
    shop.insert(...numbered(0, 10));
    let seen = 0;
    for await (const change of first) {
      if (++seen === 5) first.ack(change);
      if (seen === 10) break;
    }
    const before = await statusOf(shop.path);
    expect(before.consumers).toMatchObject([{ lag: 5 }]);
    // What is younger than two seconds stays, for those who read without a name.
    await vi.waitFor(
      async () => {
        expect(await run('rowtap-admin', ['prune', shop.path])).toMatchObject({ code: 0, stderr: '' });
        expect((await statusOf(shop.path)).hookLog?.transactions).toBe(5);
      },
      { timeout: 20_000, interval: 200 },
    );
    const rest = start('rowtap', ['tail', shop.path, '--consumer', 'c']);
    await rest.until(5);
    await rest.stop('SIGTERM');
    expect(parsed(rest.lines).map(({ op, key }) => [op, key])).toEqual([6, 7, 8, 9, 10].map((id) => ['insert', { id }]));
  });

  test('by size, and who still needed it is told', async () => {
    const shop = newLoggedShop();
    await shop.source.subscribe({ consumer: 'c', snapshot: 'never' }).close();
    shop.insert(...numbered(0, 100));
    const { code, stdout } = await run('rowtap-admin', ['prune', shop.path, '--max-bytes', '1KiB']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/: \d+ rows of the log deleted\n$/);
    const { hookLog } = await statusOf(shop.path);
    expect(hookLog?.bytes).toBeLessThanOrEqual(1024);
    const rest = start('rowtap', ['tail', shop.path, '--consumer', 'c']);
    await rest.until(1 + (hookLog?.transactions ?? 0));
    await rest.stop('SIGTERM');
    expect(parsed(rest.lines)[0]).toMatchObject({ op: 'gap', reason: 'log-pruned' });
  });

  test('by age: what is younger stays, acknowledged or not', async () => {
    const shop = newLoggedShop();
    shop.insert(...numbered(0, 10));
    expect(await run('rowtap-admin', ['prune', shop.path, '--max-age', '1h'])).toMatchObject({
      code: 0,
      stdout: `${shop.path}: 0 rows of the log deleted\n`,
    });
  });

  test('is no commit of somebody else to a program that has the file open', async () => {
    const shop = newLoggedShop();
    const subscription = shop.source.subscribe();
    const iterator = subscription[Symbol.asyncIterator]();
    shop.insert(...numbered(0, 100));
    for (let count = 0; count < 100; count++) await iterator.next();
    await run('rowtap-admin', ['prune', shop.path, '--max-bytes', '1KiB']);
    shop.insert('after');
    expect((await iterator.next()).value).toMatchObject({ op: 'insert', after: { name: 'after' } });
  });

  test('says what to do where there is no log', async () => {
    const { path } = newShop();
    const { code, stderr } = await run('rowtap-admin', ['prune', path]);
    expect(code).toBe(1);
    expect(stderr).toContain('it keeps no log');
  });
});

describe('install and uninstall', () => {
  test('a log by triggers is made, followed from another program, shown, pruned and removed', async () => {
    const { path, db, insert } = newShop();
    expect(await run('rowtap-admin', ['install', path])).toMatchObject({
      code: 0,
      stdout: `${path}: changes of notes, products are logged\n`,
    });
    expect((await statusOf(path)).triggerLog?.tables).toEqual([
      { table: 'notes', state: 'installed' },
      { table: 'products', state: 'installed' },
    ]);
    const tail = start('rowtap', ['tail', path, '--consumer', 'c']);
    await vi.waitUntil(async () => (await statusOf(path)).consumers.length > 0, { timeout: 30_000 });
    insert('kettle');
    await tail.until(1);
    expect(await tail.stop('SIGTERM')).toMatchObject({ code: 0 });
    expect(parsed(tail.lines)).toMatchObject([{ op: 'insert', table: 'products', after: { id: 1, name: 'kettle' } }]);
    expect(await run('rowtap-admin', ['prune', path])).toMatchObject({ code: 0 });
    expect(await run('rowtap-admin', ['uninstall', path])).toMatchObject({ code: 0 });
    expect(db.prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger' OR name LIKE '\\_rowtap%' ESCAPE '\\'").all()).toEqual([]);
  });

  test('of some tables', async () => {
    const { path } = newShop();
    expect(await run('rowtap-admin', ['install', path, '--table', 'notes'])).toMatchObject({ code: 0 });
    expect((await statusOf(path)).triggerLog?.tables).toContainEqual({ table: 'products', state: 'missing' });
    expect(await run('rowtap-admin', ['install', path, '--table', 'nope'])).toMatchObject({ code: 1 });
    expect(await run('rowtap-admin', ['uninstall', path, '--table', 'notes'])).toMatchObject({ code: 0 });
  });

  test('where both engines keep a log, one is chosen', async () => {
    const { path } = newLoggedShop();
    expect(await run('rowtap-admin', ['install', path])).toMatchObject({ code: 0 });
    const both = await run('rowtap', ['tail', path]);
    expect(both.code).toBe(2);
    expect(both.stderr).toContain('--engine=hook or --engine=trigger');
  });
});
