import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';
import { newDatabase, newPath } from './database-file.js';

/** Inserts 1, 2, 3, … in transactions of their own, and keeps only the newest of them, until it is told to stop. */
const program = `
const { workerData } = require('node:worker_threads');
import(workerData.rowtap).then(({ Database }) => {
  const db = new Database(workerData.path);
  const isOver = new Int32Array(workerData.isOver);
  const insert = db.prepare('INSERT INTO numbers VALUES (?)');
  const drop = db.prepare('DELETE FROM numbers WHERE id < ?');
  for (let id = 1; Atomics.load(isOver, 0) === 0; id++) {
    insert.run(id);
    if (id % 50 === 0) drop.run(id - 100);
  }
  db.close();
});
`;

it('fits rows and changes together while another thread commits as fast as it can', async () => {
  const path = newPath();
  const db = newDatabase('CREATE TABLE numbers (id INTEGER PRIMARY KEY)', path);
  const rowtap = new URL('../../dist/index.js', import.meta.url).href;
  const isOver = new SharedArrayBuffer(4);
  const worker = new Worker(program, { eval: true, workerData: { rowtap, path, isOver } });
  const exited = once(worker, 'exit');
  try {
    let seen = 0;
    for (let round = 0; round < 40; round++) {
      const ids: number[] = [];
      let inserts = 0;
      for await (const change of db.changes({ snapshot: 'always', ops: ['insert'] })) {
        if (change.op === 'bootstrap') continue;
        ids.push(Number(change.after?.['id']));
        if (change.op === 'insert' && ++inserts === 20) break;
      }
      // No number twice, and none left out, across the seam as well.
      expect(ids).toEqual(ids.map((_, i) => (ids[0] as number) + i));
      expect(ids.at(-1)).toBeGreaterThan(seen);
      seen = ids.at(-1) as number;
    }
  } finally {
    Atomics.store(new Int32Array(isOver), 0, 1);
    await exited;
  }
});
