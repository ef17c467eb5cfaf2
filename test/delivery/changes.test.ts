import { describe, expect, test } from 'vitest';
import { ReaderState } from '../../lib/binding/native.js';
import { RowtapError } from '../../lib/errors/rowtap-error.js';
import { frameLayout } from '../../lib/decode/frames.js';
import { maskOf } from '../../lib/decode/selection.js';
import type { Change, RowChange } from '../../lib/model/change.js';
import { encodeSchema } from '../decode/frame-encoder.js';
import { alter, Fixture, insert, others, remove, take, undecodable, update } from './hand-fed-reader.js';

const short = (change: Change): string =>
  `${change.lsn - 100}.${change.index} ${change.op}${'key' in change ? ` ${String(change.key?.['id'])}` : ''}${'last' in change && change.last ? ' last' : ''}`;

test('changes come in the order of their commits, with their position, key and images', async () => {
  const fixture = new Fixture();
  fixture.commit(insert(1), update(1, 'text 1', 'new'));
  fixture.commit(remove(1));
  const changes = await take(fixture.subscription, 3);
  expect(changes.map(short)).toEqual(['1.0 insert 1', '1.1 update 1 last', '2.0 delete 1 last']);
  expect(changes[1]).toStrictEqual({
    source: 'test',
    lsn: 101,
    index: 1,
    time: 1_700_000_000_101,
    op: 'update',
    table: 'numbers',
    key: { id: 1 },
    before: { id: 1, text: 'text 1' },
    after: { id: 1, text: 'new' },
    indirect: false,
    last: true,
  });
});

test('`last` marks the last change that the filter lets through', async () => {
  const fixture = new Fixture({}, { acceptsTable: (name) => name === 'numbers', isEverything: false });
  fixture.commit(insert(1), insert(2), insert(3, '', others), alter(others));
  fixture.commit(insert(4, '', others));
  fixture.commit(insert(5));
  expect((await take(fixture.subscription, 3)).map(short)).toEqual(['1.0 insert 1', '1.1 insert 2 last', '3.0 insert 5 last']);
});

test('`last` is right where a transaction is cut by the read buffer at any place', async () => {
  for (let size = 1000; size < 1200; size += 8) {
    const fixture = new Fixture();
    const frames = Array.from({ length: 150 }, (_, i) => insert(i, 'x'.repeat(size - 60)));
    fixture.commit(...frames);
    fixture.commit(insert(1));
    const changes = (await take(fixture.subscription, 151)) as RowChange[];
    expect(changes.filter(({ last }) => last).map(short)).toEqual(['1.149 insert 149 last', '2.0 insert 1 last']);
    expect(changes.map(({ index }) => index)).toEqual([...frames.keys(), 0]);
  }
});

test('an event behind the last row change leaves that the last', async () => {
  const fixture = new Fixture();
  fixture.commit(insert(1), alter(), insert(2), alter());
  fixture.commit(alter());
  const changes = await take(fixture.subscription, 5);
  expect(changes.map(short)).toEqual(['1.0 insert 1', '1.1 schema', '1.2 insert 2 last', '1.3 schema', '2.0 schema']);
});

test('ops leave out row changes, never events', async () => {
  const fixture = new Fixture({}, { opMask: maskOf(['delete']), isEverything: false });
  fixture.commit(insert(1), alter(), remove(1), update(2, 'a', 'b'));
  expect((await take(fixture.subscription, 2)).map(short)).toEqual(['1.1 schema', '1.2 delete 1 last']);
});

test('updates that changed nothing can be left out', async () => {
  const fixture = new Fixture({}, { isSkippingUnchanged: true, isEverything: false });
  fixture.commit(update(1, 'same', 'same'), update(2, 'same', 'game'), update(3, '', ''));
  expect((await take(fixture.subscription, 1)).map(short)).toEqual(['1.1 update 2 last']);
});

test('a schema event shows the columns as they are in its place of the stream', async () => {
  const fixture = new Fixture();
  fixture.commit(alter(), encodeSchema(0, 'drop', 'numbers', null));
  const [altered, dropped] = await take(fixture.subscription, 2);
  expect(altered).toMatchObject({ op: 'schema', change: 'alter', table: 'numbers', sql: 'CREATE TABLE …' });
  expect(altered).toHaveProperty('columns', [
    { name: 'id', type: '', notNull: false, key: 1, generated: 'no' },
    { name: 'text', type: '', notNull: false, key: 0, generated: 'no' },
  ]);
  expect(dropped).toMatchObject({ op: 'schema', change: 'drop', columns: [], sql: null });
});

