import { type Change, Database, getSource, listSources, openSource, type SubscribeOptions } from 'rowtap';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { openUncaptured } from '../../lib/writer/database.js';
import { newDatabase, newPath } from '../snapshot/database-file.js';

const schema = 'CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1), (2)';

const brief = (change: Change): string =>
  `${change.op} ${change.op === 'gap' ? change.reason : String(change.after?.['id'] ?? change.before?.['id'] ?? change.table)}`;

/** What comes up to the insert of this id, all of it acknowledged and on disk; then closed. */
async function readUntil(db: Database, id: number, options: SubscribeOptions = {}): Promise<string[]> {
  const subscription = db.changes({ consumer: 'c', ...options });
  const seen: string[] = [];
  for await (const change of subscription) {
    seen.push(brief(change));
    if (change.op === 'insert' && change.after?.['id'] === id) {
      subscription.ack(change);
      await subscription.flush();
      break;
    }
  }
  return seen;
}

const insert = (db: Database, id: number) => db.prepare('INSERT INTO t VALUES (?)').run(id);

/** Subscribes, writes, reads up to what was written. */
function next(db: Database, id: number, options: SubscribeOptions = {}): Promise<string[]> {
  const reading = readUntil(db, id, options);
  insert(db, id);
  return reading;
}

describe('a consumer that comes back', () => {
  it('goes on without rows and without a gap where it has acknowledged everything', async () => {
    const db = newDatabase(schema);
    expect(await next(db, 3)).toEqual(['bootstrap t', 'snapshot 1', 'snapshot 2', 'insert 3']);
    expect(await next(db, 4)).toEqual(['insert 4']);
    expect(await next(db, 5, { snapshot: 'initial' })).toEqual(['insert 5']);
    expect(await next(db, 6, { snapshot: 'never' })).toEqual(['insert 6']);
    expect((await next(db, 7, { snapshot: 'always' })).at(0)).toBe('bootstrap t');
    expect(listSources()[0]?.gaps).toBe(0);
  });

  it('is told of a gap where something was committed meanwhile, and gets the rows again when they are needed', async () => {
    const db = newDatabase(schema);
    await next(db, 3);
    insert(db, 4);
    expect(await next(db, 5)).toEqual(['gap restart', 'bootstrap t', 'snapshot 1', 'snapshot 2', 'snapshot 3', 'snapshot 4', 'insert 5']);
    insert(db, 6);
    expect(await next(db, 7, { snapshot: 'initial' })).toEqual(['gap restart', 'insert 7']);
    insert(db, 8);
    expect(await next(db, 9, { snapshot: 'never' })).toEqual(['gap restart', 'insert 9']);
    expect(listSources()[0]?.gaps).toBe(3);
  });

  it('is told of a gap after its database was closed, whether or not anything was committed', async () => {
    const path = newPath();
    const first = newDatabase(schema, path);
    await next(first, 3);
    const { lsn } = listSources()[0] as { lsn: number };
    await getSource('test.db')?.close();
    first.close();
    const db = newDatabase('', path);
    const subscription = db.changes({ consumer: 'c' });
    const { value: gap } = (await subscription[Symbol.asyncIterator]().next()) as { value: Change };
    expect(gap).toMatchObject({ op: 'gap', reason: 'restart', source: 'test.db', table: null, before: null, after: null });
    expect(gap.lsn).toBeGreaterThan(lsn);
    await subscription.close();
    expect(await next(db, 4)).toEqual(['gap restart', 'bootstrap t', 'snapshot 1', 'snapshot 2', 'snapshot 3', 'insert 4']);
    expect(await next(db, 5)).toEqual(['insert 5']);
  });

  it('is told of no gap without a name', async () => {
    const path = newPath();
    const first = newDatabase(schema, path);
    expect(await next(first, 3, { consumer: undefined as never, snapshot: 'always' })).toHaveLength(4);
    await getSource('test.db')?.close();
    first.close();
    const db = newDatabase('', path);
    expect(db.prepare('SELECT name FROM sqlite_schema').pluck().all()).toEqual(['t']);
    const subscription = db.changes({ snapshot: 'initial' });
    const { value } = (await subscription[Symbol.asyncIterator]().next()) as { value: Change };
    expect(value.op).toBe('bootstrap');
    await subscription.close();
  });

  it('begins its snapshot again where it had not come to the end', async () => {
    const db = newDatabase(schema);
    for (const snapshot of ['initial', 'when-needed'] as const) {
      for await (const change of db.changes({ consumer: snapshot, snapshot })) {
        if (change.op === 'snapshot') break;
      }
      expect((await next(db, snapshot === 'initial' ? 3 : 4, { consumer: snapshot, snapshot })).slice(0, 3)).toEqual([
        'bootstrap t',
        'snapshot 1',
        'snapshot 2',
      ]);
    }
  });

  it('acknowledges only what ack is given, where it says so', async () => {
    const db = newDatabase(schema);
    const subscription = db.changes({ consumer: 'c', snapshot: 'never', ack: 'manual' });
    insert(db, 3);
    insert(db, 4);
    const iterator = subscription[Symbol.asyncIterator]();
    const { value: three } = (await iterator.next()) as { value: Change };
    await iterator.next();
    subscription.ack(three);
    await subscription.flush();
    expect(db.prepare('SELECT consumer, lsn, snapshot_lsn FROM _rowtap_checkpoints').all()).toEqual([
      { consumer: 'c', lsn: three.lsn, snapshot_lsn: null },
    ]);
    await subscription.close();
    expect((await next(db, 5, { snapshot: 'never' })).at(0)).toBe('gap restart');
  });

  it('keeps its place in an in-memory database as long as the source is open', async () => {
    const db = newDatabase(schema, ':memory:');
    expect(await next(db, 3)).toEqual(['bootstrap t', 'snapshot 1', 'snapshot 2', 'insert 3']);
    expect(await next(db, 4)).toEqual(['insert 4']);
    insert(db, 5);
    expect((await next(db, 6)).slice(0, 2)).toEqual(['gap restart', 'bootstrap t']);
  });
});

