/** What is committed is delivered after a restart, to each consumer from where it stopped. */
import { type Change, Database } from 'rowtap';
import { describe, expect, test } from 'vitest';
import { writerBinding } from '../../lib/writer/native-binding.js';
import { brief } from '../support/captured.js';
import { nativeConnectionOf } from '../support/native-connection.js';
import { type Life, live, logFile, otherProcess, Reading } from './lives.js';

describe.each(['wal', 'delete'] as const)('in journal mode %s', (mode) => {
  test('a consumer reads on where it stopped, and hears of nothing twice', async () => {
    const path = logFile();
    const first = live(path, { mode });
    first.db.exec('CREATE TABLE t (id INTEGER PRIMARY KEY, a)');
    const subscription = first.source.subscribe({ consumer: 'index', snapshot: 'never', ack: 'manual' });
    first.db.exec("INSERT INTO t VALUES (1, 'one'); INSERT INTO t VALUES (2, 'two')");
    const [one] = await new Reading(subscription).take(1);
    subscription.ack(one as never);
    await subscription.flush();
    first.db.exec('UPDATE t SET a = 3 WHERE id = 1');
    await first.close();

    const second = live(path, { mode });
    second.db.exec('DELETE FROM t');
    const changes = await new Reading(second.source.subscribe({ consumer: 'index', snapshot: 'never' })).take(4);
    expect(changes.map(brief)).toEqual(["insert t (2, 'two')", "update t (1, 'one') > (1, 3)", 'delete t (1, 3)', "delete t (2, 'two')"]);
    expect(changes.map(({ lsn }) => lsn > (one?.lsn ?? 0))).toEqual([true, true, true, true]);
  });

  test('what is written while no source is open is in the log as well, by another process too', async () => {
    const path = logFile();
    const first = live(path, { mode });
    first.db.exec('CREATE TABLE t (id INTEGER PRIMARY KEY, a)');
    await first.source.subscribe({ consumer: 'index', snapshot: 'never' }).ready;
    await first.close();
    const unwatched = new Database(path);
    unwatched.exec('INSERT INTO t VALUES (1, 1)');
    unwatched.close();
    await otherProcess(
      path,
      "new rowtap.Database(path).exec('INSERT INTO t VALUES (2, 2); CREATE TABLE u (x); INSERT INTO u VALUES (3)').close()",
    );

    const { source } = live(path, { mode });
    const changes = await new Reading(source.subscribe({ consumer: 'index', snapshot: 'never' })).take(4);
    expect(changes.map(brief)).toEqual(['insert t (1, 1)', 'insert t (2, 2)', 'create u', 'insert u (3)']);
  });
});

