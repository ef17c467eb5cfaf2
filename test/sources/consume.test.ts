import { type Change, type ConsumeHandler, type Database, getSource, listSources, openSource } from 'rowtap';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { openUncaptured } from '../../lib/writer/database.js';
import { newDatabase } from '../snapshot/database-file.js';
import { turns } from '../support/captured.js';
import { printedSeed, seededRandom } from '../support/seeded-random.js';

const schema = 'CREATE TABLE t (id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (1, 0), (2, 0)';
const code = (expected: string): unknown => expect.objectContaining({ name: 'RowtapError', code: expected });
const brief = (change: Change): string => `${change.op} ${String(change.after?.['id'] ?? change.before?.['id'] ?? change.table)}`;
const insert = (db: Database, id: number) => db.prepare('INSERT INTO t VALUES (?, 0)').run(id);

/** All that go on from here, and no other callback of the event loop. */
const microtasks = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve));

/** Nothing that a test began outlives it. */
function open(setup = schema) {
  const db = newDatabase(setup);
  const source = openSource(db);
  onTestFinished(() => source.close());
  return { db, source };
}

/** Writes down what comes, and stops by itself behind the change `until`. */
function noted(until: string): { seen: string[]; handler: ConsumeHandler; signal: AbortSignal } {
  const abort = new AbortController();
  const seen: string[] = [];
  const handler = (changes: Change[]): void => {
    seen.push(...changes.map(brief));
    if (seen.includes(until)) abort.abort();
  };
  return { seen, handler, signal: abort.signal };
}

describe('what is wrong is refused before anything changes', () => {
  test.each([
    [{ maxBatchSize: 0 }, '`maxBatchSize` takes a positive integer'],
    [{ maxBatchSize: 1.5 }, '`maxBatchSize` takes a positive integer'],
    [{ maxBatchSize: '5' }, '`maxBatchSize` takes a positive integer'],
    [{ maxBatchSize: Number.POSITIVE_INFINITY }, '`maxBatchSize` takes a positive integer'],
    [{ retry: 3 }, '`retry` takes its options as an object'],
    [{ retry: null }, '`retry` takes its options as an object'],
    [{ retry: { times: 3 } }, '`retry` knows no option "times"; it has attempts, minDelayMs, maxDelayMs'],
    [{ retry: { attempts: 0 } }, '`attempts` takes a positive integer'],
    [{ retry: { attempts: Number.NaN } }, '`attempts` takes a positive integer'],
    [{ retry: { minDelayMs: 0 } }, '`minDelayMs` takes milliseconds, an integer from 1 to 2147483647'],
    [{ retry: { maxDelayMs: 2 ** 31 } }, '`maxDelayMs` takes milliseconds, an integer from 1 to 2147483647'],
    [{ retry: { minDelayMs: 11, maxDelayMs: 10 } }, '`minDelayMs` takes no more than `maxDelayMs`'],
    [{ ack: 'manual' }, '`consume` acknowledges each batch when its handler has returned, so there is no `ack: "manual"`'],
    [{ batchSize: 5 }, '`consume` knows no option "batchSize"'],
    [{ signal: {} }, '`signal` takes an AbortSignal'],
    [{ consumer: '' }, '`consumer` takes a string that is not empty'],
    ['text', '`consume` takes its options as an object'],
    [null, '`consume` takes its options as an object'],
  ])('%j', async (options, message) => {
    const { source } = open();
    const refused = source.consume(() => {}, options as never);
    await expect(refused).rejects.toEqual(code('ROWTAP_BAD_OPTION'));
    await expect(refused).rejects.toThrow(message);
    expect(source.info().subscriptions).toEqual([]);
  });

  test('no handler', async () => {
    const { source } = open();
    for (const handler of [undefined, null, {}, 'log']) {
      await expect(source.consume(handler as never, {})).rejects.toEqual(code('ROWTAP_BAD_OPTION'));
    }
    expect(source.info().subscriptions).toEqual([]);
  });

  test.each([
    { retry: { minDelayMs: 60_000 } },
    { retry: { maxDelayMs: 1 } },
    { retry: { attempts: Number.POSITIVE_INFINITY, minDelayMs: 5, maxDelayMs: 5 } },
    { retry: {}, maxBatchSize: 1, ack: 'auto' },
  ])('%j is fine', async (options) => {
    const { source } = open();
    await source.consume(() => {}, { ...options, signal: AbortSignal.abort() } as never);
  });

  test('it rejects as `subscribe` throws', async () => {
    const { source } = open();
    source.subscribe({ consumer: 'c' });
    await expect(source.consume(() => {}, { consumer: 'c' })).rejects.toEqual(code('ROWTAP_DUPLICATE_CONSUMER'));
    await expect(source.consume(() => {}, { tables: ['nothing'] })).rejects.toEqual(code('ROWTAP_NO_SUCH_TABLE'));
    await source.close();
    await expect(source.consume(() => {}, {})).rejects.toEqual(code('ROWTAP_CLOSED'));
  });
});

