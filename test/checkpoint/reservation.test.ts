import { expect, it } from 'vitest';
import { nextReservation, reservedLsns } from '../../lib/checkpoint/reservation.js';
import { retryDelayMs } from '../../lib/checkpoint/schedule.js';

it('reserves a block at first, and another one when half of it is used', () => {
  expect(nextReservation(500, undefined)).toBe(500 + reservedLsns);
  const reserved = 500 + reservedLsns;
  expect(nextReservation(500, reserved)).toBeUndefined();
  expect(nextReservation(500 + reservedLsns / 2 - 1, reserved)).toBeUndefined();
  expect(nextReservation(500 + reservedLsns / 2, reserved)).toBe(500 + reservedLsns * 1.5);
});

it('reserves again where LSNs have run past the reservation', () => {
  expect(nextReservation(5_000_000, 1_000_000)).toBe(5_000_000 + reservedLsns);
});

it('tries again at growing distances, five seconds at most', () => {
  expect([1, 2, 3, 4].map(retryDelayMs)).toEqual([100, 200, 400, 800]);
  expect(retryDelayMs(1000)).toBe(5000);
});
