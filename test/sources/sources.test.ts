import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Change, Database, getSource, listSources, openSource, type RowChange, type Subscription } from 'rowtap';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

let folder: string;
const open = new Set<Database>();

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rowtap-sources-'));
});
afterEach(async () => {
  for (const { name } of listSources()) await getSource(name)?.close();
  for (const db of open) db.close();
  open.clear();
  rmSync(folder, { recursive: true });
});

function database(
  name = 'shop.db',
  sql = 'CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY, state TEXT); CREATE TABLE IF NOT EXISTS users (id INTEGER PRIMARY KEY)',
): Database {
  const db = new Database(name.startsWith(':') ? name : join(folder, name));
  open.add(db);
  if (!db.memory) db.pragma('journal_mode = WAL');
  db.exec(sql);
  return db;
}

async function collect(subscription: Subscription): Promise<Change[]> {
  const changes: Change[] = [];
  for await (const change of subscription) changes.push(change);
  return changes;
}

const code = (expected: string): unknown => expect.objectContaining({ name: 'RowtapError', code: expected });
const ids = (changes: Change[]): unknown[] => changes.map((change) => ('key' in change ? change.key?.['id'] : change.op));

describe('opening', () => {
  test('a source is known by its name, which is the base name of the file', async () => {
    const source = openSource(database());
    expect(source.name).toBe('shop.db');
    expect(getSource('shop.db')).toBe(source);
    expect(listSources().map(({ name }) => name)).toEqual(['shop.db']);
    await source.close();
    expect(getSource('shop.db')).toBeUndefined();
    expect(listSources()).toEqual([]);
  });

  test('two sources need two names', () => {
    const db = database();
    openSource(db);
    expect(() => openSource(db)).toThrow(code('ROWTAP_DUPLICATE_SOURCE'));
    mkdirSync(join(folder, 'b'));
    expect(() => openSource(database('b/shop.db'))).toThrow(code('ROWTAP_DUPLICATE_SOURCE'));
    expect(openSource(db, { name: 'second', tables: ['orders'] }).info().tables).toEqual(['orders']);
  });

  test('in-memory databases are told apart', () => {
    expect(openSource(database(':memory:')).name).toBe(':memory:');
    expect(openSource(database(':memory:')).name).toBe(':memory:2');
  });

  test('`changes` goes on with the source that is open for the file, also through another connection', () => {
    const db = database();
    db.changes();
    db.changes({ tables: ['users'] });
    new Set([database()]).forEach((other) => other.changes());
    expect(listSources()).toHaveLength(1);
    expect(listSources()[0]?.subscriptions).toHaveLength(3);
    db.changes({ name: 'mine' });
    expect(listSources().map(({ name }) => name)).toEqual(['shop.db', 'mine']);
  });

  test('info tells what a source is and what it has done', () => {
    const db = database();
    const before = Date.now();
    const source = openSource(db);
    source.subscribe();
    const { lsn } = source.info();
    db.exec('INSERT INTO orders VALUES (1, NULL), (2, NULL)');
    const info = source.info();
    expect(info).toMatchObject({
      name: 'shop.db',
      engine: 'hook',
      file: join(folder, 'shop.db'),
      tables: ['orders', 'users'],
      durability: 'live',
      state: 'running',
      capabilities: { replay: false, externalWrites: false, snapshot: true },
      lsn: lsn + 1,
      gaps: 0,
      spilled: 0,
    });
    expect(info.openedAt).toBeGreaterThanOrEqual(before);
    expect([info.transactions, info.changes].every((count) => count >= 1)).toBe(true);
    expect(info.bytes).toBeGreaterThan(0);
    expect(info.subscriptions).toMatchObject([{ lsn, lag: 1, buffered: 1 }]);
    expect(Object.hasOwn(info, 'error')).toBe(false);
  });
});

test('info can be asked within a call of the database, and while another connection has locked it', () => {
  const asked: string[][] = [];
  const verbose = (): void => void asked.push(...listSources().map(({ tables }) => tables));
  const path = join(folder, 'verbose.db');
  const db = new Database(path, { verbose, timeout: 0 });
  open.add(db);
  db.exec('CREATE TABLE orders (id INTEGER PRIMARY KEY)');
  db.changes();
  listSources();
  asked.length = 0;
  db.exec('INSERT INTO orders VALUES (1)');
  expect(asked).toEqual([['orders']]);
  const other = new Database(path);
  open.add(other);
  other.exec('BEGIN EXCLUSIVE');
  expect(listSources()).toMatchObject([{ state: 'degraded', error: { code: 'SQLITE_BUSY' }, tables: ['orders'] }]);
  other.exec('COMMIT');
  expect(listSources()).toMatchObject([{ state: 'running', tables: ['orders'] }]);
});

