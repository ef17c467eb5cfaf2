import { afterEach, describe, expect, test, vi } from 'vitest';
import { ReaderState } from '../../lib/binding/native.js';
import type { Bootstrap } from '../../lib/delivery/bootstrap.js';
import { type ConsumeParts, consume } from '../../lib/delivery/consume.js';
import type { SubscriptionParts } from '../../lib/delivery/subscription.js';
import { RowtapError } from '../../lib/errors/rowtap-error.js';
import type { Change } from '../../lib/model/change.js';
import type { ConsumeHandler } from '../../lib/model/source.js';
import { turns } from '../support/captured.js';
import { printedSeed, seededRandom } from '../support/seeded-random.js';
import { Fixture, insert, NotedProgress, row } from './hand-fed-reader.js';

const forEver = { attempts: Number.POSITIVE_INFINITY, minDelayMs: 100, maxDelayMs: 1000 };
const idsOf = (changes: readonly Change[]): unknown[] => changes.map((change) => ('key' in change ? change.key?.['id'] : change.op));
const fill = (fixture: Fixture, from: number, to: number): void => {
  for (let id = from; id <= to; ++id) fixture.commit(insert(id));
};

/** One that is consumed, with what it writes down of acknowledgements. */
function consumed(handler: ConsumeHandler, options: Partial<ConsumeParts> = {}, subscription: Partial<SubscriptionParts> = {}) {
  const progress = new NotedProgress();
  const fixture = new Fixture({ progress, ack: 'manual', ...subscription });
  const begin = (): Promise<void> =>
    consume(fixture.subscription, handler, { maxBatchSize: 50, retry: forEver, signal: undefined, ...options });
  return { fixture, progress, begin };
}

/** A handler that is answered by the test. */
class Answered {
  readonly calls: {
    ids: unknown[];
    changes: Change[];
    attempt: number;
    signal: AbortSignal;
    succeed(): void;
    fail(error: unknown): void;
  }[] = [];
  readonly handler: ConsumeHandler = (changes, { attempt, signal }) =>
    new Promise((succeed, fail) => this.calls.push({ ids: idsOf(changes), changes, attempt, signal, succeed, fail }));
  /** The newest call. */
  get call() {
    return this.calls.at(-1) as (typeof this.calls)[number];
  }
}

/** A snapshot of one page, or one that fails at its second. */
function onePage(page: Change[], failure?: Error): Bootstrap {
  let pulled = 0;
  return {
    lsn: 100,
    tables: ['numbers'],
    rows: 0,
    progress: undefined,
    next: () => {
      if (++pulled === 1) return page;
      if (failure !== undefined) throw failure;
      return undefined;
    },
    close: () => {},
  };
}

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe('a batch', () => {
  test('is what there is, up to its size, and a single change does not wait for more', async () => {
    const batches: unknown[][] = [];
    const { fixture, begin } = consumed((changes) => void batches.push(idsOf(changes)), { maxBatchSize: 3 });
    fill(fixture, 1, 7);
    const done = begin();
    await turns();
    expect(batches).toEqual([[1, 2, 3], [4, 5, 6], [7]]);
    fill(fixture, 8, 8);
    await turns();
    expect(batches.at(-1)).toEqual([8]);
    await fixture.subscription.close();
    await done;
  });

  test('is not cut where the read buffer ends', async () => {
    const sizes: number[] = [];
    const { fixture, begin } = consumed((changes) => void sizes.push(changes.length), { maxBatchSize: 1000 });
    const text = 'x'.repeat(1000);
    for (let id = 1; id <= 1500; ++id) fixture.commit(insert(id, text));
    const done = begin();
    await turns();
    expect(sizes).toEqual([1000, 500]);
    await fixture.subscription.close();
    await done;
  });

  test('may cut a transaction, which is acknowledged in part', async () => {
    const { fixture, progress, begin } = consumed(() => {}, { maxBatchSize: 2 });
    fixture.commit(insert(1), insert(2), insert(3));
    const done = begin();
    await turns();
    expect(progress.notes).toEqual(['acknowledge 100, 101 up to index 1', 'acknowledge 101']);
    await fixture.subscription.close();
    await done;
  });

  test('is handed over when the one before has been handled, with what came meanwhile, found without another wake', async () => {
    const answered = new Answered();
    const { fixture, begin } = consumed(answered.handler);
    fill(fixture, 1, 1);
    const done = begin();
    await turns();
    fill(fixture, 2, 3);
    await turns();
    fill(fixture, 4, 4);
    expect(answered.calls).toHaveLength(1);
    answered.call.succeed();
    await turns();
    expect(answered.calls.map(({ ids }) => ids)).toEqual([[1], [2, 3, 4]]);
    answered.call.succeed();
    await fixture.subscription.close();
    await done;
  });

  test('has the rows and events of a snapshot like changes, and acknowledges them', async () => {
    const event: Change = { source: 'test', lsn: 100, index: 0, time: 5, op: 'bootstrap', table: 'numbers', before: null, after: null };
    const batches: unknown[][] = [];
    const bootstrap = onePage([event, row(1), row(2, true)]);
    const { fixture, progress, begin } = consumed((changes) => void batches.push(idsOf(changes)), { maxBatchSize: 3 }, { bootstrap });
    fill(fixture, 9, 9);
    const done = begin();
    await turns();
    expect(batches).toEqual([['bootstrap', 1, 2], [9]]);
    expect(progress.notes).toEqual(['snapshot 100', 'acknowledge 101']);
    await fixture.subscription.close();
    await done;
  });

  test('of an empty table alone is a snapshot, which is acknowledged before anything else is there', async () => {
    const event: Change = { source: 'test', lsn: 100, index: 0, time: 5, op: 'bootstrap', table: 'numbers', before: null, after: null };
    const { fixture, progress, begin } = consumed(() => {}, { maxBatchSize: 1 }, { bootstrap: onePage([event]) });
    const done = begin();
    await turns();
    expect(progress.notes).toEqual(['snapshot 100']);
    await fixture.subscription.close();
    await done;
  });
});

