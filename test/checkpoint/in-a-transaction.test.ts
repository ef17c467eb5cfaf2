import { type Change, Database, openSource, type Subscription, type SubscribeOptions } from 'rowtap';
import { describe, expect, onTestFinished, test } from 'vitest';
import { openUncaptured } from '../../lib/writer/database.js';
import { newDatabase, newPath } from '../snapshot/database-file.js';
import { Child } from './child.js';

const schema = 'CREATE TABLE t (id INTEGER PRIMARY KEY); CREATE TABLE done (id INTEGER)';

/** A consumer of `t` that has read what was inserted last, and what is stored of it. */
async function setUp(options: SubscribeOptions = {}, path: string = newPath()) {
  const db = newDatabase(schema, path);
  const subscription = db.changes({ consumer: 'c', snapshot: 'never', ack: 'manual', tables: ['t'], ...options });
  onTestFinished(() => subscription.close());
  const iterator = subscription[Symbol.asyncIterator]();
  const next = async (): Promise<Change> => ((await iterator.next()) as { value: Change }).value;
  const { lsn: startLsn } = await subscription.ready;
  const insert = (id: number): Promise<Change> => {
    db.prepare('INSERT INTO t VALUES (?)').run(id);
    return next();
  };
  const stored = () => db.prepare('SELECT lsn, partial_lsn AS partialLsn, partial_index AS partialIndex FROM _rowtap_checkpoints').get();
  const done = () => db.prepare('SELECT id FROM done').pluck().all();
  /** The effect of a change, and its acknowledgement. */
  const handle = (change: Change) => {
    db.prepare('INSERT INTO done VALUES (?)').run(change.after?.['id']);
    subscription.ack(change);
  };
  return { db, path, subscription, next, insert, stored, done, handle, startLsn };
}

const whole = (lsn: number) => ({ lsn, partialLsn: null, partialIndex: null });