describe('a consumer goes on in the middle of a large transaction', () => {
  const rows = 30_000;

  /** The file's next life, in which a consumer has acknowledged so many changes of the transaction before. */
  async function liveAfter(acknowledged: number): Promise<Life> {
    const path = logFile();
    const { db, source, close } = live(path);
    db.exec('CREATE TABLE t (id INTEGER PRIMARY KEY, a)');
    const subscription = source.subscribe({ consumer: 'index', snapshot: 'never', ack: 'manual' });
    db.exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${rows})
             INSERT INTO t SELECT i, 'some text that makes the row longer, number ' || i FROM n`);
    subscription.ack((await new Reading(subscription).take(acknowledged)).at(-1) as never);
    await close();
    return live(path);
  }

  test('change by change', async () => {
    const { source } = await liveAfter(12_345);
    const rest = await new Reading(source.subscribe({ consumer: 'index', snapshot: 'never' })).take(rows - 12_345);
    expect(rest.map(({ index }) => index)).toEqual(Array.from({ length: rows - 12_345 }, (_, i) => 12_345 + i));
    expect(rest[0]?.after).toEqual({ id: 12_346, a: 'some text that makes the row longer, number 12346' });
    expect([rest[0], rest.at(-1)].map((change) => change !== undefined && 'last' in change && change.last)).toEqual([false, true]);
  });

  test('by transactions: the first one is what is left of it', async () => {
    const { db, source } = await liveAfter(29_000);
    db.exec("INSERT INTO t VALUES (0, 'new')");
    const lengths: number[] = [];
    for await (const transaction of source.subscribe({ consumer: 'index', snapshot: 'never' }).transactions()) {
      lengths.push([...transaction].length);
      expect(transaction.length).toBe(lengths.at(-1));
      if (lengths.length === 2) break;
    }
    expect(lengths).toEqual([1000, 1]);
  });
});

test('old entries are read with the columns that they were written under, after any change of the schema', async () => {
  const path = logFile();
  const first = live(path);
  first.db.exec('CREATE TABLE t (id INTEGER PRIMARY KEY, a, b)');
  await first.source.subscribe({ consumer: 'index', snapshot: 'never' }).ready;
  first.db.exec("INSERT INTO t VALUES (1, 'a', 'b')");
  first.db.exec('ALTER TABLE t DROP COLUMN a; ALTER TABLE t RENAME COLUMN b TO c; ALTER TABLE t ADD COLUMN d DEFAULT 4');
  first.db.exec("UPDATE t SET c = 'c'; DROP TABLE t; CREATE TABLE t (x PRIMARY KEY) WITHOUT ROWID; INSERT INTO t VALUES ('x')");
  await first.close();
  const { source } = live(path);
  const changes = await new Reading(source.subscribe({ consumer: 'index', snapshot: 'never' })).take(8);
  expect(changes.map(({ op, after }) => ({ op, after }))).toEqual([
    { op: 'insert', after: { id: 1, a: 'a', b: 'b' } },
    { op: 'schema', after: null },
    { op: 'schema', after: null },
    { op: 'schema', after: null },
    { op: 'update', after: { id: 1, c: 'c', d: 4 } },
    { op: 'schema', after: null },
    { op: 'schema', after: null },
    { op: 'insert', after: { x: 'x' } },
  ]);
});

test('a new consumer begins with the rows that are there, and goes on in the log', async () => {
  const path = logFile();
  const first = live(path);
  first.db.exec('CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1)');
  const reading = new Reading(first.source.subscribe({ consumer: 'index' }));
  first.db.exec('INSERT INTO t VALUES (2)');
  expect((await reading.take(3)).map(brief)).toEqual(['bootstrap t', 'snapshot t (1)', 'insert t (2)']);
  // Asking for the next one acknowledges every transaction before the last one handed over.
  const next = reading.take(1);
  first.db.exec('INSERT INTO t VALUES (3)');
  await next;
  await first.close();
  const second = live(path);
  second.db.exec('INSERT INTO t VALUES (4)');
  const changes = await new Reading(second.source.subscribe({ consumer: 'index' })).take(3);
  expect(changes.map(brief)).toEqual(['insert t (2)', 'insert t (3)', 'insert t (4)']);
});

test('a consumer that stopped within its snapshot gets a new one', async () => {
  const path = logFile();
  const first = live(path);
  first.db.exec('CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1), (2), (3)');
  await new Reading(first.source.subscribe({ consumer: 'index' })).take(2);
  await first.close();
  const second = live(path);
  const changes = await new Reading(second.source.subscribe({ consumer: 'index' })).take(4);
  expect(changes.map(brief)).toEqual(['bootstrap t', 'snapshot t (1)', 'snapshot t (2)', 'snapshot t (3)']);
});

test('a subscription without a name begins at the end of the log', async () => {
  const path = logFile();
  const first = live(path);
  first.db.exec('CREATE TABLE t (id INTEGER PRIMARY KEY)');
  await first.source.subscribe({ consumer: 'keeps the log', snapshot: 'never' }).ready;
  first.db.exec('INSERT INTO t VALUES (1)');
  await first.close();
  const second = live(path);
  const reading = new Reading(second.source.subscribe());
  second.db.exec('INSERT INTO t VALUES (2)');
  expect((await reading.take(1)).map(brief)).toEqual(['insert t (2)']);
});

describe('where the clock was ten years ahead, and was put right', () => {
  const tenYearsAheadLsn = (Date.now() + 10 * 365 * 86_400_000) * 1000;
  /** Each in a process of its own, whose first LSN is its clock's: this one has had greater ones. */
  const write = 'new rowtap.Database(path).exec(`INSERT INTO t VALUES (${given[0]})`).close()';
  const writeAndRead = `const db = new rowtap.Database(path);
    const subscription = rowtap.openSource(db, { durability: 'log' }).subscribe();
    db.exec(\`INSERT INTO t VALUES (\${given[0]})\`);
    const { value } = await subscription[Symbol.asyncIterator]().next();
    console.log(JSON.stringify(value));
    db.close();`;

  /** Of its only process so far, with the row 1. */
  function liveAhead(path: string): Life {
    const life = live(path);
    life.db.exec('CREATE TABLE t (id INTEGER PRIMARY KEY)');
    writerBinding().hubOf(nativeConnectionOf(life.db)).hub.raiseLsn(tenYearsAheadLsn);
    life.db.exec('INSERT INTO t VALUES (1)');
    return life;
  }

  test('LSNs go on above those in the log, in each later life', async () => {
    const path = logFile();
    const { source, close } = liveAhead(path);
    const aheadLsn = source.info().lsn;
    expect(aheadLsn).toBeGreaterThan(tenYearsAheadLsn);
    await close();
    const [two, three] = [await otherProcess(path, writeAndRead, '2'), await otherProcess(path, writeAndRead, '3')].map(
      (printed) => JSON.parse(printed) as Change,
    );
    expect([two, three].map((change) => brief(change as Change))).toEqual(['insert t (2)', 'insert t (3)']);
    expect(two?.lsn).toBeGreaterThan(aheadLsn);
    expect(three?.lsn).toBeGreaterThan(two?.lsn as number);
  });

  test('a consumer that has read what was written then has all that is written now', async () => {
    const path = logFile();
    const { db, source, close } = liveAhead(path);
    const subscription = source.subscribe({ consumer: 'index', snapshot: 'never', ack: 'manual' });
    db.exec('INSERT INTO t VALUES (2)');
    subscription.ack((await new Reading(subscription).take(1)).at(-1) as never);
    await close();
    await otherProcess(path, write, '3');
    await otherProcess(path, write, '4');
    const rest = live(path);
    const changes = await new Reading(rest.source.subscribe({ consumer: 'index', snapshot: 'never' })).take(2);
    expect(changes.map(brief)).toEqual(['insert t (3)', 'insert t (4)']);
  });
});