describe('a handler that throws', () => {
  test('gets the same array again, and nothing is acknowledged or read before it returns', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    vi.spyOn(Math, 'random').mockReturnValue(0);
    const answered = new Answered();
    const { fixture, progress, begin } = consumed(answered.handler, { maxBatchSize: 2 });
    fill(fixture, 1, 3);
    const done = begin();
    for (const delayMs of [100, 200, 400, 500, 500]) {
      await turns();
      const before = answered.calls.length;
      answered.call.fail(new Error('not yet'));
      await turns();
      vi.advanceTimersByTime(delayMs - 1);
      await turns();
      expect(answered.calls).toHaveLength(before);
      vi.advanceTimersByTime(1);
      await turns();
      expect(answered.calls).toHaveLength(before + 1);
    }
    expect(new Set(answered.calls.map(({ changes }) => changes)).size).toBe(1);
    expect(answered.calls.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(progress.notes).toEqual([]);
    answered.call.succeed();
    await turns();
    expect(progress.notes).toEqual(['acknowledge 102']);
    expect(answered.call).toMatchObject({ ids: [3], attempt: 1 });
    answered.call.succeed();
    await fixture.subscription.close();
    await done;
    expect(vi.getTimerCount()).toBe(0);
  });

  test('may throw at once, and may empty the array', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    let calls = 0;
    const { fixture, progress, begin } = consumed((changes) => {
      changes.length = 0;
      if (++calls === 1) throw new Error('at once');
    });
    fill(fixture, 1, 2);
    const done = begin();
    await turns();
    vi.runAllTimers();
    await turns();
    expect(progress.notes).toEqual(['acknowledge 102']);
    await fixture.subscription.close();
    await done;
  });

  test.each([1, 3])(
    'after %i attempts its error is what `consume` rejects with, as it is; nothing behind is acknowledged',
    async (attempts) => {
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
      const error = { reason: 'not even an Error' };
      let calls = 0;
      const { fixture, progress, begin } = consumed(
        (changes) => {
          if (changes.some((change) => idsOf([change])[0] === 2)) {
            ++calls;
            throw error;
          }
        },
        { maxBatchSize: 1, retry: { ...forEver, attempts } },
      );
      fill(fixture, 1, 3);
      const caught = begin().catch((thrown: unknown) => thrown);
      for (let attempt = 0; attempt < attempts; ++attempt) {
        await turns();
        vi.runAllTimers();
      }
      expect(await caught).toBe(error);
      expect(calls).toBe(attempts);
      expect(progress.notes).toEqual(['acknowledge 101', 'close']);
      expect(fixture.subscription.isClosed).toBe(true);
    },
  );
});

