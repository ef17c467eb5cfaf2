import { statSync } from 'node:fs';
import { Database, listSources, type SnapshotProgress } from 'rowtap';
import { expect, it } from 'vitest';
import { fill, newDatabase, newPath } from './database-file.js';

function snapshotOf(db: Database): SnapshotProgress | undefined {
  return listSources().find(({ file }) => file === db.name)?.subscriptions[0]?.snapshot;
}

const walSize = (db: Database): number => statSync(`${db.name}-wal`).size;

/** Whether the WAL could be moved into the file and reset. */
function truncateWal(db: Database): boolean {
  const [{ busy }] = db.pragma('wal_checkpoint(TRUNCATE)') as [{ busy: number }];
  return busy === 0;
}

/** Commits by which the WAL grows, unless it is reset. */
function write(db: Database): void {
  const insert = db.prepare('INSERT INTO t (text) VALUES (?)');
  for (let row = 0; row < 20; row++) insert.run('x'.repeat(5000));
}

function newLog(): Database {
  const db = newDatabase('PRAGMA busy_timeout = 0');
  fill(db, 't', 4000);
  return db;
}

it('counts the bytes that a snapshot keeps in the WAL, as of now, though nobody reads it', async () => {
  const db = newLog();
  const subscription = db.changes({ snapshot: 'always' });
  expect(snapshotOf(db)).toEqual({ table: 't', rows: 0, totalRows: 0, tablesDone: 0, tables: 1, walBytes: walSize(db) });
  for (let round = 0; round < 5; round++) {
    const before = walSize(db);
    write(db);
    expect(walSize(db)).toBeGreaterThan(before);
    expect(snapshotOf(db)?.walBytes).toBe(walSize(db));
  }
  const iterator = subscription[Symbol.asyncIterator]();
  await iterator.next();
  write(db);
  expect(snapshotOf(db)).toMatchObject({ table: 't', totalRows: 4000, walBytes: walSize(db) });
  await subscription.close();
});

it('counts nothing where all of the WAL lay in the file when the snapshot began, until others commit', async () => {
  const db = newLog();
  db.pragma('wal_checkpoint(PASSIVE)');
  const size = walSize(db);
  const subscription = db.changes({ snapshot: 'always' });
  expect(snapshotOf(db)?.walBytes).toBe(0);
  // The log begins anew, in the file as it was.
  db.prepare('INSERT INTO t (text) VALUES (?)').run('x');
  const [{ log }] = db.pragma('wal_checkpoint(PASSIVE)') as [{ log: number }];
  expect(walSize(db)).toBe(size);
  expect(snapshotOf(db)?.walBytes).toBe(log * (4096 + 24) + 32);
  expect(truncateWal(db)).toBe(false);
  await subscription.close();
  expect(truncateWal(db)).toBe(true);
});

it('tells it to onProgress', async () => {
  const db = newLog();
  const steps: number[] = [];
  const sizes: number[] = [];
  const onProgress = ({ walBytes }: SnapshotProgress): void => {
    steps.push(walBytes);
    sizes.push(walSize(db));
    write(db);
  };
  for await (const change of db.changes({ snapshot: 'only', onProgress })) expect(change.lsn).toBeGreaterThan(0);
  expect(steps.length).toBeGreaterThan(4);
  expect(steps).toEqual(sizes);
});

/** Each begins a snapshot, and gives what ends it. */
const ends: Record<string, (db: Database) => Promise<() => Promise<unknown>>> = {
  'it is closed': async (db) => {
    const subscription = db.changes({ snapshot: 'always' });
    await subscription[Symbol.asyncIterator]().next();
    return () => subscription.close();
  },
  'it is aborted': async (db) => {
    const abort = new AbortController();
    await db.changes({ snapshot: 'always', signal: abort.signal })[Symbol.asyncIterator]().next();
    return async () => abort.abort();
  },
  'its last row is taken': async (db) => {
    const iterator = db.changes({ snapshot: 'always' })[Symbol.asyncIterator]();
    await iterator.next();
    return async () => {
      for (;;) {
        const { value } = await iterator.next();
        if (value?.op === 'snapshot' && value.last) return;
      }
    };
  },
};

for (const [end, begin] of Object.entries(ends)) {
  it(`holds the WAL back until ${end}, and no longer`, async () => {
    const db = newLog();
    db.pragma('wal_autocheckpoint = 10');
    const endSnapshot = await begin(db);
    for (let round = 0; round < 3; round++) {
      const before = walSize(db);
      write(db);
      expect(walSize(db)).toBeGreaterThan(before);
      expect(truncateWal(db)).toBe(false);
    }
    await endSnapshot();
    expect(snapshotOf(db)).toBeUndefined();
    expect(truncateWal(db)).toBe(true);
    expect(walSize(db)).toBe(0);
    write(db);
    const size = walSize(db);
    for (let round = 0; round < 10; round++) write(db);
    expect(walSize(db)).toBe(size);
  });
}

it('holds none in memory, and none where there is no WAL', async () => {
  const memory = newDatabase('CREATE TABLE t (id); INSERT INTO t VALUES (1)', ':memory:');
  const path = newPath();
  const writer = new Database(path);
  fill(writer, 't', 3);
  writer.close();
  const unchanging = new Database(path, { readonly: true });
  for (const db of [memory, unchanging]) {
    const subscription = db.changes({ snapshot: 'always' });
    expect(snapshotOf(db)).toMatchObject({ tables: 1, walBytes: 0 });
    await subscription[Symbol.asyncIterator]().next();
    expect(snapshotOf(db)).toMatchObject({ rows: db === memory ? 1 : 3, walBytes: 0 });
    await subscription.close();
  }
  unchanging.close();
});
