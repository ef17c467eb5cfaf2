import { createRequire } from 'node:module';
import knex, { type Knex } from 'knex';
import { Database } from 'rowtap';
import { expect, onTestFinished, test } from 'vitest';
import { databasePath, failureOf, Watched } from './watched.js';

const BetterSqlite3Client = createRequire(import.meta.url)('knex/lib/dialects/better-sqlite3/index.js') as typeof Knex.Client;

class RowtapClient extends BetterSqlite3Client {
  _driver(): typeof Database {
    return Database;
  }
}

interface Person {
  id: number;
  name: string;
  email: string | null;
  born_at: number | null;
  settings: string | null;
  photo: Buffer | null;
  balance: number | bigint | null;
  is_active: number;
}

const migrations: Record<string, Knex.Migration> = {
  '1_people': {
    up: (db) =>
      db.schema.createTable('people', (table) => {
        table.increments('id');
        table.string('name').notNullable();
        table.string('email').unique();
        table.datetime('born_at');
        table.json('settings');
        table.binary('photo');
        table.bigInteger('balance');
      }),
    down: (db) => db.schema.dropTable('people'),
  },
  '2_orders': {
    up: async (db) => {
      await db.schema.createTable('orders', (table) => {
        table.increments('id');
        table.integer('person_id').notNullable().references('people.id').onDelete('CASCADE');
        table.integer('cents').notNullable();
      });
      await db.schema.alterTable('people', (table) => {
        table.boolean('is_active').notNullable().defaultTo(true);
      });
    },
    down: async (db) => {
      await db.schema.dropTable('orders');
      await db.schema.alterTable('people', (table) => {
        table.dropColumn('is_active');
      });
    },
  },
};
const migrationSource: Knex.MigrationSource<string> = {
  getMigrations: async () => Object.keys(migrations),
  getMigrationName: (name) => name,
  getMigration: async (name) => migrations[name] as Knex.Migration,
};

async function openShop() {
  let database: Database | undefined;
  let watched: Watched | undefined;
  const db = knex({
    client: RowtapClient,
    connection: { filename: databasePath() },
    useNullAsDefault: true,
    pool: {
      afterCreate(connection: Database, done: (error: Error | null, connection: Database) => void) {
        connection.pragma('journal_mode = WAL');
        database = connection;
        watched = new Watched(connection);
        done(null, connection);
      },
    },
  });
  onTestFinished(async () => {
    await watched?.close();
    await db.destroy();
    expect(database?.open).toBe(false);
  });
  await db.migrate.latest({ migrationSource });
  if (watched === undefined) throw new Error('it has not connected');
  expect((await watched.transactions()).flat().filter((change) => change.startsWith('insert knex_migrations '))).toHaveLength(2);
  return { db, watched };
}

test('migrations go down and up again under a subscriber', async () => {
  const { db, watched } = await openShop();
  await db<Person>('people').insert({ name: 'Ada' });
  await db.migrate.down({ migrationSource });
  expect([await db.schema.hasTable('orders'), await db.schema.hasColumn('people', 'is_active')]).toEqual([false, false]);
  await watched.transactions();
  await db.migrate.latest({ migrationSource });
  expect(await db<Person>('people').select('name', 'is_active')).toEqual([{ name: 'Ada', is_active: 1 }]);
  await watched.transactions();
});

test('inserts, updates, deletes and upserts arrive as they are committed', async () => {
  const { db, watched } = await openShop();
  expect(await db<Person>('people').insert({ name: 'Ada', email: 'ada@x' })).toEqual([1]);
  expect(
    await db<Person>('people')
      .insert([{ name: 'Alan' }, { name: 'Grace' }])
      .returning('id'),
  ).toEqual([{ id: 2 }, { id: 3 }]);
  expect(await db<Person>('people').where({ id: 2 }).update({ name: 'Alan T.' })).toBe(1);
  await db<Person>('people').insert({ name: 'Countess', email: 'ada@x' }).onConflict('email').merge(['name']);
  await db<Person>('people').insert({ name: 'Nobody', email: 'ada@x' }).onConflict('email').ignore();
  expect(await db<Person>('people').whereIn('id', [2, 3]).delete()).toBe(2);
  const rest = 'born_at=null settings=null photo=null balance=null is_active=1';
  expect(await watched.transactions()).toEqual([
    [`insert people id=1 name=Ada email=ada@x ${rest}`],
    [`insert people id=2 name=Alan email=null ${rest}`, `insert people id=3 name=Grace email=null ${rest}`],
    [`update people id=2 name=Alan T. email=null ${rest}`],
    [`update people id=1 name=Countess email=ada@x ${rest}`],
    [`delete people id=2 name=Alan T. email=null ${rest}`, `delete people id=3 name=Grace email=null ${rest}`],
  ]);
});

