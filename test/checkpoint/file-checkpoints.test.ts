import { expect, it, onTestFinished, vi } from 'vitest';
import { comparePositions } from '../../lib/checkpoint/checkpoint.js';
import { ConsumerRows } from '../../lib/checkpoint/consumer-rows.js';
import { reservedLsns } from '../../lib/checkpoint/reservation.js';
import { firstLsn, Hub, setUp } from './stores.js';

const isTrue = (condition: () => boolean) => vi.waitFor(() => expect(condition()).toBe(true), { timeout: 30_000, interval: 5 });

it('writes nothing to a database without consumers', async () => {
  const { other, open } = setUp();
  await open().store.close();
  expect(other.prepare('SELECT name FROM sqlite_schema').pluck().all()).toEqual(['t']);
});

it('remembers a consumer from its beginning on, and what it acknowledged when flush resolves', async () => {
  const { open, stored } = setUp();
  const { store } = open();
  const { stored: before, progress } = store.open('c');
  expect(before).toBeUndefined();
  expect(stored('c')).toEqual({ lsn: firstLsn, snapshotLsn: null });
  for (let lsn = firstLsn + 1; lsn <= firstLsn + 1000; lsn++) progress.acknowledge(lsn);
  await progress.flush();
  expect(stored('c')).toEqual({ lsn: firstLsn + 1000, snapshotLsn: null });
  progress.snapshotTaken(firstLsn + 1001);
  await progress.flush();
  expect(stored('c')).toEqual({ lsn: firstLsn + 1001, snapshotLsn: firstLsn + 1001 });
});

it('writes nothing for a consumer whose subscription failed before it began', async () => {
  const { other, open } = setUp();
  const { checkpoints } = open();
  await checkpoints.open('c').progress.close();
  expect(checkpoints.open('c').stored).toBeUndefined();
  await checkpoints.close();
  expect(other.prepare('SELECT name FROM sqlite_schema').pluck().all()).toEqual(['t']);
});

it('writes many acknowledgements of several consumers in one transaction', async () => {
  const { other, open, stored } = setUp();
  const { store } = open();
  const all = ['a', 'b', 'c'].map((name) => store.open(name).progress);
  const version = () => other.pragma('data_version', { simple: true }) as number;
  const before = version();
  for (let i = 1; i <= 500; i++) for (const progress of all) progress.acknowledge(firstLsn + i);
  expect(version()).toBe(before);
  await isTrue(() => (stored('a') as { lsn: number }).lsn === firstLsn + 500);
  expect(stored('c')).toEqual({ lsn: firstLsn + 500, snapshotLsn: null });
});

it('begins again where it was, within a life and after it', async () => {
  const { open } = setUp();
  const first = open();
  const { progress } = first.store.open('c');
  progress.acknowledge(firstLsn + 5);
  // Read before it has been written.
  const closing = progress.close();
  const again = first.store.open('c');
  expect(again.stored).toEqual({ lsn: firstLsn + 5, isSnapshotDone: false, isOfThisLife: true });
  again.progress.snapshotTaken(firstLsn + 6);
  await closing;
  await first.store.close();
  expect(open(first.hub).store.open('c').stored).toEqual({ lsn: firstLsn + 6, isSnapshotDone: true, isOfThisLife: true });
});

it('tells what was written before the writer was opened', async () => {
  const { open } = setUp();
  const first = open();
  first.store.open('c').progress.acknowledge(firstLsn + 5);
  await first.store.close();
  const second = open(new Hub());
  const { stored, progress } = second.store.open('c');
  expect(stored).toEqual({ lsn: firstLsn + 5, isSnapshotDone: false, isOfThisLife: false });
  // The same position, acknowledged in this life.
  progress.acknowledge(firstLsn + 5);
  await progress.close();
  expect(second.store.open('c').stored).toMatchObject({ isOfThisLife: true });
});

it('never lets a position go back, whoever writes the other one', async () => {
  const { other, open, stored } = setUp();
  const { store } = open();
  const { progress } = store.open('c');
  other.exec(`UPDATE _rowtap_checkpoints SET lsn = ${firstLsn + 100}, snapshot_lsn = ${firstLsn + 90}`);
  progress.acknowledge(firstLsn + 50);
  progress.acknowledge(firstLsn + 40);
  progress.snapshotTaken(firstLsn + 45);
  await progress.flush();
  expect(stored('c')).toEqual({ lsn: firstLsn + 100, snapshotLsn: firstLsn + 90 });
  progress.acknowledge(firstLsn + 101);
  await progress.flush();
  expect(stored('c')).toEqual({ lsn: firstLsn + 101, snapshotLsn: firstLsn + 90 });
});

