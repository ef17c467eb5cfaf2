/** Entries go when nobody needs them any more, a few at a time; who still needed them is told. */
import type { Database } from 'rowtap';
import { expect, test, vi } from 'vitest';
import { choosePrunable } from '../../lib/log/prune.js';
import { brief } from '../support/captured.js';
import { live, logFile, Reading } from './lives.js';

const entries = (db: Database): number => (db.prepare('SELECT count(*) AS n FROM _rowtap_log').get() as { n: number }).n;
const logBytes = (db: Database): number => (db.prepare('SELECT sum(length(entry)) AS n FROM _rowtap_log').get() as { n: number }).n;

test('what every consumer has acknowledged goes, and what one has not stays', { timeout: 30_000 }, async () => {
  const path = logFile();
  const { db, source } = live(path);
  db.exec('CREATE TABLE t (id INTEGER PRIMARY KEY)');
  const [quick, slow] = ['quick', 'slow'].map((consumer) => source.subscribe({ consumer, snapshot: 'never', ack: 'manual' }));
  for (let i = 0; i < 50; i++) db.exec(`INSERT INTO t VALUES (${i})`);
  const [a, b] = await Promise.all([quick, slow].map((subscription) => new Reading(subscription as never).take(50)));
  quick?.ack(a?.at(-1) as never);
  slow?.ack(b?.[29] as never);
  await vi.waitUntil(() => entries(db) <= 25, { timeout: 20_000, interval: 100 });
  expect(entries(db)).toBeGreaterThan(20);
  slow?.ack(b?.at(-1) as never);
  // The newest ones stay: with them the log goes on.
  await vi.waitUntil(() => entries(db) <= 2, { timeout: 20_000, interval: 100 });
  expect(db.pragma('integrity_check')).toEqual([{ integrity_check: 'ok' }]);
});

test('a consumer that is gone holds the log until it is dropped', { timeout: 30_000 }, async () => {
  const { db, source } = live(logFile());
  db.exec('CREATE TABLE t (id INTEGER PRIMARY KEY)');
  await source.subscribe({ consumer: 'abandoned', snapshot: 'never' }).close();
  for (let i = 0; i < 20; i++) db.exec(`INSERT INTO t VALUES (${i})`);
  expect(source.consumers()).toMatchObject([{ consumer: 'abandoned', isActive: false }]);
  expect(entries(db)).toBeGreaterThanOrEqual(20);
  await source.dropConsumer('abandoned');
  await vi.waitUntil(() => entries(db) <= 2, { timeout: 20_000, interval: 100 });
});

test('past its size the oldest entries go: who needed them gets one gap, and then what is left', { timeout: 30_000 }, async () => {
  const path = logFile();
  const first = live(path, { retention: { maxBytes: 20_000 } });
  first.db.exec('CREATE TABLE t (id INTEGER PRIMARY KEY, a)');
  await first.source.subscribe({ consumer: 'behind', snapshot: 'never' }).ready;
  await first.source.subscribe({ consumer: 'with rows' }).close();
  const insert = first.db.prepare('INSERT INTO t VALUES (?, hex(randomblob(500)))');
  for (let i = 0; i < 200; i++) insert.run(i);
  await vi.waitUntil(() => logBytes(first.db) <= 20_000, { timeout: 20_000, interval: 100 });
  await first.close();

  const { source } = live(path, { retention: { maxBytes: 20_000 } });
  const reading = new Reading(source.subscribe({ consumer: 'behind', snapshot: 'never' }));
  const changes = await reading.until((change) => change.after?.['id'] === 199);
  expect(brief(changes[0] as never)).toBe('gap log-pruned');
  const ids = changes.slice(1).map(({ after }) => Number(after?.['id']));
  expect(ids).toEqual(Array.from({ length: ids.length }, (_, i) => 200 - ids.length + i));
  expect(ids.length).toBeGreaterThan(5);
});