test('a change that cannot be decoded becomes a gap, and everything else is delivered', async () => {
  const fixture = new Fixture();
  fixture.commit(insert(1), undecodable(), insert(2, '', others), undecodable(99));
  fixture.commit(insert(3));
  const changes = await take(fixture.subscription, 5);
  expect(changes.map(short)).toEqual(['1.0 insert 1', '1.1 gap', '1.2 insert 2 last', '1.3 gap', '2.0 insert 3 last']);
  expect(fixture.corrupt.map(({ code }) => code)).toEqual(['ROWTAP_CORRUPT_ROW', 'ROWTAP_CORRUPT_ROW']);
  expect(fixture.corrupt[0]?.message).toContain('table numbers');
});

test('a row larger than the read buffer comes whole', async () => {
  const fixture = new Fixture();
  const text = 'ä'.repeat(3_000_000);
  fixture.commit(insert(1), insert(2, text), insert(3));
  fixture.commit(insert(4, 'y'.repeat(70_000)));
  const changes = (await take(fixture.subscription, 4)) as RowChange[];
  expect(changes.map(({ after }) => String(after?.['text']).length)).toEqual([6, 3_000_000, 6, 70_000]);
});

describe('waiting', () => {
  test('a reader that is ahead is answered when something is committed', async () => {
    const fixture = new Fixture();
    const next = fixture.subscription[Symbol.asyncIterator]().next();
    fixture.commit(insert(1));
    expect((await next).value).toMatchObject({ op: 'insert', lsn: 101 });
  });

  test('several requests are answered in their order, from one commit or many', async () => {
    const fixture = new Fixture();
    const iterator = fixture.subscription[Symbol.asyncIterator]();
    const second = fixture.subscription[Symbol.asyncIterator]();
    const answers = [iterator.next(), second.next(), iterator.next(), iterator.next()];
    fixture.commit(insert(1), insert(2));
    await answers[1];
    fixture.commit(insert(3));
    fixture.commit(insert(4));
    const values = (await Promise.all(answers)).map(({ value }) => short(value as Change));
    expect(values).toEqual(['1.0 insert 1', '1.1 insert 2 last', '2.0 insert 3 last', '3.0 insert 4 last']);
  });

  test('nothing is missed by a reader that writes itself', async () => {
    const fixture = new Fixture();
    const seen: number[] = [];
    const other = (async () => {
      for await (const change of fixture.subscription) {
        seen.push(change.lsn - 100);
        if (seen.length === 50) break;
        if (seen.length % 2 === 1) fixture.commit(insert(seen.length));
        else setTimeout(() => fixture.commit(insert(0)), 0);
      }
    })();
    fixture.commit(insert(1));
    await other;
    expect(seen).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
  });

  test('what is committed between two turns is delivered in the next', async () => {
    const fixture = new Fixture();
    const changes: Change[] = [];
    void (async () => {
      for await (const change of fixture.subscription) changes.push(change);
    })();
    await Promise.resolve();
    for (let i = 0; i < 100; ++i) fixture.commit(insert(i));
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    expect(changes).toHaveLength(100);
    expect(fixture.turnsEnded).toBeLessThanOrEqual(2);
    await fixture.subscription.close();
  });

  test('a long stretch lets other callbacks of the event loop run', async () => {
    const fixture = new Fixture();
    const text = 'x'.repeat(50_000);
    for (let i = 0; i < 400; ++i) fixture.commit(insert(i, text));
    let turns = 0;
    let isReading = true;
    const count = (): void => {
      ++turns;
      if (isReading) setImmediate(count);
    };
    setImmediate(count);
    await take(fixture.subscription, 400);
    isReading = false;
    expect(turns).toBeGreaterThanOrEqual(2);
  });

  test('but not while more than half of the budget waits, or it would fall behind', async () => {
    const fixture = new Fixture({ maxBuffered: 1024 * 1024 });
    for (let i = 0; i < 400; ++i) fixture.commit(insert(i, 'x'.repeat(50_000)));
    let turns = 0;
    setImmediate(() => ++turns);
    await take(fixture.subscription, 380);
    expect(turns).toBe(0);
  });
});