describe('the name of a consumer', () => {
  it('is in use by one subscription at a time, and free again when that is closed or left', async () => {
    const db = newDatabase(schema);
    const second = openSource(db, { name: 'second' });
    const subscription = db.changes({ consumer: 'c' });
    for (const subscribe of [() => db.changes({ consumer: 'c' }), () => second.subscribe({ consumer: 'c' })]) {
      expect(subscribe).toThrow(expect.objectContaining({ code: 'ROWTAP_DUPLICATE_CONSUMER' }));
    }
    await second.subscribe({ consumer: 'd' }).close();
    await subscription.close();
    await second.subscribe({ consumer: 'c' }).close();
    for await (const change of db.changes({ consumer: 'c' })) if (change.op === 'snapshot') break;
    await db.changes({ consumer: 'c' }).close();
    await second.close();
  });

  it('may hold anything', async () => {
    const db = newDatabase(schema);
    for (const [i, consumer] of [`it's "x"; --`, '漢字', 'C', 'c', ' '].entries()) await next(db, 10 + i, { consumer });
    expect(db.prepare('SELECT count(*) FROM _rowtap_checkpoints').pluck().get()).toBe(5);
  });

  it('can not be had on a read-only database', () => {
    const path = newPath();
    newDatabase(schema, path);
    const db = new Database(path, { readonly: true });
    expect(() => db.changes({ consumer: 'c' })).toThrow(
      expect.objectContaining({ code: 'ROWTAP_BAD_OPTION', message: expect.stringContaining('read-only') }),
    );
    db.close();
  });
});