describe('the end', () => {
  test('comes with the end of the subscription, when all has been handled and acknowledged', async () => {
    const answered = new Answered();
    const { fixture, progress, begin } = consumed(answered.handler, { maxBatchSize: 2 });
    fill(fixture, 1, 3);
    fixture.stop(ReaderState.ended);
    const done = begin();
    await turns();
    expect(answered.call.signal.aborted).toBe(false);
    answered.call.succeed();
    await turns();
    expect(answered.call).toMatchObject({ ids: [3], signal: { aborted: false } });
    answered.call.succeed();
    await done;
    expect(progress.notes).toEqual(['acknowledge 102', 'acknowledge 103', 'close']);
  });

  test.each([
    ['ROWTAP_LAGGARD', ReaderState.laggard],
    ['ROWTAP_CAPTURE_LOST', ReaderState.lost],
  ])('%s rejects, behind what was queued', async (code, state) => {
    const batches: unknown[][] = [];
    const { fixture, progress, begin } = consumed((changes) => void batches.push(idsOf(changes)));
    fill(fixture, 1, 2);
    fixture.stop(state);
    await expect(begin()).rejects.toMatchObject({ code, lsn: 102 });
    expect(batches).toEqual([[1, 2]]);
    expect(progress.notes).toEqual(['acknowledge 102', 'close']);
  });

  test('a source that can not go on rejects with its reason, behind what was queued', async () => {
    const failure = new RowtapError('ROWTAP_FILE_GONE', { path: 'shop.db' });
    const batches: unknown[][] = [];
    const { fixture, begin } = consumed((changes) => void batches.push(idsOf(changes)), {}, { failure: () => failure });
    fill(fixture, 1, 2);
    fixture.stop(ReaderState.ended);
    await expect(begin()).rejects.toBe(failure);
    expect(batches).toEqual([[1, 2]]);
  });

  test('a snapshot that fails rejects, behind the page before', async () => {
    const failure = new Error('disk I/O error');
    const batches: unknown[][] = [];
    const bootstrap = onePage([row(1)], failure);
    const { progress, begin } = consumed((changes) => void batches.push(idsOf(changes)), {}, { bootstrap });
    await expect(begin()).rejects.toBe(failure);
    expect(batches).toEqual([[1]]);
    expect(progress.notes).toEqual(['close']);
  });

  test('an abort while nothing is there ends it at once; the signal is left as it was', async () => {
    const abort = new AbortController();
    const remove = vi.spyOn(abort.signal, 'removeEventListener');
    const { fixture, begin } = consumed(() => {}, { signal: abort.signal });
    const done = begin();
    await turns();
    abort.abort();
    await done;
    expect(fixture.subscription.isClosed).toBe(true);
    expect(remove).toHaveBeenCalledOnce();
  });

  test('an abort before it has begun calls no handler', async () => {
    const handler = vi.fn();
    const { fixture, begin } = consumed(handler, { signal: AbortSignal.abort() });
    fill(fixture, 1, 1);
    await begin();
    expect(handler).not.toHaveBeenCalled();
    expect(fixture.subscription.isClosed).toBe(true);
  });

  test('an abort tells the handler that runs, which is waited for, and acknowledged', async () => {
    const answered = new Answered();
    const abort = new AbortController();
    const { fixture, progress, begin } = consumed(answered.handler, { maxBatchSize: 1, signal: abort.signal });
    fill(fixture, 1, 2);
    const isOver = vi.fn();
    const done = begin().then(isOver);
    await turns();
    abort.abort('shutting down');
    expect(answered.call.signal).toMatchObject({ aborted: true, reason: 'shutting down' });
    await turns();
    expect(isOver).not.toHaveBeenCalled();
    answered.call.succeed();
    await done;
    expect(answered.calls).toHaveLength(1);
    expect(progress.notes).toEqual(['acknowledge 101', 'close']);
  });

  test('what a handler throws after an abort is no failure, and acknowledges nothing', async () => {
    const answered = new Answered();
    const abort = new AbortController();
    const { fixture, progress, begin } = consumed(answered.handler, { signal: abort.signal, retry: { ...forEver, attempts: 1 } });
    fill(fixture, 1, 1);
    const done = begin();
    await turns();
    abort.abort();
    answered.call.fail(abort.signal.reason);
    await done;
    expect(progress.notes).toEqual(['close']);
  });

  test.each(['abort', 'close'] as const)('%s ends the wait for another attempt at once', async (how) => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const abort = new AbortController();
    const failing = vi.fn(() => {
      throw new Error('for ever');
    });
    const { fixture, progress, begin } = consumed(failing, { signal: abort.signal });
    fill(fixture, 1, 1);
    const done = begin();
    await turns();
    expect(vi.getTimerCount()).toBe(1);
    if (how === 'abort') abort.abort();
    else await fixture.subscription.close();
    await done;
    expect(vi.getTimerCount()).toBe(0);
    expect(failing).toHaveBeenCalledOnce();
    expect(progress.notes).toEqual(['close']);
  });

  test('a close from outside tells the handler, and waits for it', async () => {
    const answered = new Answered();
    const { fixture, progress, begin } = consumed(answered.handler);
    fill(fixture, 1, 1);
    const isOver = vi.fn();
    const done = begin().then(isOver);
    await turns();
    await fixture.subscription.close();
    expect(answered.call.signal.aborted).toBe(true);
    await turns();
    expect(isOver).not.toHaveBeenCalled();
    answered.call.succeed();
    await done;
    expect(progress.notes).toEqual(['close']);
  });
});

