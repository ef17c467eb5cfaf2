/** Rows that exist come first, as of one commit, while others go on writing; what they write comes behind, each change once. */
import { Database, type Change, Replica } from 'rowtap';
import { describe, expect, test } from 'vitest';
import { brief } from '../../support/captured.js';
import { otherProcess } from '../../log/lives.js';
import { engines, run } from './engines.js';

const rows = (count: number): string =>
  `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count}) INSERT INTO t SELECT i, 'row ' || i FROM n`;

describe.each(engines)('$name engine', (engine) => {
  const before = `CREATE TABLE t (id INTEGER PRIMARY KEY, a); CREATE TABLE w (k TEXT PRIMARY KEY, v) WITHOUT ROWID; CREATE TABLE none (x);
    INSERT INTO w VALUES ('b', 1), ('a', x'')`;

  test('each table: an event, then its rows; the last row says so, and changes follow with greater numbers', async () => {
    const file = run(engine, { before: `${before}; INSERT INTO t VALUES (2, 'two'), (1, NULL)` });
    const reading = file.read({ snapshot: 'initial' });
    file.exec("INSERT INTO t VALUES (3, 'new')");
    const changes = await reading.changes();
    expect(changes.map(brief)).toEqual([
      'bootstrap none',
      'bootstrap t',
      'snapshot t (1, NULL)',
      "snapshot t (2, 'two')",
      'bootstrap w',
      "snapshot w ('a', x'')",
      "snapshot w ('b', 1)",
      "insert t (3, 'new')",
    ]);
    const [snapshot, insert] = [changes.slice(0, -1), changes.at(-1) as Change];
    expect(new Set(snapshot.map(({ lsn }) => lsn)).size).toBe(1);
    expect(insert.lsn).toBeGreaterThan(snapshot[0]?.lsn as number);
    expect(snapshot.filter((change) => 'last' in change && change.last).map(brief)).toEqual(["snapshot w ('b', 1)"]);
    expect(snapshot[2]).toMatchObject({ key: { id: 1 }, before: null, after: { id: 1, a: null }, indirect: false });
    expect(await reading.subscription.bootstrapped).toMatchObject({ rows: 4, lsn: snapshot[0]?.lsn });
  });

  test('under load: each row and each change once, and a replica that equals the database', async () => {
    const file = run(engine, { before: `${before}; ${rows(30_000)}` });
    const target = new Database(':memory:');
    const replica = new Replica(target);
    const subscription = file.source.subscribe({ snapshot: 'initial' });
    const following = replica.follow(subscription);
    const snapshot = { isDone: false };
    void subscription.bootstrapped.then(() => (snapshot.isDone = true));
    let writes = 0;
    while (!snapshot.isDone) {
      const id = (writes * 7919) % 30_000;
      file.exec('BEGIN', `UPDATE t SET a = 'changed ${writes}' WHERE id = ${id}`, `DELETE FROM t WHERE id = ${id + 1}`, 'COMMIT');
      file.exec(`INSERT INTO t VALUES (NULL, 'new ${writes}')`);
      ++writes;
      await new Promise((resolve) => setImmediate(resolve));
    }
    const { lsn } = file.source.info();
    while (replica.position() < lsn) await new Promise((resolve) => setImmediate(resolve));
    const { equal, tables } = replica.verify(file.db);
    expect([equal, tables.find(({ table }) => table === 't')]).toEqual([
      true,
      { table: 't', rows: file.db.prepare('SELECT count(*) FROM t').pluck().get(), missing: 0, extra: 0, different: 0 },
    ]);
    expect(writes).toBeGreaterThan(0);
    await subscription.close();
    await following;
    target.close();
  });

  test('another process writes just before and while it is taken', async () => {
    const file = run(engine, { before: `${before}; ${rows(5_000)}` });
    const writing = otherProcess(
      file.path,
      `const db = new rowtap.Database(path);
       for (let n = 0; n < 300; ++n) db.exec("UPDATE t SET a = 'theirs " + n + "' WHERE id = " + (1 + n * 13 % 5000)).exec("INSERT INTO t VALUES (NULL, " + n + ")");
       db.close()`,
    );
    const rowsOf = new Map<unknown, unknown>();
    for (let round = 0; round < 5; ++round) {
      rowsOf.clear();
      const reading = file.read({ snapshot: 'always', tables: ['t'] });
      await reading.changes();
      if (round === 4) await writing;
      file.look();
      await reading.subscription.close();
    }
    const reading = file.read({ snapshot: 'always', tables: ['t'] });
    for (const change of await reading.changes()) if ('key' in change) rowsOf.set(change.key?.['id'], change.after?.['a']);
    expect([...rowsOf]).toEqual(file.db.prepare('SELECT id, a FROM t ORDER BY id').raw().all());
  });

  test('only the rows, then the end; and some tables', async () => {
    const file = run(engine, { before });
    const reading = file.read({ snapshot: 'only', tables: ['w'] });
    expect(await reading.ended()).toBeUndefined();
    expect((await reading.rest()).map(brief)).toEqual(['bootstrap w', "snapshot w ('a', x'')", "snapshot w ('b', 1)"]);
  });

  test('a consumer has them once, unless it stopped amid them', async () => {
    const file = run(engine, { before: `${before}; INSERT INTO t VALUES (1, 1), (2, 2), (3, 3)` });
    const iterator = file.source.subscribe({ consumer: 'c', snapshot: 'initial', tables: ['t'] })[Symbol.asyncIterator]();
    for (let taken = 0; taken < 3; ++taken) await iterator.next();
    await file.restart();
    file.exec('DELETE FROM t WHERE id = 2');
    const reading = file.read({ consumer: 'c', snapshot: 'initial', tables: ['t'] });
    expect((await reading.changes()).map(brief)).toEqual(['bootstrap t', 'snapshot t (1, 1)', 'snapshot t (3, 3)']);
    await reading.changes();
    await file.restart();
    file.exec('DELETE FROM t WHERE id = 1');
    expect((await file.read({ consumer: 'c', snapshot: 'initial', tables: ['t'] }).changes()).map(brief)).toEqual(['delete t (1, 1)']);
  });

  test('a snapshot wants WAL mode', () => {
    const file = run(engine, { before, journalMode: 'delete' });
    expect(() => file.source.subscribe({ snapshot: 'always' })).toThrow(expect.objectContaining({ code: 'ROWTAP_NOT_WAL' }));
  });

  test('one that is asked for amid a transaction of the same connection', async () => {
    const file = run(engine, { before });
    file.exec('BEGIN IMMEDIATE', 'INSERT INTO t VALUES (1, 1)');
    if (engine.locksForSnapshot) {
      expect(() => file.source.subscribe({ snapshot: 'always' })).toThrow(expect.objectContaining({ code: 'ROWTAP_BUSY' }));
      file.exec('COMMIT');
      expect((await file.read({ snapshot: 'always', tables: ['t'] }).changes()).map(brief)).toEqual(['bootstrap t', 'snapshot t (1, 1)']);
      return;
    }
    const reading = file.read({ snapshot: 'always', tables: ['t'] });
    file.exec('COMMIT');
    expect((await reading.changes()).map(brief)).toEqual(['bootstrap t', 'insert t (1, 1)']);
  });
});