test('every commit behind the call comes, in batches of fifty at most', async () => {
  const { db, source } = open();
  const { seen, handler, signal } = noted('insert 160');
  const sizes: number[] = [];
  const done = source.consume(
    (changes, context) => {
      sizes.push(changes.length);
      return handler(changes, context);
    },
    { signal },
  );
  for (let id = 10; id <= 160; ++id) insert(db, id);
  await done;
  expect(seen).toEqual(Array.from({ length: 151 }, (_, at) => `insert ${at + 10}`));
  expect(sizes).toEqual([50, 50, 50, 1]);
  expect(source.info().subscriptions).toEqual([]);
});

test('what is committed while a handler runs is handed over as soon as it returns, in no later turn of the event loop', async () => {
  const { db, source } = open();
  const answers: (() => void)[] = [];
  const seen: string[] = [];
  const done = source.consume(
    (changes) => {
      seen.push(changes.map(brief).join());
      return new Promise((resolve) => answers.push(resolve));
    },
    { snapshot: 'always' },
  );
  await turns();
  expect(seen).toEqual(['bootstrap t,snapshot 1,snapshot 2']);
  for (let id = 10; id < 20; ++id) {
    insert(db, id);
    answers.pop()?.();
    await microtasks();
    expect(seen.at(-1)).toBe(`insert ${id}`);
  }
  answers.pop()?.();
  await source.close();
  await done;
});

test('snapshot "only" resolves behind the last row', async () => {
  const { source } = open();
  const seen: string[] = [];
  await source.consume((changes) => void seen.push(...changes.map(brief)), { snapshot: 'only', maxBatchSize: 2, ops: ['delete'] });
  expect(seen).toEqual(['bootstrap t', 'snapshot 1', 'snapshot 2']);
});

test('the end of the database is the end, behind what was committed', async () => {
  const { db, source } = open();
  const seen: string[] = [];
  const done = source.consume((changes) => void seen.push(...changes.map(brief)), { maxBatchSize: 1 });
  insert(db, 3);
  insert(db, 4);
  db.close();
  await done;
  expect(seen).toEqual(['insert 3', 'insert 4']);
});

test('the close of the source tells the handler, does not wait for it, and resolves when it has returned', async () => {
  const { db, source } = open();
  let succeed = (): void => {};
  let told: AbortSignal | undefined;
  const isOver = vi.fn();
  const done = source
    .consume(
      (_, { signal }) => {
        told = signal;
        return new Promise((resolve) => {
          succeed = resolve;
        });
      },
      { consumer: 'c' },
    )
    .then(isOver);
  await turns();
  insert(db, 3);
  await source.close();
  expect(told?.aborted).toBe(true);
  expect(isOver).not.toHaveBeenCalled();
  succeed();
  await done;
});

test('a handler that takes long lets its consumer fall behind as any reader', async () => {
  const { db, source } = open();
  let succeed = (): void => {};
  const seen: string[] = [];
  const done = source.consume(
    (changes) => {
      seen.push(...changes.map(brief));
      return new Promise((resolve) => {
        succeed = resolve;
        if (seen.length > 1) resolve();
      });
    },
    { maxBuffered: 10_000 },
  );
  const failed = expect(done).rejects.toEqual(code('ROWTAP_LAGGARD'));
  for (let id = 10; id < 60; ++id) {
    db.prepare('INSERT INTO t VALUES (?, ?)').run(id, 'x'.repeat(1000));
    await turns();
  }
  succeed();
  await failed;
  expect(seen.length).toBeGreaterThan(1);
  expect(seen).toEqual(Array.from(seen, (_, at) => `insert ${at + 10}`));
});

test('commits of others are a gap in a batch, and rows as of a new position behind it', async () => {
  const { db, source } = open();
  const { seen, handler, signal } = noted('insert 6');
  const done = source.consume(handler, { consumer: 'c', signal });
  insert(db, 3);
  await turns();
  const other = openUncaptured(db.name);
  other.exec('INSERT INTO t VALUES (4, 0)');
  other.close();
  insert(db, 5);
  await turns();
  insert(db, 6);
  await done;
  const rows = ['bootstrap t', 'snapshot 1', 'snapshot 2', 'snapshot 3', 'snapshot 4', 'snapshot 5'];
  expect(seen).toEqual([...rows.slice(0, 3), 'insert 3', 'gap null', ...rows, 'insert 6']);
});