test('a consumer that somebody else takes over ends it with that, when the handler has returned', async () => {
  const answered = new Answered();
  const { fixture, progress, begin } = consumed(answered.handler);
  fill(fixture, 1, 2);
  const done = begin();
  await turns();
  const lost = new RowtapError('ROWTAP_DUPLICATE_CONSUMER', { consumer: 'c', holder: 'somebody' });
  progress.lose(lost);
  fill(fixture, 3, 4);
  answered.call.succeed();
  await expect(done).rejects.toBe(lost);
  expect(answered.calls).toHaveLength(1);
});

test('with a handler that fails at random every change comes, in order, and no batch is acknowledged before it was handled', async () => {
  const random = seededRandom(printedSeed());
  const rounds = process.env.ROWTAP_SOAK === undefined ? 50 : 1000;
  for (let round = 0; round < rounds; ++round) await randomRun(random);
});

async function randomRun(random: (below: number) => number): Promise<void> {
  const maxBatchSize = 1 + random(8);
  const handled: number[] = [];
  const acknowledged: number[] = [];
  /** What a handler throws is tried again, so what it finds wrong is written down. */
  const wrong: unknown[] = [];
  /** The last change of each transaction, by its LSN. */
  const endOf = new Map<number, number>();
  let isRunning = false;
  let failed: unknown[] | undefined;
  const progress = new NotedProgress();
  progress.acknowledge = (lsn) => {
    acknowledged.push(lsn);
    if (lsn > 100 && handled.length < (endOf.get(lsn) as number)) wrong.push({ lsn, handled: handled.length });
  };
  const { fixture, begin } = consumed(
    async (changes, { attempt }) => {
      const ids = idsOf(changes) as number[];
      const isAgain = failed?.join() === ids.join();
      if (isRunning || ids.length > maxBatchSize || attempt > 1 !== (failed !== undefined) || (attempt > 1 && !isAgain)) {
        wrong.push({ isRunning, attempt, ids, failed });
      }
      failed = undefined;
      isRunning = true;
      for (let hops = random(3); hops > 0; --hops) await new Promise((resolve) => setImmediate(resolve));
      isRunning = false;
      if (random(3) === 0) {
        failed = ids;
        throw new Error('by chance');
      }
      handled.push(...ids);
    },
    { maxBatchSize, retry: { ...forEver, minDelayMs: 1, maxDelayMs: 1 } },
    { progress },
  );
  const done = begin();
  let id = 0;
  for (let transaction = 0; transaction < 10; ++transaction) {
    const frames = Array.from({ length: 1 + random(10) }, () => insert(++id));
    endOf.set(fixture.lsn + 1, id);
    fixture.commit(...frames);
    for (let hops = random(3); hops > 0; --hops) await new Promise((resolve) => setImmediate(resolve));
  }
  fixture.stop(ReaderState.ended);
  await done;
  expect(wrong).toEqual([]);
  expect(handled).toEqual(Array.from({ length: id }, (_, at) => at + 1));
  expect(acknowledged.at(-1)).toBe(fixture.lsn);
  expect(acknowledged).toEqual([...acknowledged].sort((a, b) => a - b));
}