describe('beside the application', () => {
  it('changes nothing that its SQL can see, and never appears in the stream', async () => {
    const db = newDatabase(schema);
    const counters = () => db.prepare('SELECT changes(), total_changes(), last_insert_rowid()').raw().get();
    const before = counters();
    const subscription = db.changes({ consumer: 'c', snapshot: 'never' });
    await subscription.flush();
    expect(counters()).toEqual(before);
    expect(db.prepare('SELECT count(*) FROM _rowtap_checkpoints').pluck().get()).toBe(1);
    insert(db, 3);
    const { value } = (await subscription[Symbol.asyncIterator]().next()) as { value: Change };
    expect(brief(value)).toBe('insert 3');
    expect(listSources()[0]?.tables).toEqual(['t']);
    await subscription.close();
  });

  it('opens a consumer while a transaction is open, decides as always, and writes when it has ended', async () => {
    const db = newDatabase(schema);
    await next(db, 3);
    db.exec('BEGIN IMMEDIATE; INSERT INTO t VALUES (4)');
    const known = db.changes({ consumer: 'c' });
    const fresh = db.changes({ consumer: 'fresh', snapshot: 'never' });
    expect(await known.ready).toMatchObject({ snapshot: false });
    const flushing = fresh.flush();
    db.exec('INSERT INTO t VALUES (5); COMMIT');
    await flushing;
    expect(db.prepare(`SELECT count(*) FROM _rowtap_checkpoints WHERE consumer = 'fresh'`).pluck().get()).toBe(1);
    for (const subscription of [known, fresh]) {
      const iterator = subscription[Symbol.asyncIterator]();
      expect(brief(((await iterator.next()) as { value: Change }).value)).toBe('insert 4');
      expect(brief(((await iterator.next()) as { value: Change }).value)).toBe('insert 5');
      await subscription.close();
    }
  });

  it('does not spoil a transaction that has read and will write', async () => {
    const db = newDatabase(schema);
    const subscription = db.changes({ consumer: 'c', snapshot: 'never' });
    insert(db, 3);
    const { value } = (await subscription[Symbol.asyncIterator]().next()) as { value: Change };
    subscription.ack(value);
    db.exec('BEGIN');
    expect(db.prepare('SELECT count(*) FROM t').pluck().get()).toBe(3);
    const flushing = subscription.flush();
    // Had the position been written in between, this would be SQLITE_BUSY_SNAPSHOT.
    insert(db, 4);
    db.exec('COMMIT');
    await flushing;
    expect(db.prepare('SELECT lsn FROM _rowtap_checkpoints').pluck().get()).toBe(value.lsn);
    await subscription.close();
  });

  it('is degraded, and says why, while a lock of somebody else keeps positions from being written', async () => {
    const path = newPath();
    const db = newDatabase(schema, path);
    const other = openUncaptured(path);
    onTestFinished(() => void other.close());
    const source = openSource(db);
    const subscription = source.subscribe({ consumer: 'c', snapshot: 'never', ack: 'manual' });
    insert(db, 3);
    const { value } = (await subscription[Symbol.asyncIterator]().next()) as { value: Change };
    other.exec('BEGIN IMMEDIATE');
    subscription.ack(value);
    await vi.waitFor(() => expect(source.info().state).toBe('degraded'), { timeout: 30_000 });
    expect(source.info().error).toEqual({ code: 'ROWTAP_BUSY', message: expect.stringContaining('database is locked') });
    other.exec('COMMIT');
    await subscription.flush();
    expect(source.info()).toMatchObject({ state: 'running' });
    expect(source.info().error).toBeUndefined();
    await source.close();
  });
});

describe('LSNs', () => {
  it('go on above all that were reserved, though the clock was set back since', async () => {
    const path = newPath();
    const first = newDatabase(schema, path);
    await next(first, 3);
    await getSource('test.db')?.close();
    first.close();
    // As another process would have left it, whose clock was a century ahead.
    const reserved = (Date.now() + 100 * 365 * 24 * 3600 * 1000) * 1000;
    const other = openUncaptured(path);
    other.prepare(`UPDATE _rowtap_meta SET value = ? WHERE name = 'reserved_lsn'`).run(reserved);
    other.exec(
      `UPDATE _rowtap_meta SET value = 'another' WHERE name = 'life'; UPDATE _rowtap_checkpoints SET lsn = ${reserved - 10}, life = 'another'`,
    );
    other.close();
    const db = newDatabase('', path);
    const subscription = db.changes({ consumer: 'c', snapshot: 'never' });
    expect((await subscription.ready).lsn).toBeGreaterThanOrEqual(reserved);
    insert(db, 4);
    const iterator = subscription[Symbol.asyncIterator]();
    expect(brief(((await iterator.next()) as { value: Change }).value)).toBe('gap restart');
    expect(((await iterator.next()) as { value: Change }).value.lsn).toBeGreaterThan(reserved);
    await subscription.close();
  });
});
