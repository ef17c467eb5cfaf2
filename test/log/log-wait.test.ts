/** How long a reader has waited for a locked log, by a clock of the test's. */
import { expect, test } from 'vitest';
import { LogWait } from '../../lib/log/log-wait.js';

test('it asks again for ever; that it takes long shows after a second, and what a killed writer left is taken back once in each', () => {
  const seen = { nowMs: 5000, wakes: 0, recoveries: 0 };
  const waiting = new Set<LogWait>();
  const wait = new LogWait({ wake: () => void ++seen.wakes, recover: () => void ++seen.recoveries, waiting, nowMs: () => seen.nowMs });
  const at = (nowMs: number): unknown[] => {
    seen.nowMs = nowMs;
    wait.again();
    return [waiting.size, wait.isLong, seen.wakes, seen.recoveries];
  };
  expect(wait.isLong).toBe(false);
  expect(at(5000)).toEqual([1, false, 1, 0]);
  expect(at(5999)).toEqual([1, false, 2, 0]);
  expect(at(6000)).toEqual([1, true, 3, 1]);
  expect(at(6999)).toEqual([1, true, 4, 1]);
  expect(at(7000)).toEqual([1, true, 5, 2]);
  wait.over();
  expect([waiting.size, wait.isLong]).toEqual([0, false]);
  expect(at(7001)).toEqual([1, false, 6, 2]);
});
