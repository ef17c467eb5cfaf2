import { describe, expect, test } from 'vitest';
import type { Change, Transaction } from '../../lib/model/change.js';
import type { Bootstrap } from '../../lib/delivery/bootstrap.js';
import { alter, Fixture, insert, others, remove, take, undecodable } from './hand-fed-reader.js';

const shape = (transaction: Transaction): [number, number, number[]] => [
  transaction.lsn - 100,
  transaction.length,
  Array.from(transaction as Iterable<Change>, ({ index }) => index),
];
const numbersTo = (count: number): number[] => [...Array(count).keys()];
const many = (count: number): Buffer[] => numbersTo(count).map((i) => insert(i, `the text of row ${i}`));

test('each commit comes as one transaction, events in their place', async () => {
  const fixture = new Fixture();
  fixture.commit(insert(1), alter(), insert(2));
  fixture.commit(remove(1));
  const [first, second] = await take(fixture.subscription.transactions(), 2);
  expect(shape(first as Transaction)).toEqual([1, 3, [0, 1, 2]]);
  expect(shape(second as Transaction)).toEqual([2, 1, [0]]);
  expect(first?.time).toBe(1_700_000_000_101);
});

test('a transaction of which nothing passes the filter is left out', async () => {
  const fixture = new Fixture({}, { acceptsTable: (name) => name === 'numbers', isEverything: false });
  fixture.commit(insert(1, '', others));
  fixture.commit(insert(1), insert(2, '', others));
  fixture.commit(...numbersTo(3000).map((i) => insert(i, '', others)));
  fixture.commit(insert(3));
  expect((await take(fixture.subscription.transactions(), 2)).map(shape)).toEqual([
    [2, 1, [0]],
    [4, 1, [0]],
  ]);
});

test('transactions of any size come whole, wherever the read buffer cuts them', async () => {
  const sizes = [1, 700, 300, 2, 650, 1, 40, 5000, 3, 620, 620, 620, 10];
  const fixture = new Fixture();
  for (const size of sizes) fixture.commit(...many(size));
  const transactions = await take(fixture.subscription.transactions(), sizes.length);
  expect(transactions.map(shape)).toEqual(sizes.map((size, i) => [i + 1, size, numbersTo(size)]));
});

describe('a transaction larger than the read buffer', () => {
  test('may be iterated any number of times, also two at once and after the subscription is closed', async () => {
    const fixture = new Fixture();
    fixture.commit(...many(5000));
    fixture.commit(insert(1));
    const [large, small] = await take(fixture.subscription.transactions(), 2);
    await fixture.subscription.close();
    const [a, b] = [(large as Transaction)[Symbol.iterator](), (large as Transaction)[Symbol.iterator]()];
    for (let i = 0; i < 5000; ++i) {
      expect(a.next().value).toMatchObject({ index: i, last: i === 4999 });
      expect(b.next().value).toMatchObject({ key: { id: i } });
    }
    expect([a.next().done, b.next().done]).toEqual([true, true]);
    expect(shape(small as Transaction)).toEqual([2, 1, [0]]);
  });

  test('counts what passes the filter, and marks its last', async () => {
    const fixture = new Fixture({}, { acceptsTable: (name) => name === 'numbers', isEverything: false });
    fixture.commit(...many(3000).flatMap((frame, i) => [frame, insert(i, '', others)]), alter(others), undecodable(others));
    const [large] = await take(fixture.subscription.transactions(), 1);
    expect(large?.length).toBe(3000);
    const changes = [...(large as Transaction)];
    expect(changes).toHaveLength(3000);
    expect(changes.filter(({ last }) => last).map(({ index }) => index)).toEqual([5998]);
  });

  test('announces what cannot be decoded as a gap that is counted', async () => {
    const fixture = new Fixture({}, { acceptsTable: (name) => name === 'numbers', isEverything: false });
    fixture.commit(...many(2000), undecodable(), ...many(10), insert(1, '', others));
    const [large] = await take(fixture.subscription.transactions(), 1);
    const changes = [...(large as Iterable<Change>)];
    expect(changes).toHaveLength(2011);
    expect(large?.length).toBe(2011);
    expect(changes[2000]).toMatchObject({ op: 'gap', index: 2000 });
  });
});

test('a subscription is read in one way', async () => {
  const fixture = new Fixture();
  fixture.commit(insert(1), insert(2));
  fixture.commit(insert(3));
  await take(fixture.subscription, 1);
  await expect(take(fixture.subscription.transactions(), 1)).rejects.toMatchObject({ code: 'ROWTAP_BAD_OPTION' });
  expect(await take(fixture.subscription, 2)).toHaveLength(2);
});

test('iterators share the place', async () => {
  const fixture = new Fixture();
  for (let i = 0; i < 4; ++i) fixture.commit(insert(i));
  const [a, b] = [fixture.subscription.transactions(), fixture.subscription.transactions()];
  expect([...(await take(a, 1)), ...(await take(b, 2)), ...(await take(a, 1))].map(({ lsn }) => lsn)).toEqual([101, 102, 103, 104]);
});

test('events, then pages of the snapshot, then commits', async () => {
  const position = { source: 'test', lsn: 100, time: 5 };
  const pages: Change[][] = [
    [
      { ...position, index: 0, op: 'bootstrap', table: 'numbers', before: null, after: null },
      {
        ...position,
        index: 1,
        op: 'snapshot',
        table: 'numbers',
        key: { id: 1 },
        before: null,
        after: { id: 1 },
        indirect: false,
        last: false,
      },
    ],
    [
      {
        ...position,
        index: 2,
        op: 'snapshot',
        table: 'numbers',
        key: { id: 2 },
        before: null,
        after: { id: 2 },
        indirect: false,
        last: true,
      },
    ],
  ];
  const bootstrap: Bootstrap = { lsn: 100, tables: ['numbers'], rows: 2, progress: undefined, next: () => pages.shift(), close() {} };
  const gap: Change = { ...position, index: 0, op: 'gap', reason: 'restart', table: null, before: null, after: null };
  const fixture = new Fixture({ events: [gap], bootstrap });
  fixture.commit(insert(3));
  const transactions = await take(fixture.subscription.transactions(), 4);
  expect(transactions.map((transaction) => Array.from(transaction as Iterable<Change>, ({ op }) => op))).toEqual([
    ['gap'],
    ['bootstrap', 'snapshot'],
    ['snapshot'],
    ['insert'],
  ]);
});
