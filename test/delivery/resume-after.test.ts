import { describe, expect, test } from 'vitest';
import { everyOp, type Selection } from '../../lib/decode/selection.js';
import type { Change, RowChange, Transaction } from '../../lib/model/change.js';
import { alter, Fixture, insert, others, take } from './hand-fed-reader.js';

/** More than a buffer holds, so that it is read from its batch. */
const large = 'x'.repeat(40_000);
const brief = (change: Change): string =>
  `${change.lsn}:${change.index} ${'key' in change ? String(change.key?.['id']) : change.op}${'last' in change && change.last ? ' last' : ''}`;
const onlyNumbers: Partial<Selection> = { acceptsTable: (name) => name === 'numbers', opMask: everyOp, isEverything: false };

/** One that has acknowledged 101 up to index 1, of two transactions. */
function resumed(frames: Buffer[], selection: Partial<Selection> = {}): Fixture {
  const fixture = new Fixture({}, selection, { lsn: 101, index: 1 });
  fixture.commit(...frames);
  fixture.commit(insert(8), insert(9));
  return fixture;
}

const numbersTo = (count: number, text?: string): Buffer[] => Array.from({ length: count }, (_, i) => insert(i, text));

describe('what a consumer has acknowledged of a transaction', () => {
  test.each([
    ['', undefined],
    ['a large one', large],
  ])('is not handed over again: %s', async (_, text) => {
    const fixture = resumed(numbersTo(5, text));
    expect((await take(fixture.subscription, 5)).map(brief)).toEqual(['101:2 2', '101:3 3', '101:4 4 last', '102:0 8', '102:1 9 last']);
  });

  test.each([
    ['', undefined, {}, ['101:2 2', '101:3 3', '101:4 4 last']],
    ['a large one', large, {}, ['101:2 2', '101:3 3', '101:4 4 last']],
    ['a large one, of which a part is selected', large, onlyNumbers, ['101:2 2', '101:4 4 last']],
  ])('is not handed over again by transactions, whose length agrees: %s', async (_, text, selection, expected) => {
    const frames = numbersTo(5, text);
    if (expected.length === 2) frames[3] = insert(3, text, others);
    const fixture = resumed(frames, selection);
    const [first, second] = (await take(fixture.subscription.transactions(), 2)) as [Transaction, Transaction];
    expect(first.length).toBe(expected.length);
    for (let time = 0; time < 2; ++time) expect([...first].map((change: RowChange) => brief(change))).toEqual(expected);
    expect(first.length).toBe(expected.length);
    expect([second.lsn, second.length]).toEqual([102, 2]);
  });

  test.each([
    ['', undefined, {}],
    ['a large one', large, {}],
    ['a large one, of which a part is selected', large, onlyNumbers],
  ])('being all of it, leaves the transaction out: %s', async (_, text, selection) => {
    const fixture = resumed(numbersTo(2, text), selection);
    expect((await take(fixture.subscription.transactions(), 1)).map(({ lsn }) => lsn)).toEqual([102]);
    const byChanges = resumed(numbersTo(2, text), selection);
    expect((await take(byChanges.subscription, 1)).map(brief)).toEqual(['102:0 8']);
  });

  test('leaves events behind it in their place', async () => {
    const fixture = resumed([insert(0), alter(), insert(2), alter()]);
    expect((await take(fixture.subscription, 3)).map(brief)).toEqual(['101:2 2 last', '101:3 schema', '102:0 8']);
  });
});