test('info of a closed source tells what it captured', async () => {
  const source = openSource(database());
  await source.close();
  expect(source.info()).toMatchObject({ state: 'closed', tables: ['orders', 'users'] });
});

test('a file is found again wherever the process has gone since', async () => {
  const start = process.cwd();
  try {
    mkdirSync(join(folder, 'elsewhere'));
    database('elsewhere/shop.db').exec("INSERT INTO orders VALUES (1, 'of another file')");
    process.chdir(folder);
    const db = new Database('shop.db');
    open.add(db);
    db.exec('PRAGMA journal_mode = WAL; CREATE TABLE orders (id INTEGER PRIMARY KEY); INSERT INTO orders VALUES (7)');
    process.chdir('elsewhere');
    const subscription = db.changes({ consumer: 'c' });
    expect(listSources()).toMatchObject([{ file: join(folder, 'shop.db'), state: 'running' }]);
    db.close();
    expect(ids(await collect(subscription))).toEqual(['bootstrap', 7]);
  } finally {
    process.chdir(start);
  }
});

describe('bad input is refused before anything changes', () => {
  const wrong: [string, unknown][] = [
    ['ROWTAP_BAD_OPTION', { tabels: ['orders'] }],
    ['ROWTAP_BAD_OPTION', { tables: 'orders' }],
    ['ROWTAP_BAD_OPTION', { tables: [1] }],
    ['ROWTAP_BAD_OPTION', { engine: 'trigger', durability: 'live' }],
    ['ROWTAP_BAD_OPTION', { logTable: '_rowtap_changes' }],
    ['ROWTAP_BAD_OPTION', { wake: {} }],
    ['ROWTAP_BAD_OPTION', { engine: 'trigger', maxTransactionMemory: 1000 }],
    ['ROWTAP_BAD_OPTION', { engine: 'trigger', logTable: 'orders' }],
    ['ROWTAP_NOT_INSTALLED', { engine: 'trigger', name: 'x' }],
    ['ROWTAP_BAD_OPTION', { engine: 'magic' }],
    ['ROWTAP_BAD_OPTION', { durability: 'logged' }],
    ['ROWTAP_BAD_OPTION', { retention: { maxBytes: 1 } }],
    ['ROWTAP_BAD_OPTION', { durability: 'log', retention: { maxAge: 1 } }],
    ['ROWTAP_BAD_OPTION', { durability: 'log', retention: { maxBytes: 0 } }],
    ['ROWTAP_BAD_OPTION', { retention: { maxAgeMs: 1 } }],
    ['ROWTAP_BAD_OPTION', { maxTransactionMemory: 0 }],
    ['ROWTAP_BAD_OPTION', { name: '' }],
    ['ROWTAP_NO_SUCH_TABLE', { tables: ['nothing'] }],
  ];
  test.each([...wrong, ['ROWTAP_BAD_OPTION', 'text'] as const, ['ROWTAP_BAD_OPTION', { consumer: 'x' }] as const])(
    'openSource: %s for %j',
    (expected, options) => {
      const db = database();
      expect(() => openSource(db, options as never)).toThrow(code(expected));
      expect(listSources()).toEqual([]);
    },
  );

  test.each([
    ...wrong,
    ['ROWTAP_BAD_OPTION', { consumer: '' }] as const,
    ['ROWTAP_BAD_OPTION', { snapshot: 'sometimes' }] as const,
    ['ROWTAP_BAD_OPTION', { ops: [] }] as const,
    ['ROWTAP_BAD_OPTION', { ops: ['upsert'] }] as const,
    ['ROWTAP_BAD_OPTION', { integers: 'int' }] as const,
    ['ROWTAP_BAD_OPTION', { maxBuffered: -1 }] as const,
    ['ROWTAP_BAD_OPTION', { maxBuffered: '1' }] as const,
    ['ROWTAP_BAD_OPTION', { ack: true }] as const,
    ['ROWTAP_BAD_OPTION', { skipUnchanged: 1 }] as const,
    ['ROWTAP_BAD_OPTION', { signal: {} }] as const,
    ['ROWTAP_BAD_OPTION', { onProgress: 'log' }] as const,
  ])('changes: %s for %j', (expected, options) => {
    const db = database();
    expect(() => db.changes(options as never)).toThrow(code(expected));
    expect(listSources()).toEqual([]);
    expect(ids([])).toEqual([]);
  });

  test('a message names the option and what it takes', () => {
    const db = database();
    expect(() => db.changes({ snapshots: 'initial' } as never)).toThrow(/no option "snapshots".*snapshot, /);
    expect(() => db.changes({ ack: 'never' as never })).toThrow('`ack` takes "auto", "manual"');
    expect(() => db.changes({ tables: ['order'] })).toThrow('no such table: order (the source "shop.db" has: orders, users)');
  });

  test('a path, another object, a closed database', () => {
    expect(() => openSource('shop.db')).toThrow(/needs an open Database/);
    expect(() => openSource({} as never)).toThrow(code('ROWTAP_BAD_OPTION'));
    const db = database();
    db.close();
    expect(() => openSource(db)).toThrow(code('ROWTAP_CLOSED'));
    expect(() => db.changes()).toThrow(code('ROWTAP_CLOSED'));
  });

  test('a closed source', async () => {
    const source = openSource(database());
    await source.close();
    expect(() => source.subscribe()).toThrow(code('ROWTAP_CLOSED'));
    expect(source.info().state).toBe('closed');
  });

  test('a consumer name in use, until the other is closed', async () => {
    const db = database();
    const first = db.changes({ consumer: 'me' });
    expect(() => db.changes({ consumer: 'me' })).toThrow(code('ROWTAP_DUPLICATE_CONSUMER'));
    expect(() => db.changes({ consumer: 'me', name: 'other source' })).toThrow(code('ROWTAP_DUPLICATE_CONSUMER'));
    expect(listSources().map(({ name }) => name)).toEqual(['shop.db']);
    await first.close();
    expect(() => db.changes({ consumer: 'me' })).not.toThrow();
  });

  test('a table that the source does not capture', () => {
    const source = openSource(database(), { tables: ['orders'] });
    expect(() => source.subscribe({ tables: ['users'] })).toThrow(code('ROWTAP_NO_SUCH_TABLE'));
    expect(() => source.subscribe({ tables: ['later_*', 'ORDERS'] })).not.toThrow();
  });
});

