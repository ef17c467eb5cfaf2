import { statSync } from 'node:fs';
import { expect, it } from 'vitest';
import { type Change, listSources, type RowChange, type SnapshotProgress } from 'rowtap';
import { fill, newDatabase } from './database-file.js';

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

/** Whether nobody holds a read transaction from before the last commit: only then can all of the WAL be moved and reset. */
function canResetWal(db: ReturnType<typeof newDatabase>): boolean {
  db.exec('CREATE TABLE IF NOT EXISTS later (id); INSERT INTO later VALUES (1)');
  const [{ busy }] = db.pragma('wal_checkpoint(TRUNCATE)') as [{ busy: number }];
  return busy === 0;
}

it('never falls behind by its rows or by what is written meanwhile, however slowly it is read', async () => {
  const db = newDatabase();
  fill(db, 't', 4000);
  const subscription = db.changes({ snapshot: 'always', maxBuffered: 50_000 });
  const insert = db.prepare('INSERT INTO t (text) VALUES (?)');
  let rows = 0;
  let inserts = 0;
  for await (const change of subscription) {
    if (change.op === 'snapshot') {
      rows += 1;
      if (rows % 20 === 0) {
        insert.run('x'.repeat(2000));
        await nextTurn();
      }
    }
    if (change.op === 'insert' && ++inserts === 200) break;
  }
  expect(rows).toBe(4000);
  expect(inserts).toBe(200);
});

it('holds its read transaction until the last row, and gives it up at once when closed, aborted or left', async () => {
  const db = newDatabase();
  db.pragma('busy_timeout = 0');
  fill(db, 't', 4000);
  const iterations = [
    async () => {
      const subscription = db.changes({ snapshot: 'always' });
      await subscription[Symbol.asyncIterator]().next();
      expect(canResetWal(db)).toBe(false);
      const closing = subscription.close();
      expect(canResetWal(db)).toBe(true);
      await closing;
    },
    async () => {
      const abort = new AbortController();
      const subscription = db.changes({ snapshot: 'always', signal: abort.signal });
      const iterator = subscription[Symbol.asyncIterator]();
      await iterator.next();
      expect(canResetWal(db)).toBe(false);
      abort.abort();
      expect(canResetWal(db)).toBe(true);
      expect(await iterator.next()).toEqual({ value: undefined, done: true });
    },
    async () => {
      for await (const change of db.changes({ snapshot: 'always' })) {
        expect(change.op).toBe('bootstrap');
        break;
      }
      expect(canResetWal(db)).toBe(true);
    },
    async () => {
      const subscription = db.changes({ snapshot: 'always' });
      // Never read at all.
      expect(canResetWal(db)).toBe(false);
      await subscription.close();
      expect(canResetWal(db)).toBe(true);
    },
    async () => {
      for await (const change of db.changes({ snapshot: 'always', excludeTables: ['later'] })) {
        if (change.op === 'snapshot' && change.last) break;
      }
      expect(canResetWal(db)).toBe(true);
    },
  ];
  for (const iteration of iterations) await iteration();
});

it('gives up the read transaction with the last row, not with the end of the subscription', async () => {
  const db = newDatabase();
  db.pragma('busy_timeout = 0');
  fill(db, 't', 10);
  const subscription = db.changes({ snapshot: 'always' });
  const iterator = subscription[Symbol.asyncIterator]();
  for (let i = 0; i < 11; i++) await iterator.next();
  expect(await subscription.bootstrapped).toEqual({ lsn: (await subscription.ready).lsn, rows: 10, tables: ['t'] });
  expect(canResetWal(db)).toBe(true);
  await subscription.close();
});

