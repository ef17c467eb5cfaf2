import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { encodeOwner, type LeaseTerms } from '../../lib/checkpoint/lease.js';
import { newOwner } from '../../lib/checkpoint/this-process.js';
import type { Progress } from '../../lib/delivery/progress.js';
import { firstLsn, Hub, setUp } from './stores.js';

const refused = expect.objectContaining({ code: 'ROWTAP_DUPLICATE_CONSUMER', retryable: true });

/** Stores on one file, each as if in a process of its own, of which nothing can be known. */
function setUpProcesses() {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const file = setUp();
  let processes = 0;
  const start = (terms: Partial<LeaseTerms> = {}) => {
    const owner = { ...newOwner(), host: `host ${++processes}`, pid: processes };
    return { ...file.open(new Hub(), false, { terms: { owner, fateOf: () => 'unknown', ...terms } }), owner };
  };
  const row = () => file.other.prepare('SELECT lsn, owner, lease_until_ms AS untilMs FROM _rowtap_checkpoints').get();
  const expire = () => file.other.exec('UPDATE _rowtap_checkpoints SET lease_until_ms = 0');
  /** What a progress is told of its loss. */
  const checkTold = (progress: Progress): Error[] => {
    const told: Error[] = [];
    progress.onLost((error) => told.push(error));
    return told;
  };
  return { ...file, start, row, expire, checkTold };
}

describe('the lease of a consumer', () => {
  it('keeps other processes out, names who has it, and ends with the subscription', async () => {
    const { start, row } = setUpProcesses();
    const [first, second] = [start(), start()];
    const { progress } = first.store.open('c');
    expect(row()).toEqual({ lsn: firstLsn, owner: encodeOwner(first.owner), untilMs: Date.now() + 30_000 });
    expect(() => second.store.open('c')).toThrow(refused);
    expect(() => second.store.open('c')).toThrow(/another process \(1 on host host 1\), until \d{4}-/);
    second.store.open('d');
    progress.acknowledge(firstLsn + 1);
    await progress.close();
    expect(row()).toEqual({ lsn: firstLsn + 1, owner: null, untilMs: null });
    expect(second.store.open('c').stored).toMatchObject({ lsn: firstLsn + 1 });
    expect(() => first.store.open('c')).toThrow(refused);
    await second.store.close();
    first.store.open('c');
  });

  it('lasts as long as it is renewed, though nobody acknowledges', async () => {
    const { start } = setUpProcesses();
    const [first, second] = [start(), start()];
    first.store.open('c');
    await vi.advanceTimersByTimeAsync(300_000);
    expect(() => second.store.open('c')).toThrow(refused);
  });

  it('is written seldom: not with every look at it', async () => {
    const { start, other } = setUpProcesses();
    start().store.open('c');
    const version = () => other.pragma('data_version', { simple: true }) as number;
    const before = version();
    await vi.advanceTimersByTimeAsync(9000);
    expect(version()).toBe(before);
    await vi.advanceTimersByTimeAsync(2000);
    expect(version()).not.toBe(before);
  });

  it('that has run out is taken over, and what the first one acknowledges from then on is not written', async () => {
    const { start, row, expire, checkTold } = setUpProcesses();
    const [first, second] = [start(), start()];
    const { progress } = first.store.open('c');
    const told = checkTold(progress);
    expire();
    expect(second.store.open('c').stored).toMatchObject({ lsn: firstLsn });
    progress.acknowledge(firstLsn + 5);
    await expect(progress.flush()).rejects.toThrow(refused);
    expect(row()).toMatchObject({ lsn: firstLsn, owner: encodeOwner(second.owner) });
    expect(told).toEqual([refused]);
    await expect(progress.flush()).rejects.toThrow(refused);
    progress.acknowledge(firstLsn + 6);
    await progress.close();
    await first.store.close();
    expect(row()).toMatchObject({ lsn: firstLsn, owner: encodeOwner(second.owner) });
    expect(first.store.error()).toBeUndefined();
  });

  it('that was taken over and given back is lost all the same, when it is to be renewed', async () => {
    const { start, row, expire, checkTold } = setUpProcesses();
    const first = start();
    const told = checkTold(first.store.open('c').progress);
    const other = first.store.open('other').progress;
    expire();
    await start().store.open('c').progress.close();
    await vi.advanceTimersByTimeAsync(11_000);
    expect(told).toEqual([refused]);
    expect(row()).toMatchObject({ owner: null });
    // Nobody else's is harmed by it.
    other.acknowledge(firstLsn + 1);
    await other.flush();
  });

  it('that has run out is renewed where nobody has taken it', async () => {
    const { start, row, expire } = setUpProcesses();
    const first = start();
    const { progress } = first.store.open('c');
    expire();
    progress.acknowledge(firstLsn + 1);
    await progress.flush();
    expect(row()).toEqual({ lsn: firstLsn + 1, owner: encodeOwner(first.owner), untilMs: Date.now() + 30_000 });
  });

  it('of a process that has ended is taken at once', () => {
    const { start } = setUpProcesses();
    start().store.open('c');
    const next = start({ fateOf: () => 'gone' });
    expect(next.store.open('c').stored).toMatchObject({ lsn: firstLsn });
  });

  it('lasts as long as it is told to', async () => {
    const { start } = setUpProcesses();
    const [first, second] = [start({ durationMs: 500, renewalMs: 1_000_000 }), start()];
    first.store.open('c');
    await vi.advanceTimersByTimeAsync(499);
    expect(() => second.store.open('c')).toThrow(refused);
    await vi.advanceTimersByTimeAsync(1);
    second.store.open('c');
  });
});