it('keeps a part of a transaction, and gives it back', async () => {
  const { open } = setUp();
  const first = open();
  const { progress } = first.store.open('c');
  progress.acknowledge(firstLsn + 1, { lsn: firstLsn + 2, index: 5 });
  progress.acknowledge(firstLsn + 1, { lsn: firstLsn + 2, index: 4 });
  progress.acknowledge(firstLsn + 1);
  await progress.close();
  const again = first.store.open('c');
  expect(again.stored).toMatchObject({ lsn: firstLsn + 1, partial: { lsn: firstLsn + 2, index: 5 } });
  again.progress.acknowledge(firstLsn + 2);
  await again.progress.close();
  expect(first.store.open('c').stored?.partial).toBeUndefined();
});

it('orders positions in SQL as in memory', async () => {
  const { other, open } = setUp();
  const { store } = open();
  await store.open('c').progress.close();
  const rows = new ConsumerRows(other);
  const places = [0, 1].flatMap((lsn) =>
    [undefined, { lsn: 2, index: 0 }, { lsn: 2, index: 1 }, { lsn: 3, index: 0 }].map((partial) => ({ lsn, partial })),
  );
  const checkpointAt = (place: (typeof places)[number], life: string) => ({ ...place, snapshotLsn: undefined, life, history: life });
  for (const before of places) {
    for (const after of places) {
      rows.remove('c');
      rows.writeFree('c', checkpointAt(before, 'before'), 1);
      rows.writeFree('c', checkpointAt(after, 'after'), 2);
      const isFurther = comparePositions(after, before) >= 0;
      expect(rows.read('c')).toMatchObject({
        checkpoint: isFurther ? checkpointAt(after, 'after') : checkpointAt(before, 'before'),
        updatedMs: 2,
      });
    }
  }
});

it.each([
  ["'x'", 1],
  ['2.5', 1],
  ['NULL', 1],
  [String(2 * firstLsn), "x'00'"],
  [1, 1],
])('a part that somebody has overwritten with %s and %s is none, and gives way', async (lsn, index) => {
  const { other, open } = setUp();
  const { store } = open();
  const { progress } = store.open('c');
  progress.acknowledge(firstLsn, { lsn: firstLsn + 1, index: 3 });
  await progress.close();
  other.exec(`UPDATE _rowtap_checkpoints SET partial_lsn = ${lsn}, partial_index = ${index}`);
  const again = store.open('c');
  expect(again.stored).toMatchObject({ lsn: firstLsn, partial: undefined });
  again.progress.acknowledge(firstLsn + 1);
  await again.progress.close();
  expect(store.open('c').stored).toMatchObject({ lsn: firstLsn + 1, partial: undefined });
});

it('writes the history beside each position, and says when something was written', async () => {
  const { other, open } = setUp();
  const now: { history?: string } = {};
  let written = 0;
  const first = open(new Hub(), false, { history: () => now.history, onWritten: () => void ++written });
  const { progress } = first.store.open('c');
  expect(other.prepare('SELECT lsn, history FROM _rowtap_checkpoints').get()).toEqual({ lsn: firstLsn, history: null });
  expect(written).toBe(1);
  now.history = 'h';
  progress.acknowledge(firstLsn + 1);
  await progress.flush();
  expect(written).toBe(2);
  await progress.flush();
  expect(written).toBe(2);
  expect(other.prepare('SELECT lsn, history FROM _rowtap_checkpoints').get()).toEqual({ lsn: firstLsn + 1, history: 'h' });
  await first.store.close();
  expect(open().store.open('c').stored).toMatchObject({ lsn: firstLsn + 1, history: 'h' });
});

it('gives a name to one subscription at a time, whatever source of the file it comes from', async () => {
  const { open } = setUp();
  const { store, hub } = open();
  const second = open(hub).store;
  const { progress } = store.open('c');
  const inUse = expect.objectContaining({ code: 'ROWTAP_DUPLICATE_CONSUMER' });
  expect(() => store.open('c')).toThrow(inUse);
  expect(() => second.open('c')).toThrow(inUse);
  second.open('d');
  await progress.close();
  second.open('c');
  expect(() => store.open('c')).toThrow(inUse);
  await second.close();
  store.open('c');
});