describe('the end', () => {
  test('leaving the loop closes the subscription', async () => {
    const fixture = new Fixture();
    fixture.commit(insert(1), insert(2));
    for await (const change of fixture.subscription) {
      expect(change.index).toBe(0);
      break;
    }
    expect(fixture.reader.isClosed).toBe(true);
    expect(await take(fixture.subscription, 1)).toEqual([]);
    expect(fixture.closed).toBe(1);
  });

  test('close answers whoever waits, drops what is left, and may be repeated', async () => {
    const fixture = new Fixture();
    const iterator = fixture.subscription[Symbol.asyncIterator]();
    const waiting = [iterator.next(), iterator.next()];
    await Promise.all([fixture.subscription.close(), fixture.subscription.close(), fixture.subscription[Symbol.asyncDispose]()]);
    expect(await Promise.all(waiting)).toEqual(waiting.map(() => ({ value: undefined, done: true })));
    fixture.commit(insert(1));
    expect(await iterator.next()).toEqual({ value: undefined, done: true });
    expect(fixture.closed).toBe(1);
    expect(() => fixture.subscription.ack(101)).toThrow(expect.objectContaining({ code: 'ROWTAP_CLOSED' }));
  });

  test('changes that were decoded but not handed over are dropped by close', async () => {
    const fixture = new Fixture();
    fixture.commit(insert(1), insert(2), insert(3));
    const iterator = fixture.subscription[Symbol.asyncIterator]();
    await iterator.next();
    await fixture.subscription.close();
    expect((await iterator.next()).done).toBe(true);
  });

  test('an abort closes, and so does a signal that is aborted already', async () => {
    const controller = new AbortController();
    const fixture = new Fixture({ signal: controller.signal });
    const next = fixture.subscription[Symbol.asyncIterator]().next();
    controller.abort();
    expect((await next).done).toBe(true);
    const late = new Fixture({ signal: AbortSignal.abort() });
    late.commit(insert(1));
    expect(await take(late.subscription, 1)).toEqual([]);
    expect(late.closed).toBe(1);
  });

  test('when the source has ended, what was published still comes, then the end', async () => {
    const fixture = new Fixture();
    const parked = take(fixture.subscription, 10);
    await new Promise((resolve) => setImmediate(resolve));
    fixture.commit(insert(1), insert(2));
    fixture.stop(ReaderState.ended);
    expect((await parked).map(short)).toEqual(['1.0 insert 1', '1.1 insert 2 last']);
    expect(fixture.closed).toBe(1);
  });

  test('or, where the source could not go on, what has ended it', async () => {
    const failure = new RowtapError('ROWTAP_FILE_GONE', { path: 'some.db' });
    const fixture = new Fixture({ failure: () => failure });
    fixture.commit(insert(1));
    fixture.stop(ReaderState.ended);
    const iterator = fixture.subscription[Symbol.asyncIterator]();
    expect((await iterator.next()).value).toMatchObject({ op: 'insert' });
    await expect(iterator.next()).rejects.toBe(failure);
    expect(await iterator.next()).toEqual({ value: undefined, done: true });
  });

  test('a laggard gets what was queued, then the error, then the end', async () => {
    const fixture = new Fixture({ maxBuffered: 12345 });
    fixture.commit(insert(1));
    fixture.stop(ReaderState.laggard);
    const iterator = fixture.subscription[Symbol.asyncIterator]();
    expect((await iterator.next()).value).toMatchObject({ op: 'insert' });
    await expect(iterator.next()).rejects.toMatchObject({
      code: 'ROWTAP_LAGGARD',
      lsn: 101,
      retryable: true,
      message: expect.stringContaining('12345') as string,
    });
    expect(await iterator.next()).toEqual({ value: undefined, done: true });
    expect(fixture.closed).toBe(1);
  });

  test('only the first of several who wait hears of the error', async () => {
    const fixture = new Fixture();
    const iterator = fixture.subscription[Symbol.asyncIterator]();
    const waiting = [iterator.next(), iterator.next()];
    fixture.stop(ReaderState.lost);
    const [first, second] = await Promise.allSettled(waiting);
    expect(first).toMatchObject({ status: 'rejected', reason: { code: 'ROWTAP_CAPTURE_LOST', retryable: true, lsn: 100 } });
    expect(second).toEqual({ status: 'fulfilled', value: { value: undefined, done: true } });
  });
});

test('info tells how far it is and what waits', async () => {
  const fixture = new Fixture({ consumer: 'me' });
  fixture.commit(insert(1));
  fixture.commit(insert(2));
  expect(fixture.subscription.info()).toMatchObject({ consumer: 'me', lsn: 100, lag: 2, buffered: 2 });
  expect(fixture.subscription.info().bufferedBytes).toBeGreaterThan(frameLayout.headerSize);
  await take(fixture.subscription, 1);
  expect(fixture.subscription.info()).toMatchObject({ lsn: 101, lag: 1 });
  await take(fixture.subscription, 1);
  expect(fixture.subscription.info()).toEqual({ consumer: 'me', lsn: 102, lag: 0, buffered: 0, bufferedBytes: 0 });
});
