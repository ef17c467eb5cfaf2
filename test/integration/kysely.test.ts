import { type Generated, Kysely, type Migration, Migrator, SqliteDialect, sql } from 'kysely';
import { jsonArrayFrom } from 'kysely/helpers/sqlite';
import { Database } from 'rowtap';
import { expect, onTestFinished, test } from 'vitest';
import { databasePath, failureOf, Watched } from './watched.js';

interface Tables {
  people: {
    id: Generated<number>;
    name: string;
    email: string | null;
    born_at: string | null;
    settings: string | null;
    photo: Uint8Array | null;
    balance: number | bigint | null;
  };
  orders: { id: Generated<number>; person_id: number; cents: number };
}

const migrations: Record<string, Migration> = {
  '1_people': {
    up: async (db: Kysely<unknown>) => {
      await db.schema
        .createTable('people')
        .addColumn('id', 'integer', (column) => column.primaryKey().autoIncrement())
        .addColumn('name', 'text', (column) => column.notNull())
        .addColumn('email', 'text', (column) => column.unique())
        .addColumn('born_at', 'text')
        .addColumn('settings', 'text')
        .addColumn('photo', 'blob')
        .execute();
    },
    down: async (db: Kysely<unknown>) => {
      await db.schema.dropTable('people').execute();
    },
  },
  '2_orders': {
    up: async (db: Kysely<unknown>) => {
      await db.schema
        .createTable('orders')
        .addColumn('id', 'integer', (column) => column.primaryKey())
        .addColumn('person_id', 'integer', (column) => column.notNull().references('people.id').onDelete('cascade'))
        .addColumn('cents', 'integer', (column) => column.notNull())
        .execute();
      await db.schema.alterTable('people').addColumn('balance', 'bigint').execute();
    },
    down: async (db: Kysely<unknown>) => {
      await db.schema.dropTable('orders').execute();
      await db.schema.alterTable('people').dropColumn('balance').execute();
    },
  },
};

async function openShop() {
  const database = new Database(databasePath());
  database.pragma('journal_mode = WAL');
  const watched = new Watched(database);
  const db = new Kysely<Tables>({ dialect: new SqliteDialect({ database }) });
  onTestFinished(async () => {
    await watched.close();
    await db.destroy();
    expect(database.open).toBe(false);
  });
  const migrator = new Migrator({ db, provider: { getMigrations: async () => migrations } });
  const { error, results } = await migrator.migrateToLatest();
  if (error !== undefined) throw error;
  expect(results?.map(({ status }) => status)).toEqual(['Success', 'Success']);
  expect((await watched.transactions()).flat().filter((change) => change.startsWith('insert kysely_migration name='))).toHaveLength(2);
  return { db, database, watched, migrator };
}

test('migrations go up and down under a subscriber', async () => {
  const { db, watched, migrator } = await openShop();
  await db.insertInto('people').values({ name: 'Ada', balance: 5 }).execute();
  expect((await migrator.migrateDown()).error).toBe(undefined);
  expect((await db.introspection.getTables()).map(({ name }) => name).sort()).toEqual(['people']);
  await watched.transactions();
  expect((await migrator.migrateToLatest()).error).toBe(undefined);
  expect(await db.selectFrom('people').select('balance').execute()).toEqual([{ balance: null }]);
  await watched.transactions();
});