it('says how far it is, with each page, up to all rows of all tables', async () => {
  const db = newDatabase();
  fill(db, 'a', 1500);
  fill(db, 'b', 700);
  db.exec('CREATE TABLE c (id)');
  fill(db, 'left_out', 10);
  const steps: SnapshotProgress[] = [];
  let rows = 0;
  const subscription = db.changes({ snapshot: 'only', excludeTables: ['left*'], onProgress: (progress) => steps.push(progress) });
  for await (const change of subscription) {
    if (change.op === 'snapshot') rows += 1;
    expect(steps.at(-1)?.rows).toBeGreaterThanOrEqual(rows);
  }
  expect(steps.length).toBeGreaterThan(4);
  expect(steps.map((step) => step.rows)).toEqual(steps.map((step) => step.rows).sort((x, y) => x - y));
  expect(steps.map((step) => step.tablesDone)).toEqual(steps.map((step) => step.tablesDone).sort((x, y) => x - y));
  expect(steps[0]).toMatchObject({ table: 'a', totalRows: 2200, tablesDone: 0, tables: 3 });
  const walBytes = statSync(`${db.name}-wal`).size;
  expect(steps.at(-1)).toEqual({ table: 'c', rows: 2200, totalRows: 2200, tablesDone: 3, tables: 3, walBytes });
});

it('shows its progress in info while it runs', async () => {
  const db = newDatabase();
  fill(db, 'a', 3000);
  const subscription = db.changes({ snapshot: 'always' });
  const iterator = subscription[Symbol.asyncIterator]();
  await iterator.next();
  expect(listSources()[0]?.subscriptions[0]?.snapshot).toMatchObject({ table: 'a', totalRows: 3000, tables: 1, tablesDone: 0 });
  await subscription.close();
});

it('ends the subscription with what onProgress throws', async () => {
  const db = newDatabase();
  fill(db, 'a', 3000);
  const stop = new Error('enough');
  const subscription = db.changes({
    snapshot: 'always',
    onProgress: () => {
      throw stop;
    },
  });
  await expect(subscription[Symbol.asyncIterator]().next()).rejects.toBe(stop);
  expect(canResetWal(db)).toBe(true);
});

const pieces: Record<string, number[]> = {
  'no table': [],
  'one empty table': [0],
  'only empty tables': [0, 0, 0],
  'one row': [1],
  'an empty table last': [3, 0],
  'empty tables around': [0, 2, 0, 0, 700, 0, 0],
  'many tables of one row': Array.from({ length: 40 }, () => 1),
  'several pages, then one row': [2000, 1],
};

for (const [name, sizes] of Object.entries(pieces)) {
  it(`marks the last row of all, and no other: ${name}`, async () => {
    const db = newDatabase();
    sizes.forEach((size, i) => fill(db, `t${String(i).padStart(2, '0')}`, size));
    const changes: Change[] = [];
    const subscription = db.changes({ snapshot: 'only' });
    for await (const change of subscription) changes.push(change);
    const rows = changes.filter((change): change is RowChange => change.op === 'snapshot');
    const total = sizes.reduce((sum, size) => sum + size, 0);
    expect(rows).toHaveLength(total);
    expect(changes.filter((change) => change.op === 'bootstrap').map((change) => change.table)).toEqual(
      [...new Set(sizes.keys())].map((i) => `t${String(i).padStart(2, '0')}`),
    );
    expect(rows.filter((row) => row.last)).toEqual(rows.slice(-1));
    expect(changes.map((change) => change.index)).toEqual(changes.map((_, i) => i));
    const { lsn } = await subscription.ready;
    expect(new Set(changes.map((change) => change.lsn))).toEqual(new Set(total + sizes.length > 0 ? [lsn] : []));
    expect(await subscription.bootstrapped).toMatchObject({ lsn, rows: total });
  });
}

it('hands over a row that is larger than a page', async () => {
  const db = newDatabase('CREATE TABLE t (id INTEGER PRIMARY KEY, big)');
  db.exec(`INSERT INTO t VALUES (1, 'small'), (2, zeroblob(1000000)), (3, 'small')`);
  const sizes: number[] = [];
  for await (const change of db.changes({ snapshot: 'only' })) {
    if (change.op === 'snapshot') sizes.push((change.after?.['big'] as string | Buffer | undefined)?.length ?? 0);
  }
  expect(sizes).toEqual([5, 1_000_000, 5]);
});
