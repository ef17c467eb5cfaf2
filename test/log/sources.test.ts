/** Opening and closing what keeps a log, in every state. */
import { rmSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { type Change, Database, openSource } from 'rowtap';
import { describe, expect, test, vi } from 'vitest';
import { brief, failureOf } from '../support/captured.js';
import { isMarker, live, logFile, mark, markerTable, otherProcess, Reading } from './lives.js';

describe('refused, and nothing has changed:', () => {
  test('a database in memory', () => {
    const db = new Database(':memory:');
    expect(failureOf(() => openSource(db, { durability: 'log' }))).toBe('ROWTAP_BAD_OPTION');
    db.close();
  });

  test('a database that is open read-only and has no log', () => {
    const path = logFile();
    new Database(path).exec('CREATE TABLE t (x)').close();
    const db = new Database(path, { readonly: true });
    expect(failureOf(() => openSource(db, { durability: 'log' }))).toBe('ROWTAP_BAD_OPTION');
    db.close();
  });

  test('a transaction is open, and the log would have to be made', () => {
    const path = logFile();
    const db = new Database(path);
    db.pragma('journal_mode = WAL');
    db.exec('CREATE TABLE t (x); BEGIN; INSERT INTO t VALUES (1)');
    expect(failureOf(() => openSource(db, { durability: 'log' }))).toBe('ROWTAP_BUSY');
    db.exec('COMMIT');
    expect(db.prepare('SELECT name FROM sqlite_schema').pluck().all()).toEqual(['t']);
    db.close();
  });

  test('`changes` with a log where the source is open without one', () => {
    const db = new Database(logFile());
    const source = openSource(db);
    expect(failureOf(() => db.changes({ durability: 'log' }))).toBe('ROWTAP_BAD_OPTION');
    expect(source.info()).toMatchObject({ durability: 'live', subscriptions: [] });
    db.close();
  });
});

test('the source says how far the log goes, whatever is written for consumers', async () => {
  const path = logFile();
  const first = live(path);
  first.db.exec('CREATE TABLE t (id INTEGER PRIMARY KEY)');
  const subscription = first.source.subscribe({ consumer: 'c', snapshot: 'never', ack: 'manual' });
  first.db.exec('INSERT INTO t VALUES (1)');
  const [change] = await new Reading(subscription).take(1);
  subscription.ack(change as Change);
  await subscription.flush();
  expect(first.source.info().lsn).toBe(change?.lsn);
  await first.close();
  const second = live(path);
  expect(second.source.info()).toMatchObject({ lsn: change?.lsn, state: 'running' });
});

test('a read-only database reads the log that others write', async () => {
  const path = logFile();
  const { db } = live(path);
  db.exec(`CREATE TABLE t (id INTEGER PRIMARY KEY); ${markerTable}`);
  const reader = new Database(path, { readonly: true });
  const source = openSource(reader, { durability: 'log', name: 'reader' });
  const reading = new Reading(source.subscribe());
  db.exec('INSERT INTO t VALUES (1)');
  await otherProcess(path, "new rowtap.Database(path).exec('INSERT INTO t VALUES (2)').close()");
  mark(db);
  expect((await reading.until(isMarker)).slice(0, -1).map(brief)).toEqual(['insert t (1)', 'insert t (2)']);
  reader.close();
});

test('what is behind when the database is closed is delivered, and then it ends', async () => {
  const { db, source } = live(logFile());
  db.exec('CREATE TABLE t (id INTEGER PRIMARY KEY)');
  const subscription = source.subscribe({ maxBuffered: 1 });
  for (let i = 0; i < 100; i++) db.exec(`INSERT INTO t VALUES (${i})`);
  db.close();
  const changes: Change[] = [];
  for await (const change of subscription) changes.push(change);
  expect(changes.map(({ after }) => after?.['id'])).toEqual(Array.from({ length: 100 }, (_, i) => i));
});

test('where the file is gone by then, it says so', async () => {
  const path = logFile();
  const { db, source } = live(path);
  db.exec('CREATE TABLE t (id INTEGER PRIMARY KEY)');
  const subscription = source.subscribe({ maxBuffered: 1 });
  for (let i = 0; i < 100; i++) db.exec(`INSERT INTO t VALUES (${i})`);
  db.close();
  rmSync(path);
  await expect(new Reading(subscription).take(100)).rejects.toMatchObject({ code: 'ROWTAP_FILE_GONE' });
});

test('closing a subscription while it reads the log lets go of everything', async () => {
  const path = logFile();
  const { db, source } = live(path);
  db.exec('CREATE TABLE t (id INTEGER PRIMARY KEY)');
  const subscription = source.subscribe({ maxBuffered: 1 });
  for (let i = 0; i < 100; i++) db.exec(`INSERT INTO t VALUES (${i})`);
  await new Reading(subscription).take(50);
  await subscription.close();
  await subscription.close();
  // Nobody else has the file open: it can leave WAL mode.
  expect(db.pragma('journal_mode = DELETE', { simple: true })).toBe('delete');
});

test('a source with a log is subscribed in every thread', { timeout: 30_000 }, async () => {
  const path = logFile();
  const { db, source } = live(path, { name: 'shared log' });
  db.exec(`CREATE TABLE t (id INTEGER PRIMARY KEY); ${markerTable}`);
  const code = `
    const { parentPort, workerData } = require('node:worker_threads');
    import(workerData).then(async ({ getSource }) => {
      const subscription = getSource('shared log').subscribe({ maxBuffered: 100 });
      parentPort.postMessage('ready');
      const ids = [];
      const keepAlive = setInterval(() => {}, 1000);
      for await (const change of subscription) {
        if (change.table === 'marker') break;
        ids.push(change.after.id);
      }
      clearInterval(keepAlive);
      parentPort.postMessage(ids);
    });`;
  const worker = new Worker(code, { eval: true, workerData: new URL('../../dist/index.js', import.meta.url).href });
  const messages: unknown[] = [];
  worker.on('message', (message) => void messages.push(message));
  await vi.waitUntil(() => messages.length === 1, { timeout: 20_000 });
  for (let i = 0; i < 2000; i++) db.exec(`INSERT INTO t VALUES (${i})`);
  mark(db);
  await vi.waitUntil(() => messages.length === 2, { timeout: 20_000 });
  expect(messages[1]).toEqual(Array.from({ length: 2000 }, (_, i) => i));
  expect(source.info().state).toBe('running');
  await worker.terminate();
});

test('without a source too, a log grows by what is written, and the next source prunes it', { timeout: 30_000 }, async () => {
  const path = logFile();
  await live(path).close();
  const db = new Database(path);
  db.exec('CREATE TABLE t (id INTEGER PRIMARY KEY)');
  for (let i = 0; i < 50; i++) db.exec(`INSERT INTO t VALUES (${i})`);
  const count = (): number => db.prepare('SELECT count(*) FROM _rowtap_log').pluck().get() as number;
  expect(count()).toBeGreaterThan(50);
  openSource(db, { durability: 'log' });
  await vi.waitUntil(() => count() <= 2, { timeout: 20_000, interval: 100 });
  db.close();
});

test('a database without the tables is logged no more', () => {
  const path = logFile();
  const { db } = live(path);
  db.exec('CREATE TABLE t (id INTEGER PRIMARY KEY)');
  db.close();
  const plain = new Database(path);
  plain.exec('DROP TABLE _rowtap_log; DROP TABLE _rowtap_schema; INSERT INTO t VALUES (1)');
  expect(plain.prepare("SELECT count(*) FROM sqlite_schema WHERE name IN ('_rowtap_log', '_rowtap_schema')").pluck().get()).toBe(0);
  plain.close();
});