it('does not even try while a transaction of this process is open, and writes when it has ended', async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const { open, other, stored } = setUp();
  const { store, hub } = open();
  other.exec('BEGIN IMMEDIATE');
  hub.isTransactionOpen = true;
  const { stored: before, progress } = store.open('c');
  expect(before).toBeUndefined();
  progress.acknowledge(firstLsn + 1);
  let isFlushed = false;
  const flushing = progress.flush().then(() => (isFlushed = true));
  await vi.advanceTimersByTimeAsync(10_000);
  expect(isFlushed).toBe(false);
  expect(store.error()).toBeUndefined();
  other.exec('COMMIT');
  hub.isTransactionOpen = false;
  await vi.advanceTimersByTimeAsync(100);
  await flushing;
  expect(stored('c')).toEqual({ lsn: firstLsn + 1, snapshotLsn: null });
});

it('is degraded while somebody else holds the write lock, and recovers by itself', async () => {
  const { open, other, stored } = setUp();
  const { store } = open();
  const { progress } = store.open('c');
  other.exec('BEGIN IMMEDIATE; INSERT INTO t VALUES (1)');
  progress.acknowledge(firstLsn + 7);
  await isTrue(() => store.error() !== undefined);
  expect(store.error()).toMatchObject({ code: 'ROWTAP_BUSY', retryable: true, message: expect.stringContaining('locked') });
  const flushing = progress.flush();
  other.exec('COMMIT');
  await flushing;
  expect(store.error()).toBeUndefined();
  expect(stored('c')).toEqual({ lsn: firstLsn + 7, snapshotLsn: null });
});

it('opens a consumer whose row has to wait for a lock', async () => {
  const { open, other, stored } = setUp();
  other.exec('BEGIN IMMEDIATE');
  const { store } = open();
  const { progress } = store.open('c');
  expect(store.error()).toMatchObject({ code: 'ROWTAP_BUSY' });
  other.exec('COMMIT');
  await progress.flush();
  expect(stored('c')).toEqual({ lsn: firstLsn, snapshotLsn: null });
});

it('tells who waits of what waiting does not cure, goes on trying, and recovers', async () => {
  const { open, other, stored } = setUp();
  const { store } = open();
  const { progress } = store.open('c');
  other.exec('ALTER TABLE _rowtap_checkpoints RENAME TO aside; CREATE VIEW _rowtap_checkpoints AS SELECT 1 AS consumer');
  progress.acknowledge(firstLsn + 3);
  await expect(progress.flush()).rejects.toMatchObject({ code: 'ROWTAP_CHECKPOINT_FAILED', retryable: true });
  expect(store.error()).toMatchObject({ code: 'ROWTAP_CHECKPOINT_FAILED', message: expect.stringContaining('_rowtap_checkpoints') });
  other.exec('DROP VIEW _rowtap_checkpoints; ALTER TABLE aside RENAME TO _rowtap_checkpoints');
  await isTrue(() => store.error() === undefined);
  expect(stored('c')).toEqual({ lsn: firstLsn + 3, snapshotLsn: null });
});

it('does not begin a consumer that can never be remembered', async () => {
  const { open, other } = setUp();
  other.exec('CREATE VIEW _rowtap_meta AS SELECT 1 AS name');
  const { checkpoints, hub } = open();
  const opened = checkpoints.open('c');
  expect(() => opened.begin(hub.lsn())).toThrow(expect.objectContaining({ code: 'ROWTAP_CHECKPOINT_FAILED' }));
  await opened.progress.close();
  other.exec('DROP VIEW _rowtap_meta');
  checkpoints.open('c').begin(hub.lsn());
});

it('closes in any state: what is pending is written once, and nobody waits for ever', async () => {
  const { open, other, stored } = setUp();
  const { store } = open();
  const { progress } = store.open('c');
  progress.acknowledge(firstLsn + 1);
  await store.close();
  await store.close();
  await progress.close();
  expect(stored('c')).toEqual({ lsn: firstLsn + 1, snapshotLsn: null });
  expect(() => store.open('c')).toThrow(expect.objectContaining({ code: 'ROWTAP_CLOSED' }));

  const blocked = open().store;
  const second = blocked.open('c').progress;
  other.exec('BEGIN IMMEDIATE');
  second.acknowledge(firstLsn + 2);
  const flushing = second.flush();
  await blocked.close();
  await expect(flushing).rejects.toMatchObject({ code: 'ROWTAP_CLOSED' });
  second.acknowledge(firstLsn + 3);
  other.exec('COMMIT');
  expect(stored('c')).toEqual({ lsn: firstLsn + 1, snapshotLsn: null });
});

