/** A transaction that is too large to be decoded at once reads the log while it is iterated: all of it, or an error. */
import { Database, channelSignal, installTriggers, openSource, type Retention, type Source, type Transaction } from 'rowtap';
import { expect, onTestFinished, test, vi } from 'vitest';
import { logFile } from '../log/lives.js';

const rows = (count: number): string =>
  `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count}) INSERT INTO t SELECT i, i FROM n`;

function open(retention?: Retention): { db: Database; source: Source; commit(sql: string): void } {
  const db = new Database(logFile());
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; CREATE TABLE t (id INTEGER PRIMARY KEY, a)');
  installTriggers(db);
  const wake = channelSignal();
  const source = openSource(db, { engine: 'trigger', wake, ...(retention === undefined ? {} : { retention }) });
  onTestFinished(async () => {
    await source.close();
    db.close();
  });
  const commit = (sql: string): void => {
    db.exec(sql);
    wake.wake();
  };
  return { db, source, commit };
}

const firstId = (db: Database): unknown => db.prepare('SELECT min(id) FROM _rowtap_changes').pluck().get();

test('it is not pruned while its reader is at it', async () => {
  const { db, source, commit } = open();
  const transactions = source.subscribe().transactions()[Symbol.asyncIterator]();
  commit('INSERT INTO t VALUES (-1, -1)');
  commit(rows(60_000));
  commit('INSERT INTO t VALUES (-2, -2)');
  await transactions.next();
  const { value: large } = (await transactions.next()) as { value: Transaction };
  const reading = large[Symbol.iterator]();
  expect(reading.next().value).toMatchObject({ after: { id: 1 }, index: 0 });
  // The one before it goes.
  await vi.waitFor(() => expect(firstId(db)).toBe(2), { timeout: 30_000 });
  let count = 1;
  for (let next = reading.next(); next.done !== true; next = reading.next()) ++count;
  expect(count).toBe(60_000);
  expect(large.length).toBe(60_000);
  await transactions.next();
  void transactions.next();
  await vi.waitFor(() => expect(firstId(db)).toBe(60_002), { timeout: 30_000 });
});

test('where it was pruned all the same, reading it throws, and never ends as if that were all', async () => {
  const { db, source, commit } = open({ maxBytes: 1 });
  const transactions = source.subscribe().transactions()[Symbol.asyncIterator]();
  commit(rows(60_000));
  const { value: large } = (await transactions.next()) as { value: Transaction };
  const reading = large[Symbol.iterator]();
  reading.next();
  commit('INSERT INTO t VALUES (-1, -1)');
  await vi.waitFor(() => expect(firstId(db)).toBeGreaterThan(30_000), { timeout: 30_000 });
  const readOn = (): void => {
    for (let next = reading.next(); next.done !== true; next = reading.next());
  };
  expect(readOn).toThrow(expect.objectContaining({ code: 'ROWTAP_CORRUPT_LOG', lsn: large.lsn }));
  expect(() => [...large]).toThrow(expect.objectContaining({ code: 'ROWTAP_CORRUPT_LOG' }));
});

test('a gap in it is seen: whoever wants a snapshot then gets one', async () => {
  const { db, source, commit } = open();
  const transactions = source.subscribe({ consumer: 'c', snapshot: 'when-needed' }).transactions()[Symbol.asyncIterator]();
  await transactions.next();
  db.exec(`BEGIN; ${rows(60_000)}; CREATE TABLE u AS SELECT 7 AS x`);
  installTriggers(db);
  commit('COMMIT');
  const seen: string[] = [];
  while (!seen.includes('snapshot u')) {
    const { value } = (await transactions.next()) as { value: Transaction };
    for (const { op, table } of value) if (seen.at(-1) !== `${op} ${table}`) seen.push(`${op} ${table}`);
  }
  expect(seen).toEqual(['insert t', 'schema u', 'gap null', 'bootstrap t', 'snapshot t', 'bootstrap u', 'snapshot u']);
});