describe('an acknowledgement inside a transaction of the application', () => {
  test('is committed with it, at once', async () => {
    const { db, insert, handle, stored, done, subscription } = await setUp();
    const change = await insert(1);
    db.transaction(() => {
      handle(change);
      expect(stored()).toEqual(whole(change.lsn));
    })();
    expect([stored(), done()]).toEqual([whole(change.lsn), [1]]);
    await subscription.close();
    expect(stored()).toEqual(whole(change.lsn));
  });

  test('is rolled back with it, and not remembered', async () => {
    const { db, insert, handle, stored, done, subscription, startLsn } = await setUp();
    const change = await insert(1);
    const failing = db.transaction(() => {
      handle(change);
      throw new Error('no');
    });
    expect(failing).toThrow('no');
    await subscription.flush();
    expect([stored(), done()]).toEqual([whole(startLsn), []]);
    await subscription.close();
    expect(stored()).toEqual(whole(startLsn));
  });

  test('is undone with its savepoint', async () => {
    const { db, insert, handle, stored, done } = await setUp();
    const [first, second] = [await insert(1), await insert(2)];
    db.exec('BEGIN');
    handle(first);
    db.exec('SAVEPOINT s');
    handle(second);
    expect(stored()).toEqual(whole(second.lsn));
    db.exec('ROLLBACK TO s; COMMIT');
    expect([stored(), done()]).toEqual([whole(first.lsn), [1]]);
  });

  test('is exact in the middle of a transaction', async () => {
    const { db, next, handle, stored } = await setUp();
    db.exec('INSERT INTO t VALUES (1), (2), (3)');
    const changes = [await next(), await next(), await next()] as [Change, Change, Change];
    const { lsn } = changes[0];
    db.transaction(() => handle(changes[1]))();
    expect(stored()).toEqual({ lsn: lsn - 1, partialLsn: lsn, partialIndex: 1 });
    db.transaction(() => handle(changes[2]))();
    expect(stored()).toEqual(whole(lsn));
  });

  test('is not overwritten by a lower one outside, and outside of one it is as ever', async () => {
    const { db, insert, handle, stored, subscription } = await setUp();
    const [first, second, third] = [await insert(1), await insert(2), await insert(3)];
    db.transaction(() => handle(second))();
    subscription.ack(first);
    await subscription.flush();
    expect(stored()).toEqual(whole(second.lsn));
    handle(third);
    expect(stored()).toEqual(whole(second.lsn));
    await subscription.flush();
    expect(stored()).toEqual(whole(third.lsn));
  });

  test('goes beside the acknowledgements of asking for the next one', async () => {
    const { db, insert, handle, stored, subscription } = await setUp({ ack: 'auto' });
    const first = await insert(1);
    db.transaction(() => handle(first))();
    expect(stored()).toEqual(whole(first.lsn));
    await insert(2);
    const third = await insert(3);
    await subscription.flush();
    expect(stored()).toEqual(whole(third.lsn - 2));
  });

  test('does away with a snapshot when its last row is given', async () => {
    const { db, subscription, next, stored } = await setUp({ snapshot: 'initial', tables: ['u'] }, withRows());
    const snapshotLsn = () => db.prepare('SELECT snapshot_lsn FROM _rowtap_checkpoints').pluck().get();
    const [, first, second] = [await next(), await next(), await next()];
    db.transaction(() => subscription.ack(first))();
    expect(snapshotLsn()).toBeNull();
    const failing = db.transaction(() => {
      subscription.ack(second);
      throw new Error('no');
    });
    expect(failing).toThrow('no');
    expect(snapshotLsn()).toBeNull();
    db.transaction(() => subscription.ack(second))();
    expect(snapshotLsn()).toBe(second.lsn);
    expect(stored()).toEqual(whole(second.lsn));
  });

  test('behind a snapshot does away with that too', async () => {
    const { db, subscription, next } = await setUp({ snapshot: 'initial', tables: ['u'] }, withRows());
    for (let i = 0; i < 3; ++i) await next();
    const { lsn } = await subscription.ready;
    db.exec('INSERT INTO u VALUES (3)');
    const change = await next();
    db.transaction(() => subscription.ack(change))();
    expect(db.prepare('SELECT lsn, snapshot_lsn FROM _rowtap_checkpoints').get()).toEqual({ lsn: change.lsn, snapshot_lsn: lsn });
  });

  test('shows nothing of itself to the application but its row', async () => {
    const shown: string[] = [];
    const path = newPath();
    newDatabase(schema, path);
    const db = new Database(path, { verbose: (sql) => void shown.push(sql) });
    onTestFinished(() => void db.close());
    db.defaultSafeIntegers();
    const subscription = db.changes({ consumer: 'c', snapshot: 'never', ack: 'manual' });
    const iterator = subscription[Symbol.asyncIterator]();
    db.exec('INSERT INTO t VALUES (77)');
    const { value } = (await iterator.next()) as { value: Change };
    db.exec('BEGIN');
    const rowid = () => db.prepare('SELECT last_insert_rowid()').pluck().get();
    const before = rowid();
    shown.length = 0;
    subscription.ack(value);
    expect(shown).toEqual([]);
    expect(rowid()).toBe(before);
    db.exec('COMMIT; INSERT INTO t VALUES (78)');
    expect(((await iterator.next()) as { value: Change }).value).toMatchObject({ op: 'insert', after: { id: 78 }, lsn: value.lsn + 1 });
    await subscription.close();
  });

  test('makes the table where somebody has dropped it, also when that was rolled back', async () => {
    const { db, insert, handle, stored } = await setUp();
    const change = await insert(1);
    const handleIn = (end: string) => {
      db.exec('BEGIN');
      handle(change);
      db.exec(end);
    };
    handleIn('ROLLBACK');
    db.exec('DROP TABLE _rowtap_checkpoints');
    handleIn('ROLLBACK');
    expect(db.prepare("SELECT count(*) FROM sqlite_schema WHERE name = '_rowtap_checkpoints'").pluck().get()).toBe(0);
    handleIn('COMMIT');
    expect(stored()).toEqual(whole(change.lsn));
    expect(await insert(2)).toMatchObject({ op: 'insert' });
  });

  test('fails, and the transaction with it, when another process has taken the consumer over', async () => {
    const { db, path, insert, handle, done, subscription, startLsn, stored, next } = await setUp();
    const change = await insert(1);
    const other = openUncaptured(path);
    other.exec(`UPDATE _rowtap_checkpoints SET lease_until_ms = 0, owner = 'somebody'`);
    other.close();
    const transaction = db.transaction(() => handle(change));
    const lost = expect.objectContaining({ code: 'ROWTAP_DUPLICATE_CONSUMER' });
    expect(transaction).toThrow(lost);
    expect(transaction).toThrow(lost);
    expect([stored(), done()]).toEqual([whole(startLsn), []]);
    await expect(next()).rejects.toEqual(lost);
    await subscription.close();
  });

  test('is refused where two databases of the source have one open, and allowed again when one has ended', async () => {
    const { db, path, insert, handle, stored } = await setUp();
    const second = newDatabase('', path);
    const source = openSource(second, { name: 'second' });
    const others: Subscription = source.subscribe({ snapshot: 'never' });
    const mine = second.changes({ name: 'test.db', snapshot: 'never' });
    const change = await insert(1);
    second.exec('BEGIN');
    db.exec('BEGIN');
    expect(() => handle(change)).toThrow(
      expect.objectContaining({ code: 'ROWTAP_BAD_OPTION', message: expect.stringContaining('several databases') }),
    );
    second.exec('ROLLBACK');
    handle(change);
    db.exec('COMMIT');
    expect(stored()).toEqual(whole(change.lsn));
    await Promise.all([others.close(), mine.close()]);
  });

  test.each([
    ['COMMIT', true],
    ['ROLLBACK', false],
  ])('of an in-memory database counts after %s: %s', async (end, isKept) => {
    const { db, insert, subscription } = await setUp({}, ':memory:');
    const source = openSource(db, { name: 'memory' });
    const change = await insert(1);
    db.exec('BEGIN');
    subscription.ack(change);
    db.exec(end);
    await subscription.close();
    expect(source.consumers()).toMatchObject([{ consumer: 'c', lsn: change.lsn - (isKept ? 0 : 1), isActive: false }]);
    const again = source.subscribe({ consumer: 'c', snapshot: 'never' });
    db.exec('INSERT INTO t VALUES (2)');
    const { value } = (await again[Symbol.asyncIterator]().next()) as { value: Change };
    expect(value.op).toBe(isKept ? 'insert' : 'gap');
    await again.close();
  });
});

