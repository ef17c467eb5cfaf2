import { describe, expect, test } from 'vitest';
import type { ApplicationTransaction } from '../../lib/delivery/application-transaction.js';
import type { Bootstrap } from '../../lib/delivery/bootstrap.js';
import { RowtapError } from '../../lib/errors/rowtap-error.js';
import type { Change } from '../../lib/model/change.js';
import type { SnapshotProgress } from '../../lib/model/options.js';
import { alter, Fixture, insert, NotedProgress, row, take } from './hand-fed-reader.js';

const begin = (table: string, index: number): Change => ({
  source: 'test',
  lsn: 100,
  index,
  time: 5,
  op: 'bootstrap',
  table,
  before: null,
  after: null,
});

/** A snapshot of the given pages. */
class Pages implements Bootstrap {
  readonly lsn = 100;
  readonly tables = ['numbers'];
  rows = 0;
  pulled = 0;
  closed = 0;
  progress: SnapshotProgress | undefined;
  readonly #pages: Change[][];
  constructor(pages: Change[][]) {
    this.#pages = pages;
  }
  next(): Change[] | undefined {
    const page = this.#pages[this.pulled];
    ++this.pulled;
    this.rows += page?.filter(({ op }) => op === 'snapshot').length ?? 0;
    return page;
  }
  close(): void {
    ++this.closed;
  }
}

describe('a snapshot', () => {
  test('comes before the changes, and is over when its last row was taken', async () => {
    const bootstrap = new Pages([
      [begin('numbers', 0), row(1)],
      [row(2), row(3, true)],
    ]);
    const fixture = new Fixture({ bootstrap });
    fixture.commit(insert(9));
    expect(await fixture.subscription.ready).toEqual({ lsn: 100, snapshot: true });
    const iterator = fixture.subscription[Symbol.asyncIterator]();
    for (let i = 0; i < 3; ++i) await iterator.next();
    expect(bootstrap.closed).toBe(0);
    await iterator.next();
    expect(bootstrap.closed).toBe(1);
    expect(await fixture.subscription.bootstrapped).toEqual({ lsn: 100, rows: 3, tables: ['numbers'] });
    expect((await iterator.next()).value).toMatchObject({ op: 'insert', lsn: 101 });
  });

  test('is over after its last row though events of empty tables stand behind it', async () => {
    const fixture = new Fixture({ bootstrap: new Pages([[begin('a', 0), row(1, true), begin('z', 2)]]) });
    await take(fixture.subscription, 3);
    expect(await fixture.subscription.bootstrapped).toMatchObject({ rows: 1 });
  });

  test('without a row is over when the reader asks for more', async () => {
    const fixture = new Fixture({ bootstrap: new Pages([[begin('a', 0)]]) });
    fixture.commit(insert(1));
    expect((await take(fixture.subscription, 2)).map(({ op }) => op)).toEqual(['bootstrap', 'insert']);
    expect(await fixture.subscription.bootstrapped).toMatchObject({ rows: 0 });
  });

  test('is read only as fast as its reader asks', async () => {
    const bootstrap = new Pages(Array.from({ length: 100 }, (_, i) => [row(i, i === 99)]));
    const fixture = new Fixture({ bootstrap });
    await take(fixture.subscription, 10);
    await new Promise((resolve) => setTimeout(resolve));
    expect(bootstrap.pulled).toBe(10);
  });

  test('lets other callbacks run between its pages', async () => {
    const fixture = new Fixture({ bootstrap: new Pages(Array.from({ length: 100 }, (_, i) => [row(i, i === 99)])) });
    let turns = 0;
    const count = (): void => {
      if (++turns < 1000) setImmediate(count);
    };
    setImmediate(count);
    await take(fixture.subscription, 100);
    expect(turns).toBeGreaterThan(3);
    turns = 1000;
  });

  test('"only" ends after it', async () => {
    const fixture = new Fixture({ bootstrap: new Pages([[row(1), row(2, true)]]), stream: undefined });
    const changes: Change[] = [];
    for await (const change of fixture.subscription) changes.push(change);
    expect(changes).toHaveLength(2);
    expect(fixture.closed).toBe(1);
  });

  test('that fails ends the iteration with its error', async () => {
    const failure = new Error('disk I/O error');
    const bootstrap = new Pages([[row(1)]]);
    const fixture = new Fixture({ bootstrap });
    const iterator = fixture.subscription[Symbol.asyncIterator]();
    await iterator.next();
    bootstrap.next = () => {
      throw failure;
    };
    await expect(iterator.next()).rejects.toBe(failure);
    expect((await iterator.next()).done).toBe(true);
    expect(bootstrap.closed).toBe(1);
    await expect(fixture.subscription.bootstrapped).rejects.toMatchObject({ code: 'ROWTAP_CLOSED' });
  });

  test('is cancelled at once by close', async () => {
    const bootstrap = new Pages([[row(1), row(2)], [row(3, true)]]);
    const fixture = new Fixture({ bootstrap });
    await take(fixture.subscription, 1);
    await fixture.subscription.close();
    expect(bootstrap.closed).toBe(1);
    await expect(fixture.subscription.bootstrapped).rejects.toMatchObject({ code: 'ROWTAP_CLOSED' });
  });

  test('there being none, `bootstrapped` resolves at once', async () => {
    const { subscription } = new Fixture();
    expect(await subscription.ready).toEqual({ lsn: 100, snapshot: false });
    expect(await subscription.bootstrapped).toEqual({ lsn: 100, rows: 0, tables: [] });
  });
});

