import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { Database } from 'rowtap';
import { expect, test } from 'vitest';
import { catchupOn, doneIds, eventLog, upTo } from './event-log.js';

const seed = Number(process.env.ROWTAP_SEED ?? Date.now() % 2 ** 31);
const numRuns = process.env.ROWTAP_SOAK === undefined ? 15 : 300;

interface Trouble {
  consumer: number;
  batchSize: number;
  limit: number | null;
  /** After so many rows. */
  after: number;
  kind: 'throw' | 'abort' | 'promise' | 'rollback' | 'or rollback' | 'deferred' | 'none';
}

const trouble: fc.Arbitrary<Trouble> = fc.record({
  consumer: fc.integer({ min: 0, max: 2 }),
  batchSize: fc.integer({ min: 1, max: 30 }),
  limit: fc.option(fc.integer({ min: 1, max: 10 })),
  after: fc.nat(40),
  kind: fc.constantFrom<Trouble['kind'][]>('throw', 'abort', 'promise', 'rollback', 'or rollback', 'deferred', 'none'),
});

/** Appends from another thread, in transactions of several rows, some of which are rolled back. */
const writer = `
const { workerData } = require('node:worker_threads');
import(workerData.rowtap).then(({ Database }) => {
  const db = new Database(workerData.path);
  const insert = db.prepare("INSERT INTO events (body) VALUES ('thread')");
  for (let count = 0, turn = 0; count < workerData.rows; turn++) {
    db.exec('BEGIN IMMEDIATE');
    const size = Math.min(1 + turn % 7, workerData.rows - count);
    for (let row = 0; row < size; row++) insert.run();
    const isKept = turn % 5 !== 3;
    db.exec(isKept ? 'COMMIT' : 'ROLLBACK');
    if (isKept) count += size;
  }
  db.close();
});
`;

test('whatever fails, each consumer has every row once, in its order', { timeout: 600_000 }, async () => {
  console.log(`seed ${seed}: ROWTAP_SEED=${seed} make test ONLY=random-runs`);
  const rowtap = new URL('../../dist/index.js', import.meta.url).href;
  await fc.assert(
    fc.asyncProperty(fc.array(trouble, { minLength: 5, maxLength: 25 }), fc.integer({ min: 1, max: 150 }), async (troubles, rows) => {
      const db = eventLog();
      db.pragma('foreign_keys = ON');
      db.exec(`
        ALTER TABLE done ADD COLUMN consumer;
        CREATE TABLE parent (id INTEGER PRIMARY KEY);
        CREATE TABLE child (parent REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED);
        CREATE TABLE one (id INTEGER PRIMARY KEY); INSERT INTO one VALUES (1)`);
      const worker = new Worker(writer, { eval: true, workerData: { rowtap, path: db.name, rows } });
      const exited = once(worker, 'exit');
      const run = async ({ consumer, batchSize, limit, after, kind }: Trouble): Promise<void> => {
        const abort = new AbortController();
        let left = after;
        const nextSql = `SELECT id, body FROM events WHERE id > @last AND id <= @max ORDER BY id ${limit === null ? '' : `LIMIT ${limit}`}`;
        // Each a restart, with a connection of its own.
        const connection = new Database(db.name);
        connection.pragma('foreign_keys = ON');
        const insert = connection.prepare('INSERT INTO done (event, consumer) VALUES (?, ?)');
        const process = (row: { id: number }): unknown => {
          insert.run(row.id, consumer);
          if (left-- > 0) return undefined;
          if (kind === 'throw') throw new Error('wanted');
          if (kind === 'abort') abort.abort();
          if (kind === 'promise') return Promise.resolve();
          if (kind === 'rollback') connection.exec('ROLLBACK');
          if (kind === 'or rollback') connection.exec('INSERT OR ROLLBACK INTO one VALUES (1)');
          if (kind === 'deferred') connection.exec('INSERT INTO child VALUES (1)');
          return undefined;
        };
        try {
          await catchupOn(connection, { name: `consumer ${consumer}`, batchSize, nextSql }).run(process, { signal: abort.signal });
        } catch (error) {
          expect((error as { code: unknown }).code).toBe('ROWTAP_ROW_FAILED');
        } finally {
          expect(connection.inTransaction).toBe(false);
          connection.close();
        }
      };
      try {
        // Three at a time: of one name or several, beside the writer.
        for (let at = 0; at < troubles.length; at += 3) await Promise.all(troubles.slice(at, at + 3).map(run));
        await exited;
        for (const consumer of [0, 1, 2]) {
          await run({ consumer, batchSize: 50, limit: null, after: 0, kind: 'none' });
          const done = db.prepare('SELECT event FROM done WHERE consumer = ? ORDER BY rowid').raw().all(consumer);
          expect(done.flat()).toEqual(upTo(rows));
        }
        expect(doneIds(db).length).toBe(rows * 3);
      } finally {
        await exited;
        db.close();
      }
    }),
    { seed, numRuns },
  );
});
