import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { Change } from 'rowtap';
import { expect, test } from 'vitest';
import { newDatabase, newPath } from '../snapshot/database-file.js';

/** Reads and then writes in transactions that do not wait for a lock, and counts what SQLite refuses. */
const program = `
const { parentPort, workerData } = require('node:worker_threads');
import(workerData.rowtap).then(({ Database }) => {
  const db = new Database(workerData.path, { timeout: 0 });
  const isOver = new Int32Array(workerData.isOver);
  const count = db.prepare('SELECT count(*) FROM theirs').pluck();
  const insert = db.prepare('INSERT INTO theirs VALUES (?)');
  const refused = {};
  let transactions = 0;
  for (; Atomics.load(isOver, 0) === 0; transactions++) {
    try {
      db.exec('BEGIN');
      insert.run(count.get());
      db.exec('COMMIT');
    } catch (error) {
      refused[error.code] = (refused[error.code] ?? 0) + 1;
      if (db.inTransaction) db.exec('ROLLBACK');
    }
    if (transactions % 100 === 99) db.exec('DELETE FROM theirs');
  }
  db.close();
  parentPort.postMessage({ refused, transactions });
});
`;

const flushes = 200;

test.each(['wal', 'delete'])(
  'positions that are written never make another thread meet a lock, or a commit between its read and its write (%s)',
  async (mode) => {
    const path = newPath();
    const db = newDatabase('CREATE TABLE ours (id INTEGER PRIMARY KEY); CREATE TABLE theirs (n)', path);
    db.pragma(`journal_mode = ${mode}`);
    const subscription = db.changes({ consumer: 'c', snapshot: 'never', ack: 'manual', tables: ['theirs'] });
    const rowtap = new URL('../../dist/index.js', import.meta.url).href;
    const isOver = new SharedArrayBuffer(4);
    const worker = new Worker(program, { eval: true, workerData: { rowtap, path, isOver } });
    const answered = once(worker, 'message');
    try {
      const iterator = subscription[Symbol.asyncIterator]();
      for (let flush = 0; flush < flushes; flush++) {
        const { value } = (await iterator.next()) as { value: Change };
        subscription.ack(value);
        await subscription.flush();
      }
    } finally {
      Atomics.store(new Int32Array(isOver), 0, 1);
    }
    const [{ refused, transactions }] = (await answered) as [{ refused: Record<string, number>; transactions: number }];
    expect(refused).toEqual({});
    expect(transactions).toBeGreaterThan(0);
    await subscription.close();
  },
);
