import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { Database, listSources } from 'rowtap';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { CatchupDatabase } from '../../lib/catchup/database.js';
import { Wake } from '../../lib/catchup/wake.js';
import { append, catchupOn, copy, doneIds, eventLog, upTo } from './event-log.js';

const rowtap = new URL('../../dist/index.js', import.meta.url).href;

/** Follows, and can be waited for until a row has been processed. */
function follow(db: Database, config: Parameters<typeof catchupOn>[1] = {}) {
  const abort = new AbortController();
  const waiting = new Map<number, () => void>();
  const result = catchupOn(db, config).follow(
    (row) => {
      copy(row, db);
      waiting.get(row.id)?.();
    },
    { signal: abort.signal },
  );
  onTestFinished(async () => {
    abort.abort();
    await result.catch(() => {});
  });
  const processed = (id: number): Promise<unknown> =>
    Promise.race([doneIds(db).includes(id) ? undefined : new Promise<void>((resolve) => waiting.set(id, resolve)), result]);
  return { processed, abort, result };
}

test.each(['file', 'memory'])('rows that this connection commits are processed: %s', async (where) => {
  const db = where === 'file' ? eventLog(2) : eventLog(2, undefined, ':memory:');
  const { processed, abort, result } = follow(db);
  await processed(2);
  for (let id = 3; id <= 20; id++) {
    append(db, 1);
    await processed(id);
  }
  abort.abort();
  expect(await result).toBe(20);
  expect(doneIds(db)).toEqual(upTo(20));
});

test('a commit of this process wakes it at once, without a look at the clock', async () => {
  const db = eventLog(1);
  const { processed } = follow(db);
  await processed(1);
  // Only the files' status is looked at by it.
  const stopped = setInterval(() => {}, 2 ** 31 - 1);
  const clock = vi.spyOn(globalThis, 'setInterval').mockReturnValue(stopped);
  onTestFinished(() => {
    clock.mockRestore();
    clearInterval(stopped);
  });
  for (let id = 2; id <= 20; id++) {
    await new Promise((resolve) => setImmediate(resolve));
    append(db, 1);
    await processed(id);
  }
});

test('rows of a writer in another thread', async () => {
  const db = eventLog();
  const { processed } = follow(db);
  const worker = new Worker(
    `const { workerData } = require('node:worker_threads');
    import(workerData.rowtap).then(({ Database }) => {
      const db = new Database(workerData.path);
      for (let row = 0; row < 50; row++) db.exec("INSERT INTO events (body) VALUES ('thread')");
      db.close();
    });`,
    { eval: true, workerData: { rowtap, path: db.name } },
  );
  onTestFinished(async () => void (await worker.terminate()));
  await processed(50);
  expect(doneIds(db)).toEqual(upTo(50));
});

test('rows of another process, one after the other', async () => {
  const db = eventLog();
  const { processed } = follow(db);
  const child = spawn(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      `const [, rowtap, path] = process.argv;
      const { Database } = await import(rowtap);
      const db = new Database(path);
      process.stdin.on('data', () => db.exec("INSERT INTO events (body) VALUES ('process')"));
      process.stdin.on('end', () => db.close());`,
      rowtap,
      db.name,
    ],
    { stdio: ['pipe', 'inherit', 'inherit'] },
  );
  const exited = once(child, 'exit');
  for (let id = 1; id <= 4; id++) {
    child.stdin.write('next');
    await processed(id);
  }
  child.stdin.end();
  expect(await exited).toEqual([0, null]);
  expect(doneIds(db)).toEqual(upTo(4));
});

test('with a source open as without one, which it neither needs nor shows up in', async () => {
  const db = eventLog();
  const subscription = db.changes();
  const { processed, abort, result } = follow(db);
  append(db, 1);
  await processed(1);
  expect(listSources().map((source) => source.subscriptions.length)).toEqual([1]);
  await subscription.close();
  append(db, 1);
  await processed(2);
  abort.abort();
  expect(await result).toBe(2);
});

test('a function that throws ends it, and so does the end of its database, with others open on the file', async () => {
  const db = eventLog(1);
  const other = new Database(db.name);
  onTestFinished(() => void other.close());
  const abort = new AbortController();
  const throwing = catchupOn(db, { name: 'throwing' }).follow(
    (row) => {
      if (row.id === 2) throw new Error('no paper');
    },
    { signal: abort.signal },
  );
  const { processed, result } = follow(db);
  await processed(1);
  append(db, 1);
  await expect(throwing).rejects.toMatchObject({ code: 'ROWTAP_ROW_FAILED', id: 2 });
  await processed(2);
  db.close();
  await expect(result).rejects.toMatchObject({ code: 'ROWTAP_CLOSED' });
});

test('the end of a database ends the waiting, also long after the last commit', async () => {
  const database = { prepare: () => ({ all: () => [] }), open: true };
  const wake = new Wake(database as unknown as CatchupDatabase, () => ({ close: () => {} }));
  const waiting = wake.wait(new AbortController().signal);
  database.open = false;
  await waiting;
});

test('it keeps the process running until it is aborted, and no longer', async () => {
  const program = `
    const [, rowtap] = process.argv;
    const { Database, Catchup } = await import(rowtap);
    const db = new Database(':memory:');
    db.exec('CREATE TABLE events (id INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO events DEFAULT VALUES');
    const abort = new AbortController();
    const catchup = new Catchup(db, {
      name: 'c',
      maxSql: 'SELECT max(id) AS max FROM events',
      nextSql: 'SELECT id FROM events WHERE id > @last AND id <= @max ORDER BY id',
    });
    setTimeout(() => db.exec('INSERT INTO events DEFAULT VALUES'), 300).unref();
    const rows = await catchup.follow((row) => { if (row.id === 2) setImmediate(() => abort.abort()); }, { signal: abort.signal });
    console.log(rows);`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program, rowtap], { timeout: 30_000 });
  expect(stdout).toBe('2\n');
});
