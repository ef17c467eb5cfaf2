import { type Change, type Database, listSources } from 'rowtap';
import { expect, onTestFinished, test } from 'vitest';
import { newDatabase } from '../snapshot/database-file.js';

/** A consumer that can be made to acknowledge one more change. */
function consumerOf(db: Database) {
  const subscription = db.changes({ consumer: 'c', snapshot: 'never', ack: 'manual' });
  onTestFinished(() => subscription.close());
  const iterator = subscription[Symbol.asyncIterator]();
  let id = 0;
  /** Resolves to the promise of its being written. */
  return async (): Promise<{ flushed: Promise<void> }> => {
    db.prepare('INSERT INTO t VALUES (?)').run(++id);
    const { value } = (await iterator.next()) as { value: Change };
    expect(value).toMatchObject({ op: 'insert', after: { id } });
    subscription.ack(value);
    return { flushed: subscription.flush() };
  };
}

test('with a consumer at work the application leaves WAL mode and comes back to it, as without', async () => {
  const db = newDatabase('CREATE TABLE t (id INTEGER PRIMARY KEY)');
  const acknowledgeOne = consumerOf(db);
  await (await acknowledgeOne()).flushed;
  for (const mode of ['delete', 'wal', 'truncate', 'wal']) {
    expect(db.pragma(`journal_mode = ${mode}`, { simple: true })).toBe(mode);
    await (await acknowledgeOne()).flushed;
  }
});

test('and locks the file exclusively: positions are kept, the source is degraded, and they are written when the lock is gone', async () => {
  const db = newDatabase('CREATE TABLE t (id INTEGER PRIMARY KEY)');
  const acknowledgeOne = consumerOf(db);
  await (await acknowledgeOne()).flushed;
  db.pragma('journal_mode = delete');
  db.pragma('locking_mode = exclusive');
  const { flushed } = await acknowledgeOne();
  expect(listSources()).toMatchObject([{ state: 'degraded', error: { code: 'ROWTAP_BUSY' } }]);
  db.pragma('locking_mode = normal');
  db.prepare('SELECT * FROM t').all();
  await flushed;
  expect(listSources()).toMatchObject([{ state: 'running' }]);
});
