import { Database, SqliteError } from 'rowtap';
import { expect, onTestFinished, test } from 'vitest';
import { Retries } from '../../lib/catchup/retry.js';
import { turns } from '../support/captured.js';
import { catchupOn, copy, doneIds, type Entry, eventLog, upTo } from './event-log.js';

/** A database that meets a lock at once, and another connection to its file. */
function twoConnections(rows: number, mode = 'wal'): { db: Database; other: Database } {
  const db = eventLog(rows);
  db.pragma(`journal_mode = ${mode}`);
  db.pragma('busy_timeout = 0');
  const other = new Database(db.name, { timeout: 0 });
  onTestFinished(() => void other.close());
  return { db, other };
}

test('the write lock of another connection is waited for', async () => {
  const { db, other } = twoConnections(5);
  other.exec('BEGIN IMMEDIATE');
  let isDone = false;
  const run = catchupOn(db)
    .run(copy)
    .finally(() => (isDone = true));
  await turns();
  expect(isDone).toBe(false);
  expect(doneIds(other)).toEqual([]);
  other.exec('COMMIT');
  expect(await run).toBe(5);
  expect(doneIds(db)).toEqual(upTo(5));
});

test('a commit that a reader keeps from happening is tried again, and its rows are processed once', async () => {
  const { db, other } = twoConnections(5, 'delete');
  const catchup = catchupOn(db, { batchSize: 2 });
  await catchup.run(() => {});
  db.exec('UPDATE _rowtap_catchup SET position = 0');
  const iterator = other.prepare('SELECT * FROM events').iterate();
  iterator.next();
  const calls: number[] = [];
  let hasCalled = (): void => {};
  const called = new Promise<void>((resolve) => (hasCalled = resolve));
  const run = catchup.run((row) => {
    copy(row, db);
    calls.push(row.id);
    if (calls.length === 4) hasCalled();
  });
  await called;
  iterator.return?.();
  expect(await run).toBe(5);
  expect(calls.slice(0, 4)).toEqual([1, 2, 1, 2]);
  expect(doneIds(db)).toEqual(upTo(5));
});

test('an abort ends the waiting', async () => {
  const { db, other } = twoConnections(5);
  other.exec('BEGIN IMMEDIATE');
  const abort = new AbortController();
  const run = catchupOn(db).run(copy, { signal: abort.signal });
  await turns();
  abort.abort();
  expect(await run).toBe(0);
  other.exec('COMMIT');
});

type Occupy = (db: Database) => () => unknown;
const openTransaction: Occupy = (db) => {
  db.exec('BEGIN');
  return () => db.exec('COMMIT');
};
const openIterator: Occupy = (db) => {
  const iterator = db.prepare('SELECT 1 UNION SELECT 2').iterate();
  return () => iterator.return?.();
};

test.each([
  ['a transaction', openTransaction],
  ['an iterator', openIterator],
])("%s of the application's on the same connection is waited for, and not mixed with the rows' work", async (_, occupy) => {
  const db = eventLog(6);
  const calls: number[] = [];
  let hasBegun = (_release: () => unknown): void => {};
  const begun = new Promise<() => unknown>((resolve) => (hasBegun = resolve));
  const run = catchupOn(db, { batchSize: 2 }).run((row) => {
    copy(row, db);
    calls.push(row.id);
    // Behind the batch, before the next one.
    if (row.id === 2) queueMicrotask(() => hasBegun(occupy(db)));
  });
  const release = await begun;
  await turns();
  expect(calls).toEqual([1, 2]);
  release();
  expect(await run).toBe(6);
  expect(calls).toEqual(upTo(6));
});

test('a row whose own work meets a lock is tried again, and given up in the end', async () => {
  const db = eventLog(4);
  const catchup = catchupOn(db);
  let failures = 0;
  const rows = await catchup.run((row: Entry & { id: number }) => {
    copy(row, db);
    if (row.id === 2 && failures++ < 3) throw new SqliteError('database is locked', 'SQLITE_BUSY');
  });
  expect(rows).toBe(4);
  expect(doneIds(db)).toEqual(upTo(4));
  db.exec(`INSERT INTO events (body) VALUES ('x')`);
  failures = 0;
  const locked = new SqliteError('database table is locked', 'SQLITE_LOCKED');
  await expect(
    catchup.run(() => {
      failures++;
      throw locked;
    }),
  ).rejects.toMatchObject({ code: 'ROWTAP_ROW_FAILED', id: 5, cause: locked });
  expect(failures).toBe(9);
});

test('each wait is longer than the one before, by chance, up to a second', () => {
  const retries = new Retries();
  const waits = Array.from({ length: 30 }, () => retries.nextDelayMs());
  expect(waits[0]).toBeLessThanOrEqual(6);
  expect(waits.every((wait) => wait >= 3 && wait <= 1000)).toBe(true);
  expect(waits.slice(15).every((wait) => wait >= 500)).toBe(true);
  retries.reset();
  expect(retries.nextDelayMs()).toBeLessThanOrEqual(6);
});