describe('ack: "auto"', () => {
  test('asking for the next change acknowledges all before the last one handed over', async () => {
    const progress = new NotedProgress();
    const fixture = new Fixture({ progress });
    for (let i = 0; i < 3; ++i) fixture.commit(insert(1), insert(2));
    const iterator = fixture.subscription[Symbol.asyncIterator]();
    const told: string[][] = [];
    for (let i = 0; i < 6; ++i) {
      await iterator.next();
      told.push(progress.notes.splice(0));
    }
    void iterator.next();
    told.push(progress.notes.splice(0));
    expect(told).toEqual([[], ['acknowledge 100'], [], ['acknowledge 101'], [], ['acknowledge 102'], []]);
    await fixture.subscription.close();
    expect(progress.notes).toEqual(['close']);
  });

  test('the snapshot is done with when more is asked for after its last row, not before', async () => {
    const progress = new NotedProgress();
    const fixture = new Fixture({ progress, bootstrap: new Pages([[row(1)], [row(2), row(3, true)]]) });
    fixture.commit(insert(4));
    const iterator = fixture.subscription[Symbol.asyncIterator]();
    for (let i = 0; i < 3; ++i) await iterator.next();
    expect(progress.notes).toEqual([]);
    await iterator.next();
    expect(progress.notes).toEqual(['snapshot 100']);
    void iterator.next();
    expect(progress.notes).toEqual(['snapshot 100', 'acknowledge 100']);
  });

  test('by transactions it is the same', async () => {
    const progress = new NotedProgress();
    const fixture = new Fixture({ progress });
    for (let i = 0; i < 3; ++i) fixture.commit(insert(1), insert(2));
    await take(fixture.subscription.transactions(), 3);
    expect(progress.notes).toEqual(['acknowledge 100', 'acknowledge 101']);
  });
});

describe('ack: "manual"', () => {
  test('only what is given is acknowledged: a change inside a transaction acknowledges those before and itself', async () => {
    const progress = new NotedProgress();
    const fixture = new Fixture({ progress, ack: 'manual' });
    fixture.commit(insert(1), insert(2));
    fixture.commit(insert(3), alter());
    const [a, b, c, d] = (await take(fixture.subscription, 4)) as [Change, Change, Change, Change];
    expect(progress.notes).toEqual([]);
    for (const position of [a, b, 101, c, d, 102]) fixture.subscription.ack(position);
    expect(progress.notes).toEqual(['100, 101 up to index 0', 101, 101, 102, 102, 102].map((lsn) => `acknowledge ${lsn}`));
    await fixture.subscription.flush();
    expect(progress.notes.at(-1)).toBe('flush');
  });

  test('a snapshot is done with when its last row, or its LSN, is given after that was handed over', async () => {
    const progress = new NotedProgress();
    const fixture = new Fixture({ progress, ack: 'manual', bootstrap: new Pages([[row(1)], [row(2, true)]]) });
    fixture.commit(insert(4));
    const iterator = fixture.subscription[Symbol.asyncIterator]();
    const first = (await iterator.next()).value as Change;
    fixture.subscription.ack(first);
    fixture.subscription.ack(100);
    const second = (await iterator.next()).value as Change;
    fixture.subscription.ack(first);
    expect(progress.notes).toEqual([]);
    fixture.subscription.ack(second);
    fixture.subscription.ack(100);
    expect(progress.notes).toEqual(['snapshot 100']);
  });

  test.each([
    ['behind the last row', [begin('numbers', 0), row(1, true), begin('z', 2)]],
    ['of a snapshot without a row', [begin('a', 0), begin('z', 1)]],
  ])('a snapshot is done with when its last event is given, %s', async (_, page) => {
    const progress = new NotedProgress();
    const fixture = new Fixture({ progress, ack: 'manual', bootstrap: new Pages([page]) });
    const changes = await take(fixture.subscription, page.length);
    void fixture.subscription[Symbol.asyncIterator]().next();
    fixture.subscription.ack(changes[0] as Change);
    expect(progress.notes).toEqual([]);
    fixture.subscription.ack(changes.at(-1) as Change);
    expect(progress.notes).toEqual(['snapshot 100']);
  });

  test('its last event may be given before the reader asks for more, which tells that it was the last', async () => {
    const progress = new NotedProgress();
    const fixture = new Fixture({ progress, ack: 'manual', bootstrap: new Pages([[begin('a', 0)], [begin('z', 1)]]) });
    const iterator = fixture.subscription[Symbol.asyncIterator]();
    const first = (await iterator.next()).value as Change;
    const second = (await iterator.next()).value as Change;
    for (const position of [first, second, first]) fixture.subscription.ack(position);
    expect(progress.notes).toEqual([]);
    void iterator.next();
    expect(progress.notes).toEqual(['snapshot 100']);
  });

  test('a change behind the snapshot acknowledges the snapshot too', async () => {
    const progress = new NotedProgress();
    const fixture = new Fixture({ progress, ack: 'manual', bootstrap: new Pages([[row(1, true)]]) });
    fixture.commit(insert(4));
    const changes = await take(fixture.subscription, 2);
    fixture.subscription.ack(changes[1] as Change);
    expect(progress.notes).toEqual(['snapshot 100', 'acknowledge 101']);
  });

  test('what is no position, or was not handed over, is refused', async () => {
    const fixture = new Fixture({ ack: 'manual' });
    fixture.commit(insert(1));
    await take(fixture.subscription, 1);
    for (const wrong of [102, -1, 1.5, Number.NaN, '101', null, undefined, {}, { lsn: '101' }]) {
      expect(() => fixture.subscription.ack(wrong as never)).toThrow(expect.objectContaining({ code: 'ROWTAP_BAD_OPTION' }));
    }
    expect(() => fixture.subscription.ack(1)).not.toThrow();
  });
});