test('inserts, updates, deletes and upserts arrive as they are committed', async () => {
  const { db, watched } = await openShop();
  const first = await db.insertInto('people').values({ name: 'Ada', email: 'ada@x' }).executeTakeFirstOrThrow();
  expect(first).toMatchObject({ insertId: 1n, numInsertedOrUpdatedRows: 1n });
  const returned = await db
    .insertInto('people')
    .values([{ name: 'Alan' }, { name: 'Grace' }])
    .returning('id')
    .execute();
  expect(returned).toEqual([{ id: 2 }, { id: 3 }]);
  expect(await db.updateTable('people').set({ name: 'Alan T.' }).where('id', '=', 2).executeTakeFirst()).toMatchObject({
    numUpdatedRows: 1n,
  });
  await db
    .insertInto('people')
    .values({ name: 'Countess', email: 'ada@x' })
    .onConflict((conflict) => conflict.column('email').doUpdateSet({ name: (row) => row.ref('excluded.name') }))
    .execute();
  await db
    .insertInto('people')
    .values({ name: 'Nobody', email: 'ada@x' })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  expect(await db.deleteFrom('people').where('id', 'in', [2, 3]).executeTakeFirst()).toMatchObject({ numDeletedRows: 2n });
  const rest = 'born_at=null settings=null photo=null balance=null';
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
  await db.transaction().execute(async (transaction) => {
    await transaction.insertInto('people').values({ id: 1, name: 'Ada' }).execute();
    await transaction.insertInto('orders').values({ id: 7, person_id: 1, cents: 500 }).execute();
    expect(await watched.transactions().catch(({ code }) => code)).toBe('ROWTAP_BUSY');
  });
  expect(await watched.transactions()).toEqual([
    [expect.stringContaining('insert people id=1 name=Ada'), 'insert orders id=7 person_id=1 cents=500'],
  ]);
  const failing = db.transaction().execute(async (transaction) => {
    await transaction.deleteFrom('people').execute();
    throw new Error('changed my mind');
  });
  await expect(failing).rejects.toThrow('changed my mind');
  expect(await watched.transactions()).toEqual([]);

  const controlled = await db.startTransaction().execute();
  await controlled.updateTable('orders').set({ cents: 1 }).execute();
  const saved = await controlled.savepoint('before_deleting').execute();
  await saved.deleteFrom('orders').execute();
  const back = await saved.rollbackToSavepoint('before_deleting').execute();
  await back.insertInto('orders').values({ id: 8, person_id: 1, cents: 2 }).execute();
  await back.releaseSavepoint('before_deleting').execute();
  await controlled.commit().execute();
  expect(await watched.transactions()).toEqual([['update orders id=7 person_id=1 cents=1', 'insert orders id=8 person_id=1 cents=2']]);
});

test('constraints that are broken reject with the SqliteError, and nothing arrives', async () => {
  const { db, watched } = await openShop();
  await db.insertInto('people').values({ name: 'Ada', email: 'ada@x' }).execute();
  await watched.transactions();
  const failures = [
    await failureOf(() => db.insertInto('people').values({ name: 'Other', email: 'ada@x' }).execute()),
    await failureOf(() => db.insertInto('orders').values({ person_id: 99, cents: 1 }).execute()),
    await failureOf(() => sql`insert into people (name) values (null)`.execute(db)),
    await failureOf(() => db.transaction().execute((inner) => inner.insertInto('people').values({ id: 1, name: 'Other' }).execute())),
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

test('what is read has the types that SQLite has, and JSON by the helpers', async () => {
  const { db, database, watched } = await openShop();
  const ada = {
    id: 1,
    name: 'Ada',
    email: null,
    born_at: new Date('1815-12-10T00:00:00Z').toISOString(),
    settings: JSON.stringify({ theme: 'dark' }),
    photo: Buffer.from([0, 255, 1]),
    balance: 9_007_199_254_740_993n,
  };
  await db.insertInto('people').values(ada).execute();
  await db
    .insertInto('orders')
    .values([
      { id: 1, person_id: 1, cents: 5 },
      { id: 2, person_id: 1, cents: 7 },
    ])
    .execute();
  database.defaultSafeIntegers();
  expect(await db.selectFrom('people').selectAll().executeTakeFirstOrThrow()).toEqual({ ...ada, id: 1n });
  database.defaultSafeIntegers(false);
  const withOrders = await db
    .selectFrom('people')
    .select((row) => [
      row
        .ref('settings', '->>')
        .key('theme' as never)
        .as('theme'),
      jsonArrayFrom(row.selectFrom('orders').select('cents').whereRef('person_id', '=', 'people.id').orderBy('id')).as('orders'),
    ])
    .executeTakeFirstOrThrow();
  expect(withOrders).toEqual({ theme: 'dark', orders: JSON.stringify([{ cents: 5 }, { cents: 7 }]) });
  expect((await watched.transactions())[0]).toEqual([
    `insert people id=1 name=Ada email=null born_at=1815-12-10T00:00:00.000Z settings={"theme":"dark"} photo=x'00ff01' balance=9007199254740993`,
  ]);
});

test('a stream gives rows one by one, and may be left', async () => {
  const { db, watched } = await openShop();
  await db
    .insertInto('people')
    .values(Array.from({ length: 1000 }, (_, at) => ({ name: `n${at}` })))
    .execute();
  let seen = 0;
  for await (const { id } of db.selectFrom('people').select('id').orderBy('id').stream()) {
    expect(id).toBe(++seen);
  }
  expect(seen).toBe(1000);
  for await (const { id } of db.selectFrom('people').select('id').stream()) {
    if (id === 3) break;
  }
  await db.deleteFrom('people').where('id', '>', 2).execute();
  expect((await watched.transactions()).map((transaction) => transaction.length)).toEqual([1000, 998]);
});