describe('a lease that can not be written when the consumer is opened', () => {
  it('is taken at the next attempt, and until then no position is written', async () => {
    const { start, other, row } = setUpProcesses();
    const [first, second] = [start(), start()];
    await first.store.open('c').progress.close();
    other.exec('BEGIN IMMEDIATE');
    const { progress } = first.store.open('c');
    progress.acknowledge(firstLsn + 1);
    expect(row()).toMatchObject({ lsn: firstLsn, owner: null });
    other.exec('COMMIT');
    await vi.advanceTimersByTimeAsync(6000);
    expect(row()).toMatchObject({ lsn: firstLsn + 1, owner: encodeOwner(first.owner) });
    expect(() => second.store.open('c')).toThrow(refused);
  });

  it.each(['known', 'new'])('is lost to whoever was faster, of one that is %s', async (kind) => {
    const { start, row, checkTold } = setUpProcesses();
    const [first, second] = [start(), start()];
    if (kind === 'known') await second.store.open('c').progress.close();
    first.hub.isTransactionOpen = true;
    const { progress } = first.store.open('c');
    const told = checkTold(progress);
    progress.acknowledge(firstLsn + 1);
    second.store.open('c');
    first.hub.isTransactionOpen = false;
    await expect(progress.flush()).rejects.toThrow(refused);
    expect(told).toEqual([refused]);
    expect(row()).toMatchObject({ lsn: firstLsn, owner: encodeOwner(second.owner) });
  });

  it('is lost where the position has moved on meanwhile, though nobody has it now', async () => {
    const { start, row } = setUpProcesses();
    const [first, second] = [start(), start()];
    await first.store.open('c').progress.close();
    first.hub.isTransactionOpen = true;
    const { progress } = first.store.open('c');
    const { progress: faster } = second.store.open('c');
    faster.acknowledge(firstLsn + 3);
    await faster.close();
    first.hub.isTransactionOpen = false;
    progress.acknowledge(firstLsn + 1);
    await expect(progress.flush()).rejects.toThrow(refused);
    expect(row()).toEqual({ lsn: firstLsn + 3, owner: null, untilMs: null });
  });

  it('is refused where another process has begun between open and begin', () => {
    const { start } = setUpProcesses();
    const [first, second] = [start(), start()];
    const opened = first.checkpoints.open('c');
    second.store.open('c');
    expect(() => opened.begin(firstLsn)).toThrow(refused);
  });
});

it('a consumer that is closed and opened again before its end could be written goes on', async () => {
  const { start, other, row } = setUpProcesses();
  const first = start();
  const { progress } = first.store.open('c');
  other.exec('BEGIN IMMEDIATE');
  progress.acknowledge(firstLsn + 1);
  await progress.close();
  const again = first.store.open('c');
  expect(again.stored).toMatchObject({ lsn: firstLsn + 1 });
  other.exec('COMMIT');
  await vi.advanceTimersByTimeAsync(6000);
  expect(row()).toMatchObject({ lsn: firstLsn + 1, owner: encodeOwner(first.owner) });
  await again.progress.close();
  expect(row()).toMatchObject({ owner: null });
});

it('a lease whose end could not be written at first ends later', async () => {
  const { start, other, row } = setUpProcesses();
  const first = start();
  const { progress } = first.store.open('c');
  first.store.open('other');
  other.exec('BEGIN IMMEDIATE');
  await progress.close();
  expect(row()).toMatchObject({ owner: encodeOwner(first.owner) });
  other.exec('COMMIT');
  await vi.advanceTimersByTimeAsync(6000);
  expect(row()).toMatchObject({ owner: null });
});