/** A file with two rows in `u`. */
function withRows(): string {
  const path = newPath();
  newDatabase('CREATE TABLE u (id INTEGER PRIMARY KEY); INSERT INTO u VALUES (1), (2)', path);
  return path;
}

test('effect and position agree after kill -9, whenever that comes', async () => {
  const path = newPath();
  const db = newDatabase(`${schema}; CREATE TABLE log (lsn INTEGER)`, path);
  db.close();
  for (let life = 0; life < 5; ++life) {
    const child = new Child(
      `const db = new Database(path);
       const subscription = db.changes({ consumer: 'c', snapshot: 'never', ack: 'manual', tables: ['t'] });
       const insert = db.prepare('INSERT INTO t DEFAULT VALUES');
       const note = db.prepare('INSERT INTO log VALUES (?)');
       insert.run();
       let handled = 0;
       for await (const change of subscription) {
         db.transaction(() => {
           note.run(change.lsn);
           subscription.ack(change);
         })();
         insert.run();
         if (++handled === 20) say('ready');
       }`,
      path,
    );
    expect(await child.said()).toBe('ready');
    await child.kill();
    const other = openUncaptured(path);
    expect(other.prepare('SELECT lsn FROM _rowtap_checkpoints').pluck().get()).toBe(
      other.prepare('SELECT max(lsn) FROM log').pluck().get(),
    );
    other.close();
  }
});
