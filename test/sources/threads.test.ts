import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type * as rowtapModule from 'rowtap';
import { type Change, type Database, getSource, listSources, openSource } from 'rowtap';
import { expect, onTestFinished, test, vi } from 'vitest';
import { brief } from '../support/captured.js';
import { newDatabase } from '../snapshot/database-file.js';

/** Runs what it is sent, as a function of rowtap's exports and of what it keeps, and answers with the result or the error's code. */
const program = `
const { parentPort, workerData } = require('node:worker_threads');
const kept = {};
import(workerData.rowtap).then((rowtap) => {
  parentPort.on('message', async ({ id, source, argument }) => {
    try {
      const result = await (0, eval)('(' + source + ')')(rowtap, kept, argument);
      parentPort.postMessage({ id, result });
    } catch (error) {
      parentPort.postMessage({ id, code: String(error.code ?? error) });
    }
  });
  parentPort.postMessage({ id: 0 });
});
`;

type Kept = Record<string, never> & { db: Database; changes: AsyncIterator<Change> };
type Rowtap = typeof rowtapModule;

class Thread {
  readonly #worker: Worker;
  #last = 0;

  constructor(worker: Worker) {
    this.#worker = worker;
  }

  static async start(): Promise<Thread> {
    const rowtap = new URL('../../dist/index.js', import.meta.url).href;
    const worker = new Worker(program, { eval: true, workerData: { rowtap } });
    onTestFinished(async () => void (await worker.terminate()));
    await once(worker, 'message');
    return new Thread(worker);
  }

