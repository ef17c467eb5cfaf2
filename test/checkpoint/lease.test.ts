import { describe, expect, test } from 'vitest';
import type { Checkpoint } from '../../lib/checkpoint/checkpoint.js';
import {
  decodeOwner,
  encodeOwner,
  holderOf,
  isRenewalDue,
  type LeaseOwner,
  type LeaseTerms,
  leasedElsewhere,
  mayWrite,
  type OwnerFate,
} from '../../lib/checkpoint/lease.js';
import { Holding } from '../../lib/checkpoint/holding.js';

const ours: LeaseOwner = { host: 'here', pid: 1, started: 'boot 5', token: 'ours' };
const theirs: LeaseOwner = { host: 'there', pid: 2, started: '', token: 'theirs' };
const terms = (fate: OwnerFate = 'unknown'): LeaseTerms => ({ durationMs: 30, renewalMs: 10, owner: ours, fateOf: () => fate });
const lease = (owner: LeaseOwner | null, untilMs: number) => ({ owner: owner && encodeOwner(owner), untilMs });
const at = (lsn: number): Checkpoint => ({ lsn, partial: undefined, snapshotLsn: undefined, life: 'l', history: undefined });

describe('a lease', () => {
  test('names its owner in a text, and is none where the text is none', () => {
    expect(decodeOwner(encodeOwner(ours))).toEqual(ours);
    for (const text of [
      null,
      '',
      '{',
      '1',
      '"x"',
      '[]',
      '{}',
      JSON.stringify({ ...ours, pid: 'x' }),
      JSON.stringify({ ...ours, token: 1 }),
    ]) {
      expect(decodeOwner(text)).toBeUndefined();
    }
  });

  test.each<[string, LeaseOwner | null, number, OwnerFate, boolean]>([
    ['another process has, until it ends', theirs, 101, 'unknown', true],
    ['another process had', theirs, 100, 'unknown', false],
    ['a process had that is gone', theirs, 101, 'gone', false],
    ['this process has', theirs, 101, 'here', false],
    ['nobody has', null, 101, 'unknown', false],
  ])('that %s', (_, owner, untilMs, fate, isHeld) => {
    expect(holderOf(lease(owner, untilMs), terms(fate), 100)).toEqual(isHeld ? theirs : undefined);
  });

  test('is renewed in time, and when the clock was set back', () => {
    expect([79, 80, 81, 90, 91].map((untilMs) => isRenewalDue(untilMs, terms(), 60))).toEqual([true, true, false, false, true]);
  });

  test('is refused with the process that has it, and until when', () => {
    const error = leasedElsewhere('c', lease(theirs, 86_400_000), terms(), 0);
    expect(error).toMatchObject({ code: 'ROWTAP_DUPLICATE_CONSUMER', retryable: true });
    expect(error.message).toContain('"c" is in use by another process (2 on host there), until 1970-01-02T00:00:00.000Z');
    expect(leasedElsewhere('c', lease(null, 0), terms(), 0).message).toContain('took it over meanwhile');
  });
});

describe('a row may be written', () => {
  const held = { isHeld: true, basis: at(1) };
  const wanted = { isHeld: false, basis: at(1) };
  test.each([
    ['by its owner', at(1), lease(ours, 101), held, true],
    ['by its owner, though the lease has run out', at(1), lease(ours, 1), held, true],
    ['by its owner, who does not know yet that it is', at(9), lease(ours, 101), wanted, true],
    ['by who wants it while nobody has it', at(1), lease(null, 0), wanted, true],
    ['by who wants it when the lease has run out', at(1), lease(theirs, 100), wanted, true],
    ['not while another process has the lease', at(1), lease(theirs, 101), wanted, false],
    ['not by who has lost it', at(1), lease(theirs, 101), held, false],
    ['not by who has lost it, though it was given back since', at(1), lease(null, 0), held, false],
    ['not by who began from another position', at(2), lease(null, 0), wanted, false],
    ['not by who was new, when it is there already', at(1), lease(null, 0), { isHeld: false, basis: undefined }, false],
  ])('%s', (_, checkpoint, stored, claim, isAllowed) => {
    expect(mayWrite({ checkpoint, lease: stored }, claim, terms(), 100)).toBe(isAllowed);
  });
});

describe('what is held here', () => {
  test('is due until it was written, and when it is to be renewed', () => {
    const holding = new Holding(undefined);
    expect(holding.isDue(terms(), 100)).toBe(false);
    holding.isBegun = true;
    expect(holding.isDue(terms(), 100)).toBe(true);
    holding.hold(130);
    expect([100, 109, 110].map((nowMs) => holding.isDue(terms(), nowMs))).toEqual([false, false, true]);
    holding.isClosing = true;
    expect(holding.isDue(terms(), 110)).toBe(false);
  });

  test('tells once that it is lost, to who asks later as well', () => {
    const holding = new Holding(undefined);
    const told: unknown[] = [];
    holding.onLost((error) => told.push(error));
    const error = leasedElsewhere('c', lease(theirs, 101), terms(), 100);
    holding.lose(error);
    holding.onLost((again) => told.push(again));
    expect(told).toEqual([error, error]);
  });
});