describe('ending', () => {
  test('closing the database delivers what was committed, then ends', async () => {
    const db = database();
    const subscription = db.changes();
    db.exec('INSERT INTO orders VALUES (1, NULL); INSERT INTO orders VALUES (2, NULL)');
    db.close();
    expect(listSources()).toEqual([]);
    expect(ids(await collect(subscription))).toEqual([1, 2]);
  });

  test('an open transaction that closing rolls back is not delivered', async () => {
    const db = database();
    const changes = collect(db.changes());
    db.exec('INSERT INTO orders VALUES (1, NULL); BEGIN; INSERT INTO orders VALUES (2, NULL)');
    db.close();
    expect(ids(await changes)).toEqual([1]);
  });

  test('the snapshot of a closed database is still read to its end', async () => {
    for (const where of ['shop.db', ':memory:']) {
      const db = database(where);
      db.exec('INSERT INTO orders VALUES (1, NULL)');
      const subscription = db.changes({ snapshot: 'initial', tables: ['orders'] });
      db.exec('INSERT INTO orders VALUES (2, NULL)');
      db.close();
      expect(ids(await collect(subscription))).toEqual(['bootstrap', 1, 2]);
    }
  });

  test('a source ends with the last database that uses it', async () => {
    const [first, second] = [database(), database()];
    const changes = collect(first.changes());
    second.changes({ tables: ['users'] });
    first.close();
    second.exec('INSERT INTO orders VALUES (1, NULL)');
    expect(listSources()[0]).toMatchObject({ tables: ['orders', 'users'], state: 'running' });
    second.close();
    expect(ids(await changes)).toEqual([1]);
  });

  test('closing the source ends its subscriptions at once', async () => {
    const db = database();
    const source = openSource(db);
    const [idle, busy] = [source.subscribe(), source.subscribe()];
    const idleChanges = collect(idle);
    await new Promise((resolve) => setImmediate(resolve));
    db.exec('INSERT INTO orders VALUES (1, NULL)');
    await Promise.all([source.close(), source.close(), source[Symbol.asyncDispose]()]);
    expect(await idleChanges).toEqual([]);
    expect(await collect(busy)).toEqual([]);
    db.exec('INSERT INTO orders VALUES (2, NULL)');
    expect(ids(await collectSome(openSource(db).subscribe({ snapshot: 'only', tables: ['orders'] })))).toEqual(['bootstrap', 1, 2]);
  });

  test('a source can be opened again after its end', async () => {
    const db = database();
    await openSource(db).close();
    const changes = collect(openSource(db).subscribe());
    db.exec('INSERT INTO orders VALUES (1, NULL)');
    db.close();
    expect(ids(await changes)).toEqual([1]);
  });
});