describe('an acknowledgement inside a transaction of the application', () => {
  const transaction: ApplicationTransaction = { prepare: () => expect.unreachable() };

  test('is told with it, and leaves what is remembered alone', async () => {
    const progress = new NotedProgress();
    const parts = { consumer: 'c', progress, ack: 'manual', bootstrap: new Pages([[row(1), row(2, true)]]) } as const;
    let open: ApplicationTransaction | undefined = transaction;
    const fixture = new Fixture({ ...parts, openTransaction: () => open });
    fixture.commit(insert(1), insert(2));
    const changes = await take(fixture.subscription, 4);
    for (const position of [...changes, 101]) fixture.subscription.ack(position);
    expect(progress.notes).toEqual(['100   100', '100 101 0 100', '101   100', '101   100'].map((told) => `in the transaction: ${told}`));
    open = undefined;
    fixture.subscription.ack(101);
    expect(progress.notes.slice(4)).toEqual(['snapshot 100', 'acknowledge 101']);
  });

  test('is none where no consumer is named, or a loop over batches acknowledges', async () => {
    const fixture = new Fixture({ ack: 'manual', openTransaction: () => expect.unreachable() });
    fixture.commit(insert(1));
    await take(fixture.subscription, 1);
    fixture.subscription.ack(101);
    const progress = new NotedProgress();
    const consumed = new Fixture({ consumer: 'c', progress, ack: 'manual', openTransaction: () => expect.unreachable() });
    consumed.commit(insert(1));
    await take(consumed.subscription, 1);
    consumed.subscription.ackOutside(101);
    expect(progress.notes).toEqual(['acknowledge 101']);
  });
});

describe('a consumer that somebody else has taken over', () => {
  const lost = new RowtapError('ROWTAP_DUPLICATE_CONSUMER', { consumer: 'c', holder: 'somebody' });

  test('tells who waits, and then ends', async () => {
    const progress = new NotedProgress();
    const fixture = new Fixture({ progress });
    const iterator = fixture.subscription[Symbol.asyncIterator]();
    const waiting = [iterator.next(), iterator.next()];
    progress.lose(lost);
    await expect(waiting[0]).rejects.toBe(lost);
    expect(await waiting[1]).toEqual({ value: undefined, done: true });
    expect(await iterator.next()).toEqual({ value: undefined, done: true });
    expect(fixture.closed).toBe(1);
  });

  test('hands over nothing more, and tells who asks', async () => {
    const progress = new NotedProgress();
    const fixture = new Fixture({ progress });
    for (let i = 0; i < 3; ++i) fixture.commit(insert(i));
    const iterator = fixture.subscription[Symbol.asyncIterator]();
    await iterator.next();
    progress.lose(lost);
    await expect(iterator.next()).rejects.toBe(lost);
    expect(await iterator.next()).toEqual({ value: undefined, done: true });
  });
});
