import { expect, test } from 'vitest';
import { newDatabase, newPath } from '../snapshot/database-file.js';
import { Thread } from './thread.js';

test('a thread that is written to faster than it reads goes on living: its other callbacks run, and it is told that it is a laggard', async () => {
  const path = newPath();
  const db = newDatabase('CREATE TABLE t (id INTEGER PRIMARY KEY, bytes)', path);
  const commits = new Int32Array(new SharedArrayBuffer(4));
  const isOver = new Int32Array(new SharedArrayBuffer(4));
  const writer = new Thread(
    `const db = new Database(path);
    db.pragma('synchronous = OFF');
    const insert = db.prepare('INSERT INTO t (bytes) VALUES (zeroblob(200000))');
    while (Atomics.load(data.isOver, 0) === 0) { insert.run(); Atomics.add(data.commits, 0, 1); Atomics.notify(data.commits, 0); }`,
    path,
    { commits, isOver },
  );
  let turns = 0;
  const count = setInterval(() => ++turns, 0);
  let changes = 0;
  const reading = (async () => {
    for await (const change of db.changes({ maxBuffered: 1024 * 1024 })) {
      expect(change.op).not.toBe('gap');
      ++changes;
      // Slower than the writer: two transactions are committed while one change is looked at.
      for (let seen = Atomics.load(commits, 0), until = seen + 2; seen < until; seen = Atomics.load(commits, 0)) {
        Atomics.wait(commits, 0, seen);
      }
    }
  })();
  await expect(reading).rejects.toMatchObject({ code: 'ROWTAP_LAGGARD' });
  clearInterval(count);
  expect(changes).toBeGreaterThan(0);
  expect(turns).toBeGreaterThan(0);
  Atomics.store(isOver, 0, 1);
  expect(await writer.exited).toBe(0);
});