describe('a consumer that comes back', () => {
  const again = async (db: Database, id: number): Promise<string[]> => {
    const { seen, handler, signal } = noted(`insert ${id}`);
    const done = getSource('test.db')?.consume(handler, { consumer: 'c', signal });
    insert(db, id);
    await done;
    return seen;
  };

  test('goes on where everything was handled, also what was being handled at the abort', async () => {
    const { db, source } = open();
    expect(await again(db, 3)).toEqual(['bootstrap t', 'snapshot 1', 'snapshot 2', 'insert 3']);
    expect(await again(db, 4)).toEqual(['insert 4']);
    expect(source.info().gaps).toBe(0);
  });

  test('goes on behind the rows of empty tables', async () => {
    const { db } = open('CREATE TABLE t (id INTEGER PRIMARY KEY, v); CREATE TABLE z (id INTEGER PRIMARY KEY)');
    const { handler, signal } = noted('bootstrap z');
    await getSource('test.db')?.consume(handler, { consumer: 'c', signal, maxBatchSize: 1 });
    expect(await again(db, 3)).toEqual(['insert 3']);
  });

  test('is told of a gap, and gets the rows, where its handler had given up', async () => {
    const { db, source } = open();
    await again(db, 3);
    const failing = source.consume(
      () => {
        throw new Error('broken sink');
      },
      { consumer: 'c', retry: { attempts: 2, minDelayMs: 1, maxDelayMs: 1 } },
    );
    insert(db, 4);
    await expect(failing).rejects.toThrow('broken sink');
    const rows = ['bootstrap t', 'snapshot 1', 'snapshot 2', 'snapshot 3', 'snapshot 4'];
    expect(await again(db, 5)).toEqual(['gap null', ...rows, 'insert 5']);
  });
});

test('what is built from the batches is the database, with failures, aborts and restarts at random', async () => {
  const random = seededRandom(printedSeed());
  const { db } = open();
  const built = new Map<unknown, unknown>();
  const lives = process.env.ROWTAP_SOAK === undefined ? 40 : 1000;
  for (let life = 0; life < lives; ++life) await oneLife(db, built, random);
  const { handler, signal } = noted('insert 1000');
  const done = getSource('test.db')?.consume(
    (changes, context) => {
      build(built, changes);
      return handler(changes, context);
    },
    { consumer: 'c', signal },
  );
  insert(db, 1000);
  await done;
  expect([...built].sort(([a], [b]) => Number(a) - Number(b))).toEqual(db.prepare('SELECT id, v FROM t ORDER BY id').raw().all());
});

/** From one opening of the consumer to its abort or its failure. The position that is kept then is of nothing that was not handled. */
async function oneLife(db: Database, built: Map<unknown, unknown>, random: (below: number) => number): Promise<void> {
  const abort = new AbortController();
  let handledLsn = listSources()[0]?.lsn as number;
  const done = getSource('test.db')?.consume(
    async (changes) => {
      await breathe(random);
      if (random(3) === 0) throw new Error('by chance');
      build(built, changes);
      handledLsn = Math.max(handledLsn, changes.at(-1)?.lsn as number);
      if (random(12) === 0) abort.abort();
    },
    {
      consumer: 'c',
      maxBatchSize: 1 + random(5),
      retry: { attempts: 1 + random(4), minDelayMs: 1, maxDelayMs: 1 },
      signal: abort.signal,
    },
  );
  const ended = done?.catch((error: unknown) => expect(error).toMatchObject({ message: 'by chance' })).then(() => abort.abort());
  while (!abort.signal.aborted) {
    writeAtRandom(db, random);
    await breathe(random);
  }
  await ended;
  const kept = db.prepare("SELECT lsn FROM _rowtap_checkpoints WHERE consumer = 'c'").pluck().get();
  expect(kept).toBeLessThanOrEqual(handledLsn);
}

async function breathe(random: (below: number) => number): Promise<void> {
  for (let hops = random(4); hops > 0; --hops) await new Promise((resolve) => setImmediate(resolve));
}

function writeAtRandom(db: Database, random: (below: number) => number): void {
  db.transaction(() => {
    for (let rows = 1 + random(6); rows > 0; --rows) {
      const id = random(30);
      if (random(3) === 0) db.prepare('DELETE FROM t WHERE id = ?').run(id);
      else db.prepare('INSERT INTO t VALUES (?, ?) ON CONFLICT DO UPDATE SET v = excluded.v').run(id, random(1000));
    }
  })();
}

/** Handling a batch twice does no harm. */
function build(built: Map<unknown, unknown>, changes: readonly Change[]): void {
  for (const change of changes) {
    if (change.op === 'bootstrap') built.clear();
    else if (change.op === 'delete') built.delete(change.key?.['id']);
    else if (change.op !== 'gap' && change.op !== 'schema') built.set(change.after?.['id'], change.after?.['v']);
  }
}
