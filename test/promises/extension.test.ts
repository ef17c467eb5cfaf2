import type { Database } from 'rowtap';
import { beforeAll, expect, test } from 'vitest';
import { capture, type Captured, type CaptureOptions, turns } from '../support/captured.js';
import { buildExtension } from '../support/extension.js';

let path: string;
beforeAll(() => {
  path = buildExtension();
});

const before = 'CREATE TABLE t (id INTEGER PRIMARY KEY, a); INSERT INTO t VALUES (1, 1)';

function withExtension(options: CaptureOptions = {}): Captured {
  const captured = capture({ before, ...options });
  captured.db.loadExtension(path);
  return captured;
}

const runNested = (db: Database, ...sql: string[]): unknown => {
  const calls = sql.map((each) => `run_sql('${each}')`).join(', ');
  return db.prepare(`SELECT ${calls}`).raw().get();
};

async function isLost(captured: Captured): Promise<void> {
  await turns();
  expect(await captured.ended()).toMatchObject({ code: 'ROWTAP_CAPTURE_LOST' });
}

for (const where of ['wal', 'delete', 'memory'] as const) {
  test(`what the application's statements write on a connection with an extension is delivered as ever (${where})`, async () => {
    const captured = withExtension({ where });
    const { db } = captured;
    db.exec("INSERT INTO t SELECT 2, run_sql('SELECT * FROM t')");
    db.exec('BEGIN; INSERT INTO t VALUES (3, 0); SAVEPOINT s; INSERT INTO t VALUES (4, 0); ROLLBACK TO s; COMMIT');
    db.exec('CREATE VIRTUAL TABLE words USING fts5(word)');
    db.exec("INSERT INTO words VALUES ('hello')");
    db.exec('CREATE TEMP TABLE other (a)');
    db.exec("INSERT INTO other SELECT run_sql('INSERT INTO temp.other VALUES (1)')");
    expect(await captured.transactions()).toEqual([['insert t (2, 0)'], ['insert t (3, 0)']]);
  });

  test(`rows that an extension writes inside a query are never left out in silence (${where})`, async () => {
    const captured = withExtension({ where });
    expect(runNested(captured.db, 'INSERT INTO t VALUES (2, 2)')).toEqual([0]);
    await isLost(captured);
    expect(captured.db.prepare('SELECT id FROM t').pluck().all()).toEqual([1, 2]);
  });

  test(`rows that it rolled back are never delivered (${where})`, async () => {
    const captured = withExtension({ where });
    const { db } = captured;
    db.exec('BEGIN; INSERT INTO t VALUES (2, 2); SAVEPOINT s; INSERT INTO t VALUES (3, 3)');
    expect(runNested(db, 'ROLLBACK TO s')).toEqual([0]);
    db.exec('INSERT INTO t VALUES (4, 4); COMMIT');
    await isLost(captured);
    expect(db.prepare('SELECT id FROM t').pluck().all()).toEqual([1, 2, 4]);
  });

  test(`a savepoint that it replaced by one of the same depth takes nothing away (${where})`, async () => {
    const captured = withExtension({ where });
    const { db } = captured;
    db.exec('BEGIN; SAVEPOINT s; INSERT INTO t VALUES (2, 2)');
    expect(runNested(db, 'RELEASE s', 'SAVEPOINT s')).toEqual([0, 0]);
    db.exec('ROLLBACK TO s; COMMIT');
    await isLost(captured);
    expect(db.prepare('SELECT id FROM t').pluck().all()).toEqual([1, 2]);
  });

  test(`transactions of the application that it commits or rolls back are what they are (${where})`, async () => {
    const captured = withExtension({ where });
    const { db } = captured;
    db.exec('BEGIN; INSERT INTO t VALUES (2, 2)');
    expect(runNested(db, 'COMMIT')).toEqual([0]);
    expect(db.inTransaction).toBe(false);
    db.exec('BEGIN; INSERT INTO t VALUES (3, 3)');
    expect(runNested(db, 'ROLLBACK')).toEqual([0]);
    expect(runNested(db, 'BEGIN')).toEqual([0]);
    db.exec('INSERT INTO t VALUES (4, 4); COMMIT');
    expect(await captured.transactions()).toEqual([['insert t (2, 2)'], ['insert t (4, 4)']]);
  });

  test(`several transactions inside one statement, and one before them, are told apart (${where})`, async () => {
    const captured = withExtension({ where });
    const { db } = captured;
    db.exec('BEGIN; INSERT INTO t VALUES (2, 2)');
    expect(runNested(db, 'COMMIT', 'INSERT INTO t VALUES (3, 3)', 'INSERT INTO t VALUES (4, 4)')).toEqual([0, 0, 0]);
    await turns();
    // The first was the application's own, and comes before the loss is told.
    expect(await captured.ended()).toMatchObject({ code: 'ROWTAP_CAPTURE_LOST' });
    expect(db.prepare('SELECT id FROM t').pluck().all()).toEqual([1, 2, 3, 4]);
    const next = db.changes();
    const reading = next[Symbol.asyncIterator]();
    db.exec('INSERT INTO t VALUES (5, 5)');
    expect((await reading.next()).value).toMatchObject({ op: 'insert', key: { id: 5 } });
    await next.close();
  });

  test(`what it changes of the schema is a loss (${where})`, async () => {
    const captured = withExtension({ where });
    expect(runNested(captured.db, 'CREATE TABLE u (a)')).toEqual([0]);
    await isLost(captured);
  });

  test(`an extension that takes the hooks does not end the stream in silence (${where})`, async () => {
    const captured = withExtension({ where });
    const { db } = captured;
    db.exec('INSERT INTO t VALUES (2, 2)');
    expect(await captured.transactions()).toEqual([['insert t (2, 2)']]);
    db.prepare('SELECT take_hooks()').get();
    db.exec('INSERT INTO t VALUES (3, 3)');
    await isLost(captured);
    const next = db.changes();
    const reading = next[Symbol.asyncIterator]();
    db.exec('INSERT INTO t VALUES (4, 4)');
    expect((await reading.next()).value).toMatchObject({ op: 'insert', key: { id: 4 } });
    await next.close();
  });

  test(`what is written while an extension is loaded is not left out in silence (${where})`, async () => {
    const captured = capture({ where, before });
    captured.db.loadExtension(path, 'write_while_loading');
    await isLost(captured);
    expect(captured.db.prepare('SELECT a FROM made').pluck().all()).toEqual([1, 2]);
  });
}

test('connections that get an extension by themselves are watched likewise', async () => {
  capture({ before }).db.loadExtension(path, 'load_everywhere');
  const captured = capture({ before });
  expect(runNested(captured.db, 'INSERT INTO t VALUES (2, 2)')).toEqual([0]);
  await isLost(captured);
});

test('with a log a gap stands in the place of what an extension wrote', async () => {
  const captured = withExtension();
  const { db } = captured;
  const { openSource } = await import('rowtap');
  const source = openSource(db, { name: 'logged', durability: 'log' });
  const reading = source.subscribe({ snapshot: 'never' })[Symbol.asyncIterator]();
  db.exec('INSERT INTO t VALUES (2, 2)');
  runNested(db, 'INSERT INTO t VALUES (3, 3)');
  db.exec('INSERT INTO t VALUES (4, 4)');
  expect((await reading.next()).value).toMatchObject({ op: 'insert', key: { id: 2 } });
  expect((await reading.next()).value).toMatchObject({ op: 'gap', reason: 'history-changed' });
  expect((await reading.next()).value).toMatchObject({ op: 'insert', key: { id: 4 } });
  await reading.return?.();
  await source.close();
});
