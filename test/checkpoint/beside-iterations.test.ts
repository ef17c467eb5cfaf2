import type { Change, Database, Subscription } from 'rowtap';
import { expect, test } from 'vitest';
import { newDatabase } from '../snapshot/database-file.js';

const schema = 'CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1), (2)';

/** A consumer that has been handed one change, which it may acknowledge. */
async function consumerAtChange(db: Database): Promise<[Subscription, Change]> {
  const subscription = db.changes({ consumer: 'c', snapshot: 'never', ack: 'manual' });
  db.exec('INSERT INTO t VALUES (100)');
  const { value } = (await subscription[Symbol.asyncIterator]().next()) as { value: Change };
  return [subscription, value];
}

test('positions are written when an iteration has ended in which rows were written', { timeout: 10_000 }, async () => {
  const db = newDatabase(schema);
  const [subscription, change] = await consumerAtChange(db);
  const insert = db.prepare('INSERT INTO t DEFAULT VALUES RETURNING id');
  for (const _ of db.prepare('SELECT id FROM t LIMIT 2').iterate()) insert.get();
  subscription.ack(change);
  await subscription.flush();
});

test.each(['a write in unsafe mode', 'RETURNING'])('none is written amid an iteration, where it would have %s refused', async (what) => {
  const db = newDatabase(schema).unsafeMode(what !== 'RETURNING');
  const [subscription, change] = await consumerAtChange(db);
  let flushed: Promise<void> | undefined;
  for (const _ of db.prepare('SELECT id FROM t LIMIT 2').iterate()) {
    subscription.ack(change);
    flushed ??= subscription.flush();
    // SQLITE_BUSY_SNAPSHOT, if something had been committed since the iteration began.
    if (what === 'RETURNING') db.prepare('INSERT INTO t DEFAULT VALUES RETURNING id').get();
    else db.prepare('INSERT INTO t DEFAULT VALUES').run();
  }
  await flushed;
});

test('nor is one kept back by an iteration that was left, or closed with its database', async () => {
  const db = newDatabase(schema);
  const [subscription, change] = await consumerAtChange(db);
  for (const _ of db.prepare('SELECT id FROM t').iterate()) break;
  const rows = db.prepare('SELECT id FROM t').iterate();
  rows.next();
  subscription.ack(change);
  const flushed = subscription.flush();
  rows.return?.();
  expect(db.prepare('SELECT count(*) FROM t').pluck().get()).toBe(3);
  await flushed;
});
