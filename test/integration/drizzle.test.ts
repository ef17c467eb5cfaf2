import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { eq, gt, relations, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/better-sqlite3';
import { migrate } from 'drizzle-orm/better-sqlite3/migrator';
import { blob, integer, real, sqliteTable, text } from 'drizzle-orm/sqlite-core';
import { Database } from 'rowtap';
import { expect, onTestFinished, test } from 'vitest';
import { databasePath, failureOf, Watched } from './watched.js';

const people = sqliteTable('people', {
  id: integer('id').primaryKey({ autoIncrement: true }),
  name: text('name').notNull(),
  email: text('email').unique(),
  bornAt: integer('born_at', { mode: 'timestamp_ms' }),
  isActive: integer('is_active', { mode: 'boolean' }).notNull().default(true),
  settings: text('settings', { mode: 'json' }).$type<{ theme: string; tags: string[] }>(),
  photo: blob('photo', { mode: 'buffer' }),
  balance: blob('balance', { mode: 'bigint' }),
  height: real('height'),
});
const orders = sqliteTable('orders', {
  id: integer('id').primaryKey(),
  personId: integer('person_id')
    .notNull()
    .references(() => people.id, { onDelete: 'cascade' }),
  cents: integer('cents').notNull(),
});
const peopleRelations = relations(people, ({ many }) => ({ orders: many(orders) }));
const orderRelations = relations(orders, ({ one }) => ({ person: one(people, { fields: [orders.personId], references: [people.id] }) }));
const schema = { people, orders, peopleRelations, orderRelations };

/** As drizzle-kit writes them. */
const migrations = [
  `CREATE TABLE \`people\` (
    \`id\` integer PRIMARY KEY AUTOINCREMENT NOT NULL, \`name\` text NOT NULL, \`email\` text, \`born_at\` integer,
    \`is_active\` integer DEFAULT true NOT NULL, \`settings\` text, \`photo\` blob, \`balance\` blob
  );
  --> statement-breakpoint
  CREATE UNIQUE INDEX \`people_email_unique\` ON \`people\` (\`email\`);`,
  `CREATE TABLE \`orders\` (
    \`id\` integer PRIMARY KEY NOT NULL, \`person_id\` integer NOT NULL, \`cents\` integer NOT NULL,
    FOREIGN KEY (\`person_id\`) REFERENCES \`people\`(\`id\`) ON UPDATE no action ON DELETE cascade
  );
  --> statement-breakpoint
  ALTER TABLE \`people\` ADD \`height\` real;`,
];

function writeMigrations(folder: string): string {
  mkdirSync(join(folder, 'meta'), { recursive: true });
  const entries = migrations.map((text, idx) => {
    const tag = `000${idx}_step`;
    writeFileSync(join(folder, `${tag}.sql`), text);
    return { idx, version: '6', when: 1_700_000_000_000 + idx, tag, breakpoints: true };
  });
  writeFileSync(join(folder, 'meta/_journal.json'), JSON.stringify({ version: '7', dialect: 'sqlite', entries }));
  return folder;
}

async function openShop() {
  const path = databasePath();
  const client = new Database(path);
  client.pragma('journal_mode = WAL');
  const watched = new Watched(client);
  onTestFinished(async () => {
    await watched.close();
    client.close();
  });
  const db = drizzle(client, { schema });
  const migrationsFolder = writeMigrations(join(dirname(path), 'drizzle'));
  migrate(db, { migrationsFolder });
  expect((await watched.transactions()).flat().filter((change) => change.startsWith('insert __drizzle_migrations'))).toHaveLength(2);
  migrate(db, { migrationsFolder });
  expect(await watched.transactions()).toEqual([]);
  return { db, client, watched };
}

test('inserts, updates, deletes and upserts arrive as they are committed', async () => {
  const { db, watched } = await openShop();
  expect(db.insert(people).values({ name: 'Ada', email: 'ada@x' }).run()).toEqual({ changes: 1, lastInsertRowid: 1 });
  const returned = db
    .insert(people)
    .values([{ name: 'Alan' }, { name: 'Grace', email: 'grace@x' }])
    .returning({ id: people.id })
    .all();
  expect(returned).toEqual([{ id: 2 }, { id: 3 }]);
  db.update(people).set({ name: 'Alan T.' }).where(eq(people.id, 2)).run();
  db.insert(people)
    .values({ name: 'Countess', email: 'ada@x' })
    .onConflictDoUpdate({ target: people.email, set: { name: sql`excluded.name` } })
    .run();
  db.insert(people).values({ name: 'Nobody', email: 'ada@x' }).onConflictDoNothing().run();
  db.delete(people).where(eq(people.id, 2)).run();
  const rest = 'born_at=null is_active=1 settings=null photo=null balance=null height=null';
  expect(await watched.transactions()).toEqual([
    [`insert people id=1 name=Ada email=ada@x ${rest}`],
    [`insert people id=2 name=Alan email=null ${rest}`, `insert people id=3 name=Grace email=grace@x ${rest}`],
    [`update people id=2 name=Alan T. email=null ${rest}`],
    [`update people id=1 name=Countess email=ada@x ${rest}`],
    [`delete people id=2 name=Alan T. email=null ${rest}`],
  ]);
});

test('a transaction arrives whole, without what its savepoints took back; one that fails does not arrive', async () => {
  const { db, watched } = await openShop();
  db.transaction((outer) => {
    outer.insert(people).values({ id: 1, name: 'Ada' }).run();
    expect(() =>
      outer.transaction((inner) => {
        inner.insert(orders).values({ personId: 1, cents: 999 }).run();
        inner.rollback();
      }),
    ).toThrow();
    outer.transaction((inner) => {
      inner.insert(orders).values({ id: 7, personId: 1, cents: 500 }).run();
    });
  });
  expect(await watched.transactions()).toEqual([
    [expect.stringContaining('insert people id=1 name=Ada'), 'insert orders id=7 person_id=1 cents=500'],
  ]);
  expect(() =>
    db.transaction(
      (outer) => {
        outer.delete(people).run();
        throw new Error('changed my mind');
      },
      { behavior: 'immediate' },
    ),
  ).toThrow('changed my mind');
  expect(await db.$count(people)).toBe(1);
  expect(await watched.transactions()).toEqual([]);
  db.delete(people).run();
  expect(await watched.transactions()).toEqual([
    [expect.stringContaining('delete people id=1'), 'delete orders id=7 person_id=1 cents=500'],
  ]);
});

test('constraints that are broken throw with the code of SQLite, and nothing arrives', async () => {
  const { db, watched } = await openShop();
  db.insert(people).values({ name: 'Ada', email: 'ada@x' }).run();
  await watched.transactions();
  const codes = [
    await failureOf(() => db.insert(people).values({ name: 'Other', email: 'ada@x' }).run()),
    await failureOf(() => db.insert(orders).values({ personId: 99, cents: 1 }).run()),
    await failureOf(() => db.run(sql`insert into people (name) values (null)`)),
    await failureOf(() => db.transaction((inner) => inner.insert(people).values({ id: 1, name: 'Other' }).run())),
  ].map(({ code }) => code);
  expect(codes).toEqual([
    'SQLITE_CONSTRAINT_UNIQUE',
    'SQLITE_CONSTRAINT_FOREIGNKEY',
    'SQLITE_CONSTRAINT_NOTNULL',
    'SQLITE_CONSTRAINT_PRIMARYKEY',
  ]);
  expect(await watched.transactions()).toEqual([]);
});

test('what is read has the types of the schema, also by relations and prepared', async () => {
  const { db, client, watched } = await openShop();
  const ada = {
    id: 1,
    name: 'Ada',
    email: null,
    bornAt: new Date('1815-12-10T00:00:00Z'),
    isActive: false,
    settings: { theme: 'dark', tags: ['a', 'ü'] },
    photo: Buffer.from([0, 255, 1]),
    balance: 9_007_199_254_740_993n,
    height: 1.65,
  };
  db.insert(people).values(ada).run();
  db.insert(orders)
    .values([
      { id: 1, personId: 1, cents: 5 },
      { id: 2, personId: 1, cents: 7 },
    ])
    .run();
  expect(db.select().from(people).get()).toEqual(ada);
  expect(db.query.people.findFirst({ with: { orders: { columns: { cents: true } } } }).sync()).toMatchObject({
    name: 'Ada',
    settings: ada.settings,
    orders: [{ cents: 5 }, { cents: 7 }],
  });
  const dear = db
    .select({ cents: orders.cents })
    .from(orders)
    .where(gt(orders.cents, sql.placeholder('least')))
    .prepare();
  expect([dear.all({ least: 5 }), dear.all({ least: 9 }), dear.values({ least: 0 })]).toEqual([[{ cents: 7 }], [], [[5], [7]]]);
  const { sql: text, params } = db.select().from(orders).toSQL();
  expect(
    Array.from(
      client
        .prepare(text)
        .raw()
        .iterate(...params),
    ),
  ).toEqual([
    [1, 1, 5],
    [2, 1, 7],
  ]);
  expect((await watched.transactions())[0]).toEqual([
    `insert people id=1 name=Ada email=null born_at=${ada.bornAt.getTime()} is_active=0 settings={"theme":"dark","tags":["a","ü"]} photo=x'00ff01' balance=x'39303037313939323534373430393933' height=1.65`,
  ]);
});
