import { type Change, Database, listSources } from 'rowtap';
import { expect, onTestFinished, test, vi } from 'vitest';
import { newPath } from '../snapshot/database-file.js';

/** A consumer at work, and what somebody does to its table meanwhile. Every `open` is a life of its own. */
function setUp() {
  const path = newPath();
  const open = (): Database => {
    const db = new Database(path);
    onTestFinished(() => void db.close());
    db.pragma('journal_mode = WAL');
    db.exec('CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY)');
    return db;
  };
  const nextOf = async (iterator: AsyncIterator<Change>): Promise<Change> => ((await iterator.next()) as { value: Change }).value;
  const insertAndRead = async (db: Database, iterator: AsyncIterator<Change>): Promise<Change> => {
    db.exec('INSERT INTO t DEFAULT VALUES');
    return nextOf(iterator);
  };
  return { path, open, nextOf, insertAndRead };
}

const stored = (db: Database): unknown[] => db.prepare('SELECT consumer, lsn FROM _rowtap_checkpoints ORDER BY consumer').all();
const whenRunning = () => vi.waitFor(() => expect(listSources()).toMatchObject([{ state: 'running' }]), { timeout: 30_000, interval: 5 });

test('a table that somebody drops is made again, with the positions of every consumer', async () => {
  const { open, insertAndRead } = setUp();
  const db = open();
  const idle = db.changes({ consumer: 'idle', snapshot: 'never', ack: 'manual' });
  const idleAt = (await idle.ready).lsn;
  const busy = db.changes({ consumer: 'busy', snapshot: 'never', ack: 'manual' });
  const iterator = busy[Symbol.asyncIterator]();
  busy.ack(await insertAndRead(db, iterator));
  await busy.flush();
  db.exec('DROP TABLE _rowtap_checkpoints');
  const change = await insertAndRead(db, iterator);
  busy.ack(change);
  await busy.flush();
  expect(stored(db)).toEqual([
    { consumer: 'busy', lsn: change.lsn },
    { consumer: 'idle', lsn: idleAt },
  ]);
  await Promise.all([idle.close(), busy.close()]);
});

test('a table that somebody alters: positions are kept, the source is degraded, and they are written when it is mended', async () => {
  const { open, insertAndRead } = setUp();
  const db = open();
  const subscription = db.changes({ consumer: 'c', snapshot: 'never', ack: 'manual' });
  const iterator = subscription[Symbol.asyncIterator]();
  const change = await insertAndRead(db, iterator);
  db.exec('ALTER TABLE _rowtap_checkpoints RENAME COLUMN lsn TO position');
  subscription.ack(change);
  await expect(subscription.flush()).rejects.toMatchObject({ code: 'ROWTAP_CHECKPOINT_FAILED', retryable: true });
  expect(listSources()).toMatchObject([{ state: 'degraded', error: { code: 'ROWTAP_CHECKPOINT_FAILED' } }]);
  db.exec('ALTER TABLE _rowtap_checkpoints RENAME COLUMN position TO lsn');
  await whenRunning();
  expect(stored(db)).toEqual([{ consumer: 'c', lsn: change.lsn }]);
  await subscription.close();
});

test.each([["'not a number'"], ["x'00'"], ['1.5']])(
  'a position that somebody has overwritten with %s is a gap, the rows again, and a position',
  async (value) => {
    const { open, nextOf, insertAndRead } = setUp();
    const first = open();
    const before = first.changes({ consumer: 'c' });
    const beforeIterator = before[Symbol.asyncIterator]();
    await nextOf(beforeIterator);
    const { lsn } = await insertAndRead(first, beforeIterator);
    before.ack(lsn);
    await before.close();
    first.exec(`UPDATE _rowtap_checkpoints SET lsn = ${value}; UPDATE _rowtap_meta SET value = ${value} WHERE name = 'reserved_lsn'`);
    first.close();

    const db = open();
    const subscription = db.changes({ consumer: 'c' });
    const iterator = subscription[Symbol.asyncIterator]();
    expect(await nextOf(iterator)).toMatchObject({ op: 'gap', reason: 'restart' });
    expect(await nextOf(iterator)).toMatchObject({ op: 'bootstrap', table: 't' });
    expect(await nextOf(iterator)).toMatchObject({ op: 'snapshot', after: { id: 1 } });
    const change = await insertAndRead(db, iterator);
    expect(change).toMatchObject({ op: 'insert', after: { id: 2 } });
    expect(change.lsn).toBeGreaterThan(lsn);
    subscription.ack(change);
    await subscription.flush();
    expect(stored(db)).toEqual([{ consumer: 'c', lsn: change.lsn }]);
    expect(db.prepare("SELECT typeof(value) FROM _rowtap_meta WHERE name = 'reserved_lsn'").pluck().get()).toBe('integer');
    await subscription.close();
  },
);