async function collectSome(subscription: Subscription): Promise<Change[]> {
  return collect(subscription);
}

describe('subscriptions', () => {
  test('each has its own filter, position and integers', async () => {
    const db = database();
    const all = db.changes();
    const users = db.changes({ tables: ['us*'] });
    const deletes = db.changes({ ops: ['delete'] });
    const big = db.changes({ integers: 'bigint', excludeTables: ['users'] });
    db.exec('INSERT INTO orders VALUES (1, NULL); INSERT INTO users VALUES (2); DELETE FROM orders');
    const late = db.changes();
    db.exec('INSERT INTO users VALUES (3)');
    db.close();
    expect(ids(await collect(all))).toEqual([1, 2, 1, 3]);
    expect(ids(await collect(users))).toEqual([2, 3]);
    expect(ids(await collect(deletes))).toEqual([1]);
    expect(ids(await collect(big))).toEqual([1n, 1n]);
    expect(ids(await collect(late))).toEqual([3]);
  });

  test('a laggard is closed loudly, gets what was queued, and hurts nobody', async () => {
    const db = database();
    const insert = db.prepare('INSERT INTO orders (state) VALUES (?)');
    const slow = db.changes({ maxBuffered: 10_000 });
    const slowIterator = slow[Symbol.asyncIterator]();
    const quick = collect(db.changes());
    for (let i = 0; i < 60; ++i) {
      insert.run('x'.repeat(1000));
      await new Promise((resolve) => setImmediate(resolve));
    }
    const seen: Change[] = [];
    const failure = await (async () => {
      for (;;) {
        const { value, done } = await slowIterator.next();
        if (done === true) return undefined;
        seen.push(value);
      }
    })().catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'ROWTAP_LAGGARD', retryable: true, lsn: seen.at(-1)?.lsn });
    expect(seen.length).toBeGreaterThan(5);
    expect(seen.length).toBeLessThan(60);
    expect((seen.at(-1) as RowChange).last).toBe(true);
    expect((await slowIterator.next()).done).toBe(true);
    db.close();
    expect(await quick).toHaveLength(60);
  });

  test('a burst written in one stretch is not lag', async () => {
    const db = database();
    const subscription = db.changes({ maxBuffered: 10_000 });
    const insert = db.prepare('INSERT INTO orders (state) VALUES (?)');
    for (let i = 0; i < 300; ++i) insert.run('x'.repeat(1000));
    db.close();
    expect(await collect(subscription)).toHaveLength(300);
  });

  test('one whose signal was aborted before is closed from the start', async () => {
    const db = database();
    expect(await collect(db.changes({ signal: AbortSignal.abort() }))).toEqual([]);
    expect(listSources()[0]?.subscriptions).toEqual([]);
  });

  test('one that nobody reads does not keep others from the end, nor the database from closing', async () => {
    const db = database();
    db.changes();
    const changes = collect(db.changes());
    db.exec('INSERT INTO orders VALUES (1, NULL)');
    db.close();
    expect(ids(await changes)).toEqual([1]);
  });
});

test('Database works with `new` and without', () => {
  const create = Database as unknown as (path: string) => Database;
  const db = create(':memory:');
  expect(db).toBeInstanceOf(Database);
  expect(db.constructor).toBe(Database);
  class Mine extends Database {
    readonly isMine = true;
  }
  const mine = new Mine(':memory:');
  expect(mine).toBeInstanceOf(Database);
  expect(mine.isMine).toBe(true);
  expect(Database.name).toBe('Database');
  db.close();
  mine.close();
});
