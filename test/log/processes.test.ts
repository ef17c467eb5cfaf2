/** Several processes write and read one log. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Change } from 'rowtap';
import { expect, onTestFinished, test, vi } from 'vitest';
import { brief } from '../support/captured.js';
import { isMarker, live, logFile, mark, markerTable, otherProcess, otherProcessSync, Reading } from './lives.js';

const insertRows = `
  const db = new rowtap.Database(path, { timeout: 20000 });
  const [from, count] = given.map(Number);
  const insert = db.prepare('INSERT INTO t VALUES (?)');
  for (let i = 0; i < count; i++) insert.run(from + i);
  db.close();`;

test.each(['wal', 'delete'] as const)('in journal mode %s, what another process writes comes in its place, and is no gap', async (mode) => {
  const path = logFile();
  const { db, source } = live(path, { mode });
  db.exec(`CREATE TABLE t (id INTEGER PRIMARY KEY); ${markerTable}`);
  const reading = new Reading(source.subscribe());
  db.exec('INSERT INTO t VALUES (1)');
  await otherProcess(path, insertRows, '100', '50');
  db.exec('INSERT INTO t VALUES (2)');
  await otherProcess(path, insertRows, '200', '3');
  mark(db);
  const seen = await reading.until(isMarker);
  const ids = [1, ...Array.from({ length: 50 }, (_, i) => 100 + i), 2, 200, 201, 202];
  expect(seen.slice(0, -1).map(brief)).toEqual(ids.map((id) => `insert t (${id})`));
  expect(seen.map(({ lsn }) => lsn)).toEqual(seen.map(({ lsn }) => lsn).sort((a, b) => a - b));
  expect(source.info().gaps).toBe(0);
});

test('nor is it one for a transaction of ours that changes nothing, before we have seen what they wrote', async () => {
  const path = logFile();
  const { db, source } = live(path);
  db.exec(`CREATE TABLE t (id INTEGER PRIMARY KEY); ${markerTable}`);
  const reading = new Reading(source.subscribe());
  db.exec('INSERT INTO t VALUES (1)');
  expect((await reading.take(1)).map(brief)).toEqual(['insert t (1)']);
  // This thread has no chance to look before its transaction ends.
  otherProcessSync(path, insertRows, '100', '1');
  db.exec('BEGIN IMMEDIATE; COMMIT');
  mark(db);
  expect((await reading.until(isMarker)).slice(0, -1).map(brief)).toEqual(['insert t (100)']);
  expect(source.info().gaps).toBe(0);
});

test('a process that only consumes is woken by what others write', async () => {
  const path = logFile();
  const { db, source } = live(path);
  db.exec('CREATE TABLE t (id INTEGER PRIMARY KEY)');
  const reading = new Reading(source.subscribe());
  const taken = reading.take(2);
  await otherProcess(path, insertRows, '1', '2');
  expect((await taken).map(brief)).toEqual(['insert t (1)', 'insert t (2)']);
});

test('a commit by a program that knows no log becomes one gap in it, for every consumer, now and later', async () => {
  const path = logFile();
  const { db, source, close } = live(path);
  db.exec(`CREATE TABLE t (id INTEGER PRIMARY KEY); ${markerTable}`);
  await source.subscribe({ consumer: 'later', snapshot: 'never' }).close();
  const reading = new Reading(source.subscribe());
  db.exec('INSERT INTO t VALUES (1)');
  await vi.waitUntil(() => source.info().subscriptions[0]?.lag !== undefined);
  await otherProcess(
    path,
    "const { createRequire } = await import('node:module'); const Plain = createRequire(given[0])('better-sqlite3'); new Plain(path).exec('INSERT INTO t VALUES (2)').close();",
    import.meta.url,
  );
  const told = await reading.take(2);
  expect(told.map(brief)).toEqual(['insert t (1)', 'gap external-writer']);
  db.exec('INSERT INTO t VALUES (3)');
  mark(db);
  expect((await reading.until(isMarker)).slice(0, -1).map(brief)).toEqual(['insert t (3)']);
  await close();
  const later = live(path);
  const seen = await new Reading(later.source.subscribe({ consumer: 'later', snapshot: 'never' })).until(isMarker);
  expect(seen.slice(0, -1).map(brief)).toEqual(['insert t (1)', 'gap external-writer', 'insert t (3)']);
  expect(seen[1]?.lsn).toBe(told[1]?.lsn);
});

test('two processes that write at once, each reading all: the same order in both', { timeout: 60_000 }, async () => {
  const path = logFile();
  const first = live(path);
  first.db.exec(`PRAGMA synchronous = NORMAL; CREATE TABLE t (id INTEGER PRIMARY KEY, process, n); ${markerTable}`);
  const child = fork(
    fileURLToPath(new URL('writing-child.mjs', import.meta.url)),
    [path, new URL('../../dist/index.js', import.meta.url).href],
    { stdio: 'inherit' },
  );
  onTestFinished(() => void child.kill());
  await once(child, 'message');
  const reading = new Reading(first.source.subscribe({ maxBuffered: 2000 }));
  const ended = once(child, 'message');
  child.send('go');
  const insert = first.db.prepare('INSERT INTO t (process, n) VALUES (?, ?)');
  const count = 300;
  const here: Change[] = [];
  const reader = (async () => {
    here.push(...(await reading.take(2 * count)));
  })();
  for (let n = 0; n < count; n++) {
    insert.run('here', n);
    if (n % 7 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  const [there] = (await ended) as [string[]];
  await reader;
  expect(here.map(brief)).toEqual(there);
  for (const process of ['here', 'there']) {
    const own = here.filter(({ after }) => after?.['process'] === process).map(({ after }) => after?.['n']);
    expect(own).toEqual(Array.from({ length: count }, (_, n) => n));
  }
  expect(here.map(({ after }) => after?.['id'])).toEqual(here.map((_, i) => i + 1));
});
