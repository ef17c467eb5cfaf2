/** A transaction is one, however large it is and however it is read: one LSN, one end; and a consumer may stop amid it. */
import type { Change, RowChange, Subscription, Transaction } from 'rowtap';
import { describe, expect, test } from 'vitest';
import { engines, run } from './engines.js';

const rows = (count: number, first = 1): string =>
  `WITH RECURSIVE n(i) AS (SELECT ${first} UNION ALL SELECT i + 1 FROM n WHERE i < ${first + count - 1})
    INSERT INTO t SELECT i, 'row ' || i FROM n`;

async function take<T>(iterator: AsyncIterator<T>, count: number): Promise<T[]> {
  const taken: T[] = [];
  while (taken.length < count) {
    const { value, done } = await iterator.next();
    if (done === true) throw new Error(`it ended after ${taken.length} of ${count}`);
    taken.push(value);
  }
  return taken;
}

const transactionsOf = (subscription: Subscription): AsyncIterator<Transaction> => subscription.transactions()[Symbol.asyncIterator]();
const idOf = (change: Change): unknown => (change.after ?? change.before)?.['id'];

describe.each(engines)('$name engine', (engine) => {
  const before = 'CREATE TABLE t (id INTEGER PRIMARY KEY, a)';

  test('20,000 rows of one commit, between two small ones', async () => {
    const file = run(engine, { before });
    const reading = file.read();
    file.exec('INSERT INTO t VALUES (0, 0)', rows(20_000), 'DELETE FROM t WHERE id = 0');
    const changes = (await reading.changes()) as RowChange[];
    expect(changes.map(idOf)).toEqual([...Array.from({ length: 20_001 }, (_, id) => id), 0]);
    expect(new Set(changes.map(({ lsn }) => lsn)).size).toBe(3);
    expect(new Set(changes.slice(1, -1).map(({ lsn }) => lsn)).size).toBe(1);
    expect(changes.filter(({ last }) => last).map(idOf)).toEqual([0, 20_000, 0]);
    expect(changes.slice(1, -1).map(({ index }) => index)).toEqual(Array.from({ length: 20_000 }, (_, index) => index));
  });

  test('transactions() gives 200,000 rows as one, which can be read twice, and the next one behind it', async () => {
    const file = run(engine, { before });
    const transactions = transactionsOf(file.source.subscribe());
    file.exec(rows(200_000), 'INSERT INTO t VALUES (0, 0)');
    const [large, small] = (await take(transactions, 2)) as [Transaction, Transaction];
    expect(large.length).toBe(200_000);
    for (let reading = 0; reading < 2; ++reading) {
      let count = 0;
      let last: RowChange | undefined;
      for (const change of large) {
        if (last?.last === true || change.lsn !== large.lsn || change.index !== count || idOf(change) !== count + 1)
          expect.fail(JSON.stringify({ change, count }));
        last = change;
        ++count;
      }
      expect([count, last?.last]).toEqual([200_000, true]);
    }
    expect([...small].map(idOf)).toEqual([0]);
    expect(small.lsn).toBeGreaterThan(large.lsn);
  });

  test('a filter that leaves nothing of a large commit leaves no transaction', async () => {
    const file = run(engine, { before: `${before}; CREATE TABLE u (id)` });
    const transactions = transactionsOf(file.source.subscribe({ tables: ['u'] }));
    file.exec(rows(60_000), 'INSERT INTO u VALUES (7)', 'BEGIN', rows(60_000, 100_000), 'INSERT INTO u VALUES (8)', 'COMMIT');
    const [first, second] = (await take(transactions, 2)) as [Transaction, Transaction];
    expect([first.length, [...first].map(idOf)]).toEqual([1, [7]]);
    expect([second.length, [...second].map(idOf), [...second].map(({ index, last }) => [index, last])]).toEqual([1, [8], [[60_000, true]]]);
  });

  test.each([1, 2, 7_777, 19_999, 20_000])('a consumer that has acknowledged %i of 20,000 rows goes on behind them', async (done) => {
    const file = run(engine, { before });
    const subscription = file.source.subscribe({ consumer: 'c', snapshot: 'never', ack: 'manual' });
    file.exec(rows(20_000), 'INSERT INTO t VALUES (30000, 0)');
    const changes = await take(subscription[Symbol.asyncIterator](), done);
    subscription.ack(changes.at(-1) as Change);
    await subscription.flush();
    await file.restart();
    const reading = file.read({ consumer: 'c' });
    const rest = (await reading.changes()) as RowChange[];
    expect(rest.map(idOf)).toEqual([...Array.from({ length: 20_000 - done }, (_, index) => done + index + 1), 30_000]);
    if (done === 20_000) return;
    expect(rest[0]).toMatchObject({ lsn: changes[0]?.lsn, index: done });
    expect(rest.filter(({ last }) => last).map(idOf)).toEqual([20_000, 30_000]);
  });

  test('the same by transactions: the rest of it comes as one', async () => {
    const file = run(engine, { before });
    const subscription = file.source.subscribe({ consumer: 'c', snapshot: 'never', ack: 'manual' });
    file.exec(rows(70_000));
    const changes = await take(subscription[Symbol.asyncIterator](), 12_345);
    subscription.ack(changes.at(-1) as Change);
    await subscription.flush();
    await file.restart();
    const transactions = transactionsOf(file.source.subscribe({ consumer: 'c', snapshot: 'never' }));
    const [rest] = (await take(transactions, 1)) as [Transaction];
    expect(rest.length).toBe(70_000 - 12_345);
    expect([...rest].map(idOf)).toEqual(Array.from({ length: 70_000 - 12_345 }, (_, index) => 12_346 + index));
  });

  test('consume() hands over batches that cut transactions, and loses nothing of them', async () => {
    const file = run(engine, { before });
    const abort = new AbortController();
    const seen: unknown[] = [];
    const sizes: number[] = [];
    const consumed = file.source.consume(
      (changes) => {
        sizes.push(changes.length);
        seen.push(...changes.map(idOf));
        if (seen.length === 2502) abort.abort();
      },
      { consumer: 'c', snapshot: 'never', maxBatchSize: 100, signal: abort.signal },
    );
    file.exec(rows(2_500), 'DELETE FROM t WHERE id < 3');
    await consumed;
    expect(seen).toEqual([...Array.from({ length: 2_500 }, (_, id) => id + 1), 1, 2]);
    expect(Math.max(...sizes)).toBe(100);
  });

  test('tables are brought up to date amid a transaction, which stays one', async () => {
    const file = run(engine, { before });
    const reading = file.read();
    file.exec('BEGIN', 'INSERT INTO t VALUES (1, 1)');
    engine.prepare(file.db);
    file.exec('INSERT INTO t VALUES (2, 2)', 'COMMIT');
    const changes = (await reading.changes()) as RowChange[];
    expect(changes.map(({ index, last }) => [index, last])).toEqual([
      [0, false],
      [1, true],
    ]);
    expect(new Set(changes.map(({ lsn }) => lsn)).size).toBe(1);
  });
});