  /** `act` sees nothing of the test but its `argument`. */
  async run<T>(act: (rowtap: Rowtap, kept: Kept, argument: string) => T | Promise<T>, argument = ''): Promise<T> {
    const id = ++this.#last;
    this.#worker.postMessage({ id, source: act.toString(), argument });
    for (;;) {
      const [answer] = (await once(this.#worker, 'message')) as [{ id: number; result: T; code?: string }];
      if (answer.id !== id) continue;
      if (answer.code !== undefined) throw Object.assign(new Error(answer.code), { code: answer.code });
      return answer.result;
    }
  }

  async terminate(): Promise<void> {
    await this.#worker.terminate();
  }
}

const schema = 'CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1)';
const subscribe = ({ getSource: get }: Rowtap, kept: Kept, options: string): void => {
  const subscription = get('test.db')!.subscribe(JSON.parse(options) as object);
  kept.changes = subscription[Symbol.asyncIterator]();
};
const next = async (_: Rowtap, kept: Kept): Promise<Change | 'end'> => {
  const result = await kept.changes.next();
  return result.done === true ? 'end' : result.value;
};
const briefly = async (change: Promise<Change | 'end'>): Promise<string> => {
  const value = await change;
  return value === 'end' ? value : brief(value);
};

test('a thread that has no database of its own subscribes to a source by its name: rows, changes, consumer', async () => {
  const db = newDatabase(schema);
  const source = openSource(db);
  const thread = await Thread.start();
  await thread.run(subscribe, JSON.stringify({ consumer: 'c', tables: ['t'] }));
  db.exec('INSERT INTO t VALUES (2)');
  expect(await briefly(thread.run(next))).toBe('bootstrap t');
  expect(await briefly(thread.run(next))).toBe('snapshot t (1)');
  expect(await briefly(thread.run(next))).toBe('insert t (2)');
  const { lsn } = source.info();
  // Both threads tell the same.
  expect(source.info().subscriptions).toMatchObject([{ consumer: 'c', lsn, lag: 0, buffered: 0 }]);
  const theirs = await thread.run(({ listSources: list }) => list());
  expect(theirs).toMatchObject([{ ...source.info(), subscriptions: [{ consumer: 'c', lsn }] }]);
  db.exec('INSERT INTO t VALUES (3), (4)');
  expect(source.info().subscriptions).toMatchObject([{ consumer: 'c', lsn, lag: 1, buffered: 1 }]);
});

test('names are unique in the process, those of sources and those of consumers', async () => {
  const db = newDatabase(schema);
  openSource(db);
  const thread = await Thread.start();
  const open = ({ Database: Opened, openSource: opened }: Rowtap, kept: Kept, path: string): string => {
    kept.db = new Opened(path);
    return opened(kept.db).name;
  };
  await expect(thread.run(open, db.name)).rejects.toMatchObject({ code: 'ROWTAP_DUPLICATE_SOURCE' });
  await thread.run(subscribe, JSON.stringify({ consumer: 'c' }));
  expect(() => db.changes({ consumer: 'c' })).toThrow(expect.objectContaining({ code: 'ROWTAP_DUPLICATE_CONSUMER' }));
  await thread.terminate();
  await vi.waitFor(() => db.changes({ consumer: 'c' }), { timeout: 30_000, interval: 5 });
});

test("`changes` of another thread's database goes on with the source that is open", async () => {
  const db = newDatabase(schema);
  openSource(db, { name: 'shop', tables: ['t'] });
  const thread = await Thread.start();
  await thread.run(({ Database: Opened }, kept, path) => {
    kept.db = new Opened(path);
    kept.db.exec('CREATE TABLE other (id)');
    kept.changes = kept.db.changes()[Symbol.asyncIterator]();
  }, db.name);
  expect(listSources().map(({ name }) => name)).toEqual(['shop']);
  db.exec('INSERT INTO other VALUES (1); INSERT INTO t VALUES (2)');
  const change = await thread.run(next);
  expect(change).toMatchObject({ source: 'shop', table: 't', after: { id: 2 } });
  // It uses the source as well now, so that this one is not the last.
  db.close();
  await thread.run((_, kept) => void kept.db.exec('INSERT INTO t VALUES (3)'));
  expect(await thread.run(next)).toMatchObject({ after: { id: 3 } });
  await thread.run((_, kept) => void kept.db.close());
  expect(await thread.run(next)).toBe('end');
  expect(listSources()).toEqual([]);
});

test.each(['here', 'there'])('a source that is closed %s ends everywhere, after what was published', async (where) => {
  const db = newDatabase(schema);
  const source = openSource(db);
  const thread = await Thread.start();
  await thread.run(subscribe, '{}');
  const ours = source.subscribe()[Symbol.asyncIterator]();
  db.exec('INSERT INTO t VALUES (2)');
  const waiting = [ours.next(), ours.next()];
  if (where === 'here') db.close();
  else await thread.run(({ getSource: get }) => get('test.db')!.close());
  expect((await Promise.all(waiting)).map(({ done }) => done)).toEqual([false, true]);
  if (where === 'here') expect(await briefly(thread.run(next))).toBe('insert t (2)');
  expect(await thread.run(next)).toBe('end');
  expect(await thread.run(({ listSources: list }) => list())).toEqual([]);
  expect(getSource('test.db')).toBeUndefined();
});

test('a source ends with the thread whose database was the only one to use it', async () => {
  const db = newDatabase(schema);
  const thread = await Thread.start();
  await thread.run(({ Database: Opened, openSource: opened }, kept, path) => {
    kept.db = new Opened(path);
    opened(kept.db);
  }, db.name);
  const iterator = getSource('test.db')!.subscribe()[Symbol.asyncIterator]();
  db.exec('INSERT INTO t VALUES (2)');
  await thread.terminate();
  expect((await iterator.next()).value).toMatchObject({ op: 'insert' });
  expect(await iterator.next()).toMatchObject({ done: true });
  expect(listSources()).toEqual([]);
  expect((await db.changes().ready).snapshot).toBe(false);
});

test("another thread's in-memory database gives its changes, and says where its rows are", async () => {
  const db = newDatabase(schema, ':memory:');
  openSource(db, { name: 'test.db' });
  const thread = await Thread.start();
  await expect(thread.run(subscribe, '{"snapshot":"initial"}')).rejects.toMatchObject({ code: 'ROWTAP_BAD_OPTION' });
  await thread.run(subscribe, '{}');
  db.exec('INSERT INTO t VALUES (2)');
  expect(await briefly(thread.run(next))).toBe('insert t (2)');
});

test("a thread's subscriptions end with its last database, while others go on", async () => {
  const db = newDatabase(schema);
  const ours = db.changes()[Symbol.asyncIterator]();
  const thread = await Thread.start();
  await thread.run(({ Database: Opened }, kept, path) => {
    kept.db = new Opened(path);
    kept.changes = kept.db.changes()[Symbol.asyncIterator]();
    kept.db.exec('INSERT INTO t VALUES (2)');
    kept.db.close();
  }, db.name);
  expect(await briefly(thread.run(next))).toBe('insert t (2)');
  expect(await thread.run(next)).toBe('end');
  db.exec('INSERT INTO t VALUES (3)');
  expect((await ours.next()).value).toMatchObject({ after: { id: 2 } });
  expect((await ours.next()).value).toMatchObject({ after: { id: 3 } });
  await ours.return?.();
});

test('threads that open a source of one file at the same moment, and close it, share the one that is there', {
  timeout: 120_000,
}, async () => {
  const db = newDatabase(schema);
  const threads = await Promise.all(Array.from({ length: 4 }, () => Thread.start()));
  for (let round = 0; round < 20; round++) {
    const seen = await Promise.all(
      threads.map((thread) =>
        thread.run(({ Database: Opened }, _, path) => {
          let opened = 0;
          for (let turn = 0; turn < 50; turn++) {
            const mine = new Opened(path);
            mine.changes();
            opened++;
            mine.close();
          }
          return opened;
        }, db.name),
      ),
    );
    expect(seen).toEqual([50, 50, 50, 50]);
  }
  expect(listSources()).toEqual([]);
});