test('at its age an entry goes, acknowledged or not: who needed it gets one gap, and then what is left', { timeout: 30_000 }, async () => {
  const path = logFile();
  const first = live(path, { retention: { maxAgeMs: 50 } });
  first.db.exec('CREATE TABLE t (id INTEGER PRIMARY KEY)');
  await first.source.subscribe({ consumer: 'behind', snapshot: 'never' }).ready;
  for (let id = 1; id <= 20; id++) first.db.exec(`INSERT INTO t VALUES (${id})`);
  expect(entries(first.db)).toBeGreaterThanOrEqual(20);
  // The newest ones stay: with them the log goes on.
  await vi.waitUntil(() => entries(first.db) <= 2, { timeout: 20_000, interval: 100 });
  await first.close();

  const { db, source } = live(path, { retention: { maxAgeMs: 86_400_000 } });
  const reading = new Reading(source.subscribe({ consumer: 'behind', snapshot: 'never' }));
  db.exec('INSERT INTO t VALUES (21)');
  const changes = await reading.until((change) => change.after?.['id'] === 21);
  expect(brief(changes[0] as never)).toBe('gap log-pruned');
  const ids = changes.slice(1).map(({ after }) => Number(after?.['id']));
  expect(ids).toEqual([20, 21].slice(-ids.length));
});

test('a gap makes `when-needed` take a new snapshot', { timeout: 30_000 }, async () => {
  const path = logFile();
  const retention = { maxBytes: 5000 };
  const first = live(path, { retention });
  first.db.exec('CREATE TABLE t (id INTEGER PRIMARY KEY, a)');
  const reading = new Reading(first.source.subscribe({ consumer: 'index' }));
  first.db.exec('INSERT INTO t VALUES (0, 0)');
  expect((await reading.take(2)).map(brief)).toEqual(['bootstrap t', 'insert t (0, 0)']);
  void reading.take(1);
  await first.close();
  const unwatched = live(path, { retention });
  const insert = unwatched.db.prepare('INSERT INTO t VALUES (?, hex(randomblob(500)))');
  for (let i = 1; i <= 100; i++) insert.run(i);
  await vi.waitUntil(() => logBytes(unwatched.db) <= 5000, { timeout: 20_000, interval: 100 });
  await unwatched.close();
  const { db, source } = live(path, { retention });
  const again = new Reading(source.subscribe({ consumer: 'index' }));
  const changes = await again.take(103);
  expect(changes.slice(0, 3).map(({ op }) => op)).toEqual(['gap', 'bootstrap', 'snapshot']);
  db.exec('INSERT INTO t VALUES (1000, 1)');
  expect((await again.take(1)).map(brief)).toEqual(['insert t (1000, 1)']);
});

test('what goes between subscribing and reading is a gap too', async () => {
  const path = logFile();
  const first = live(path);
  first.db.exec('CREATE TABLE t (id INTEGER PRIMARY KEY)');
  await first.source.subscribe({ consumer: 'behind', snapshot: 'never' }).ready;
  first.db.exec('INSERT INTO t VALUES (1); INSERT INTO t VALUES (2)');
  await first.close();
  const { db, source } = live(path);
  const subscription = source.subscribe({ consumer: 'behind', snapshot: 'never' });
  db.exec('INSERT INTO t VALUES (3); DELETE FROM _rowtap_log WHERE id < (SELECT max(id) FROM _rowtap_log); INSERT INTO t VALUES (4)');
  const changes = await new Reading(subscription).until(({ after }) => after?.['id'] === 4);
  expect(changes.map(brief)).toEqual(['gap log-pruned', 'insert t (3)', 'insert t (4)']);
});

const entry = (lsn: number, time = 0, size = 100) => ({ lsn, part: 0, time, size });
const limits = { retention: {}, heldLsn: 0, nowMs: 100_000, floorLsn: 5, excessBytes: 0 };

test.each([
  ['what is acknowledged and not brand-new', {}, [1, 2, 5, 6], 3],
  ['nothing that is needed', { floorLsn: 0 }, [1, 2], 0],
  ['what is too much, needed or not', { floorLsn: 0, excessBytes: 150 }, [1, 2, 3], 2],
  ['what is too old, needed or not', { floorLsn: 0, retention: { maxAgeMs: 1000 } }, [1, 2, 3], 3],
  ['nothing that is not old yet, where an age is given', { retention: { maxAgeMs: 200_000 } }, [1, 2, 3], 0],
])('%s goes', (_, given, lsns, expected) => {
  const { count } = choosePrunable(
    lsns.map((lsn) => entry(lsn)),
    { ...limits, ...given },
  );
  expect(count).toBe(expected);
});

test('what has just been written is left to those who look several times a second', () => {
  expect(choosePrunable([entry(1, 97_000), entry(2, 99_000)], limits)).toEqual({ count: 1, next: 'soon' });
});
