import { expect, test } from 'vitest';
import { retryDelayMs } from '../../lib/delivery/retry-policy.js';

const policy = { attempts: Number.POSITIVE_INFINITY, minDelayMs: 100, maxDelayMs: 1000 };

test.each([
  ['the first one begins at the least', policy, 1, 0, 100],
  ['half of each is by chance', policy, 1, 0.5, 150],
  ['each failure doubles it', policy, 2, 0, 200],
  ['each failure doubles it again', policy, 3, 0.5, 600],
  ['it grows up to the most', policy, 4, 0, 500],
  ['it never exceeds the most', policy, 40, 1, 1000],
  ['the least is the least also where the most is near it', { ...policy, maxDelayMs: 150 }, 1, 0, 100],
  ['there is no chance where the two are equal', { ...policy, maxDelayMs: 100 }, 7, 0.9, 100],
  ['any number of failures is a number', { ...policy, minDelayMs: 1, maxDelayMs: 2 ** 31 - 1 }, 1e9, 1, 2 ** 31 - 1],
])('delays: %s', (_, of, failures, chance, expected) => {
  expect(retryDelayMs(of, failures, chance)).toBe(expected);
});