it('refuses a consumer of a read-only database, and begins above its LSNs all the same', async () => {
  const { open, other, reserved } = setUp();
  expect(() => open(new Hub(), true).store.open('c')).toThrow(
    expect.objectContaining({ code: 'ROWTAP_BAD_OPTION', message: expect.stringContaining('read-only') }),
  );
  expect(other.prepare('SELECT name FROM sqlite_schema').pluck().all()).toEqual(['t']);
  const first = open();
  first.store.open('c');
  await first.store.close();
  expect(open(new Hub(), true).hub.current).toBe(reserved());
});

it('keeps positions of an in-memory database as long as its source is open', async () => {
  const { open } = setUp({ isMemory: true });
  const { store, hub } = open();
  const { stored, progress } = store.open('c');
  expect(stored).toBeUndefined();
  progress.acknowledge(firstLsn + 5);
  progress.acknowledge(firstLsn + 4);
  expect(() => store.open('c')).toThrow(expect.objectContaining({ code: 'ROWTAP_DUPLICATE_CONSUMER' }));
  await progress.flush();
  await progress.close();
  const again = store.open('c');
  expect(again.stored).toEqual({ lsn: firstLsn + 5, isSnapshotDone: false, isOfThisLife: true });
  again.progress.snapshotTaken(firstLsn + 6);
  await again.progress.close();
  expect(store.open('c').stored).toEqual({ lsn: firstLsn + 6, isSnapshotDone: true, isOfThisLife: true });
  await store.close();
  expect(open(hub).store.open('c').stored).toBeUndefined();
});

it('reads where the lock is exclusive as soon as it is gone', () => {
  const { open, other } = setUp({ mode: 'delete' });
  other.exec('BEGIN EXCLUSIVE');
  const { store } = open();
  expect(() => store.open('c')).toThrow(expect.objectContaining({ code: 'ROWTAP_BUSY', retryable: true }));
  other.exec('COMMIT');
  expect(store.open('c').stored).toBeUndefined();
});

it('reserves LSNs ahead, and lets the next life begin above, though the clock was set back', async () => {
  const { open, other, reserved } = setUp();
  const first = open();
  const { progress } = first.store.open('c');
  expect(reserved()).toBe(firstLsn + reservedLsns);
  expect(other.prepare(`SELECT typeof(value) FROM _rowtap_meta WHERE name = 'reserved_lsn'`).pluck().get()).toBe('integer');
  first.hub.current += reservedLsns / 2;
  progress.acknowledge(first.hub.current);
  await progress.flush();
  expect(reserved()).toBe(first.hub.current + reservedLsns);
  await first.store.close();

  const setBack = new Hub();
  setBack.current = 1000;
  open(setBack);
  expect(setBack.current).toBe(first.hub.current + reservedLsns);
});

it('reserves LSNs before any is handed over, to a consumer that was there before as well', async () => {
  const { open, reserved } = setUp();
  const first = open();
  await first.store.open('c').progress.flush();
  await first.store.close();
  const next = new Hub();
  next.current = 3 * firstLsn;
  // Its process may end before anything else is written.
  open(next).store.open('c');
  expect(reserved()).toBe(3 * firstLsn + reservedLsns);
});

it('renews the reservation though nobody acknowledges', async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const { open, reserved } = setUp();
  const { store, hub } = open();
  store.open('c');
  hub.current += 3 * reservedLsns;
  await vi.advanceTimersByTimeAsync(1100);
  expect(reserved()).toBe(hub.current + reservedLsns);
});

it('leaves LSNs alone where the writer has been open all the time', async () => {
  const { open } = setUp();
  const first = open();
  first.store.open('c').progress.acknowledge(firstLsn + 10);
  first.hub.current += 10;
  await first.store.close();
  expect(open(first.hub).store.open('c').stored).toEqual({ lsn: firstLsn + 10, isSnapshotDone: false, isOfThisLife: true });
  expect(first.hub.current).toBe(firstLsn + 10);
});

it('leaves WAL checkpoints to the application, that may have turned them off', async () => {
  const { open, other } = setUp();
  other.pragma('wal_autocheckpoint = 0');
  const { store } = open();
  const { progress } = store.open('c');
  for (let i = 1; i <= 8; i++) {
    other.exec(
      'INSERT INTO t SELECT zeroblob(100000) FROM (VALUES (1), (2), (3), (4), (5), (6), (7), (8), (9), (10), (11), (12), (13), (14), (15))',
    );
    progress.acknowledge(firstLsn + i);
    await progress.flush();
  }
  const [{ log, checkpointed }] = other.pragma('wal_checkpoint(PASSIVE)') as [{ log: number; checkpointed: number }];
  // Had it made one, the WAL would have begun again.
  expect(log).toBeGreaterThan(2500);
  expect(checkpointed).toBe(log);
});
