/** With a log there is no laggard: who falls behind reads on from the log, and rejoins. */
import { describe, expect, test } from 'vitest';
import { brief } from '../support/captured.js';
import { isMarker, live, logFile, mark, markerTable, Reading } from './lives.js';

const rows = (from: number, count: number): string =>
  `WITH RECURSIVE n(i) AS (SELECT ${from} UNION ALL SELECT i + 1 FROM n WHERE i < ${from + count - 1})
   INSERT INTO t SELECT i, 'some text that makes the row longer, number ' || i FROM n`;

describe.each(['wal', 'delete'] as const)('in journal mode %s', (mode) => {
  test('more than may wait is read from the log, in order, once, and what comes later comes live', async () => {
    const { db, source } = live(logFile(), { mode });
    db.exec('CREATE TABLE t (id INTEGER PRIMARY KEY, a)');
    const subscription = source.subscribe({ maxBuffered: 1000 });
    for (let i = 0; i < 100; i++) db.exec(rows(i * 100, 100));
    const reading = new Reading(subscription);
    const ids = (await reading.take(5000)).map(({ after }) => after?.['id']);
    db.exec(rows(10_000, 100));
    ids.push(...(await reading.take(5100)).map(({ after }) => after?.['id']));
    expect(ids).toEqual(Array.from({ length: 10_100 }, (_, i) => i));
    db.exec(rows(20_000, 1));
    expect((await reading.take(1))[0]?.after?.['id']).toBe(20_000);
    expect(source.info().subscriptions).toMatchObject([{ lag: 0, buffered: 0 }]);
    expect(source.info()).toMatchObject({ state: 'running', gaps: 0, durability: 'log', capabilities: { replay: true } });
  });
});

test('a reader that never reads costs no more than its limit, and has everything when it comes', async () => {
  const { db, source } = live(logFile());
  db.exec('CREATE TABLE t (id INTEGER PRIMARY KEY, a)');
  const subscription = source.subscribe({ maxBuffered: 10_000 });
  for (let i = 0; i < 200; i++) {
    db.exec(rows(i * 100, 100));
    if (i % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  expect(source.info().subscriptions[0]?.bufferedBytes).toBeLessThan(50_000);
  const ids = (await new Reading(subscription).take(20_000)).map(({ after }) => after?.['id']);
  expect(ids).toEqual(Array.from({ length: 20_000 }, (_, i) => i));
});

test('transactions, large and small, are as whole from the log as they are live', async () => {
  const { db, source } = live(logFile());
  db.exec('CREATE TABLE t (id INTEGER PRIMARY KEY, a)');
  const [small, large] = [source.subscribe({ maxBuffered: 1 }), source.subscribe()];
  const sizes = [1, 3, 20_000, 2, 1, 5000, 7];
  for (const [i, size] of sizes.entries()) db.exec(rows(i * 100_000, size));
  for (const subscription of [small, large]) {
    const seen: [lsn: number, length: number, sum: number][] = [];
    for await (const transaction of subscription.transactions()) {
      seen.push([transaction.lsn, transaction.length, [...transaction].reduce((sum, change) => sum + Number(change.after?.['id']), 0)]);
      if (seen.length === sizes.length) break;
    }
    expect(seen.map(([, length]) => length)).toEqual(sizes);
    expect(seen.map(([, , sum]) => sum)).toEqual(sizes.map((size, i) => size * i * 100_000 + (size * (size - 1)) / 2));
    expect(seen.map(([lsn]) => lsn)).toEqual(seen.map((_, i) => (seen[0]?.[0] ?? 0) + i));
  }
});

test('what follows a snapshot waits in the log', async () => {
  const { db, source } = live(logFile());
  db.exec(`CREATE TABLE t (id INTEGER PRIMARY KEY, a); ${rows(0, 1000)}`);
  const subscription = source.subscribe({ snapshot: 'always', maxBuffered: 1000 });
  for (let i = 10; i < 20; i++) db.exec(rows(i * 100, 100));
  const reading = new Reading(subscription);
  const changes = await reading.take(2001);
  expect(changes.map(({ after }) => after?.['id'])).toEqual([undefined, ...Array.from({ length: 2000 }, (_, i) => i)]);
});

test('every value is from the log what it is live', async () => {
  const { db, source } = live(logFile());
  db.exec(`CREATE TABLE t (id INTEGER PRIMARY KEY, r REAL, i INTEGER, x, g AS (i + 1) STORED); ${markerTable}`);
  const [fromLog, live_] = [source.subscribe({ maxBuffered: 1, integers: 'bigint' }), source.subscribe({ integers: 'bigint' })];
  const insert = db.prepare('INSERT INTO t (id, r, i, x) VALUES (?, ?, ?, ?)');
  insert.run(-(2n ** 63n), 5, 2n ** 62n, Buffer.alloc(300_000, 7));
  insert.run(2n ** 63n - 1n, -0.5, null, 'ä\u{1f600}'.repeat(1000));
  insert.run(0, 1e300, -1, null);
  db.exec("UPDATE t SET id = 7, x = x'00' WHERE id = 0; UPDATE t SET r = r; REPLACE INTO t (id, i) VALUES (7, 9); DELETE FROM t");
  mark(db);
  const [a, b] = await Promise.all([fromLog, live_].map((subscription) => new Reading(subscription).until(isMarker)));
  expect(a).toEqual(b);
  expect(a?.length).toBe(13);
});

test('a commit that fails is in no log, and the next one is', async () => {
  const { db, source } = live(logFile());
  db.exec('CREATE TABLE t (id INTEGER PRIMARY KEY, a UNIQUE)');
  const reading = new Reading(source.subscribe({ maxBuffered: 1 }));
  db.exec('BEGIN; INSERT INTO t VALUES (1, 1); ROLLBACK');
  db.exec('BEGIN; INSERT INTO t VALUES (2, 2); SAVEPOINT s; INSERT INTO t VALUES (3, 3); ROLLBACK TO s; COMMIT');
  expect(() => db.exec('INSERT INTO t VALUES (4, 4), (5, 4)')).toThrow();
  db.exec('INSERT INTO t VALUES (6, 6)');
  expect((await reading.take(2)).map(brief)).toEqual(['insert t (2, 2)', 'insert t (6, 6)']);
});

test('a schema change that is undone within its transaction does not keep it out of the log', async () => {
  const path = logFile();
  const first = live(path);
  first.db.exec('CREATE TABLE t (id INTEGER PRIMARY KEY)');
  await first.source.subscribe({ consumer: 'c', snapshot: 'never' }).ready;
  first.db.exec('BEGIN; INSERT INTO t VALUES (1); SAVEPOINT s; CREATE TABLE u (x); ROLLBACK TO s; COMMIT');
  await first.close();
  const { source } = live(path);
  expect((await new Reading(source.subscribe({ consumer: 'c', snapshot: 'never' })).take(1)).map(brief)).toEqual(['insert t (1)']);
});