test('a transaction arrives whole, without what its savepoints took back; one that fails does not arrive', async () => {
  const { db, watched } = await openShop();
  await db.transaction(async (outer) => {
    await outer('people').insert({ id: 1, name: 'Ada' });
    const undone = outer.transaction(async (inner) => {
      await inner('orders').insert({ person_id: 1, cents: 999 });
      throw new Error('only this part');
    });
    await expect(undone).rejects.toThrow('only this part');
    await outer.transaction(async (inner) => {
      await inner('orders').insert({ id: 7, person_id: 1, cents: 500 });
    });
  });
  expect(await watched.transactions()).toEqual([
    [expect.stringContaining('insert people id=1 name=Ada'), 'insert orders id=7 person_id=1 cents=500'],
  ]);
  const transaction = await db.transaction();
  await transaction('people').delete();
  await transaction.rollback();
  expect(await db('people').count({ count: '*' })).toEqual([{ count: 1 }]);
  expect(await watched.transactions()).toEqual([]);
  await db('people').delete();
  expect(await watched.transactions()).toEqual([
    [expect.stringContaining('delete people id=1'), 'delete orders id=7 person_id=1 cents=500'],
  ]);
});

test('constraints that are broken reject with the SqliteError, and nothing arrives', async () => {
  const { db, watched } = await openShop();
  await db('people').insert({ name: 'Ada', email: 'ada@x' });
  await watched.transactions();
  const failures = [
    await failureOf(() => db('people').insert({ name: 'Other', email: 'ada@x' })),
    await failureOf(() => db('orders').insert({ person_id: 99, cents: 1 })),
    await failureOf(() => db('people').insert({ name: null })),
    await failureOf(() => db.transaction((inner) => inner('people').insert({ id: 1, name: 'Other' }))),
  ];
  expect(failures.map(({ code }) => code)).toEqual([
    'SQLITE_CONSTRAINT_UNIQUE',
    'SQLITE_CONSTRAINT_FOREIGNKEY',
    'SQLITE_CONSTRAINT_NOTNULL',
    'SQLITE_CONSTRAINT_PRIMARYKEY',
  ]);
  expect(failures.every(({ error }) => error instanceof Database.SqliteError)).toBe(true);
  expect(await watched.transactions()).toEqual([]);
});

test('what is read has the types that SQLite has; dates are milliseconds, booleans numbers', async () => {
  const { db, watched } = await openShop();
  const bornAt = new Date('1815-12-10T00:00:00Z');
  const settings = JSON.stringify({ theme: 'dark' });
  const photo = Buffer.from([0, 255, 1]);
  const balance = 9_007_199_254_740_993n;
  await db('people').insert({ name: 'Ada', born_at: bornAt, settings, photo, balance, is_active: false });
  const expected = { id: 1n, name: 'Ada', email: null, born_at: BigInt(bornAt.getTime()), settings, photo, balance, is_active: 0n };
  expect(await db('people').options({ safeIntegers: true }).first()).toEqual(expected);
  expect(await db('people').jsonExtract('settings', '$.theme', 'theme')).toEqual([{ theme: 'dark' }]);
  expect(await watched.transactions()).toEqual([
    [
      `insert people id=1 name=Ada email=null born_at=${bornAt.getTime()} settings=${settings} photo=x'00ff01' balance=9007199254740993 is_active=0`,
    ],
  ]);
});

test('a stream gives every row', async () => {
  const { db, watched } = await openShop();
  await db.batchInsert(
    'people',
    Array.from({ length: 1000 }, (_, at) => ({ name: `n${at}` })),
    100,
  );
  let seen = 0;
  for await (const { id } of db<Person>('people').orderBy('id').stream() as AsyncIterable<Person>) {
    expect(id).toBe(++seen);
  }
  expect(seen).toBe(1000);
  expect((await watched.transactions()).map((transaction) => transaction.length)).toEqual([1000]);
});
