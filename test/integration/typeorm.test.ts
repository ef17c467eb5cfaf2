import { Database } from 'rowtap';
import { DataSource, EntitySchema, type MigrationInterface, QueryFailedError, type QueryRunner, Table, TableColumn } from 'typeorm';
import { expect, onTestFinished, test } from 'vitest';
import { databasePath, failureOf, Watched } from './watched.js';

interface Person {
  id: number;
  name: string;
  email: string | null;
  bornAt: Date | null;
  isActive: boolean;
  settings: { theme: string } | null;
  photo: Buffer | null;
  tags: string[] | null;
  balance: bigint | number | null;
  orders: Order[];
}
interface Order {
  id: number;
  cents: number;
  person: Person;
}

const PersonEntity = new EntitySchema<Person>({
  name: 'Person',
  tableName: 'people',
  columns: {
    id: { type: 'integer', primary: true, generated: 'increment' },
    name: { type: 'varchar' },
    email: { type: 'varchar', nullable: true, unique: true },
    bornAt: { type: 'datetime', nullable: true },
    isActive: { type: 'boolean', default: true },
    settings: { type: 'simple-json', nullable: true },
    photo: { type: 'blob', nullable: true },
    tags: { type: 'simple-array', nullable: true },
    balance: { type: 'bigint', nullable: true },
  },
  relations: { orders: { type: 'one-to-many', target: 'Order', inverseSide: 'person', cascade: ['insert'] } },
});
const OrderEntity = new EntitySchema<Order>({
  name: 'Order',
  tableName: 'orders',
  columns: { id: { type: 'integer', primary: true, generated: 'increment' }, cents: { type: 'integer' } },
  relations: { person: { type: 'many-to-one', target: 'Person', inverseSide: 'orders', nullable: false, onDelete: 'CASCADE' } },
});

class MakePeople1700000000001 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.createTable(
      new Table({
        name: 'people',
        columns: [
          { name: 'id', type: 'integer', isPrimary: true, isGenerated: true, generationStrategy: 'increment' },
          { name: 'name', type: 'varchar' },
          { name: 'email', type: 'varchar', isNullable: true, isUnique: true },
          { name: 'bornAt', type: 'datetime', isNullable: true },
          { name: 'isActive', type: 'boolean', default: 1 },
          { name: 'settings', type: 'text', isNullable: true },
          { name: 'photo', type: 'blob', isNullable: true },
          { name: 'tags', type: 'text', isNullable: true },
        ],
      }),
    );
  }
  async down(runner: QueryRunner): Promise<void> {
    await runner.dropTable('people');
  }
}
class MakeOrders1700000000002 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.createTable(
      new Table({
        name: 'orders',
        columns: [
          { name: 'id', type: 'integer', isPrimary: true, isGenerated: true, generationStrategy: 'increment' },
          { name: 'cents', type: 'integer' },
          { name: 'personId', type: 'integer' },
        ],
        foreignKeys: [{ columnNames: ['personId'], referencedTableName: 'people', referencedColumnNames: ['id'], onDelete: 'CASCADE' }],
      }),
    );
    // Copies the whole table, as TypeORM does for SQLite.
    await runner.addColumn('people', new TableColumn({ name: 'balance', type: 'bigint', isNullable: true }));
  }
  async down(runner: QueryRunner): Promise<void> {
    await runner.dropColumn('people', 'balance');
    await runner.dropTable('orders');
  }
}

async function openShop() {
  let database: Database | undefined;
  const dataSource = new DataSource({
    type: 'better-sqlite3',
    driver: Database,
    database: databasePath(),
    enableWAL: true,
    entities: [PersonEntity, OrderEntity],
    migrations: [MakePeople1700000000001, MakeOrders1700000000002],
    prepareDatabase: (opened: Database) => {
      database = opened;
    },
  });
  await dataSource.initialize();
  if (database === undefined) throw new Error('it has not connected');
  const opened = database;
  const watched = new Watched(opened);
  onTestFinished(async () => {
    await watched.close();
    await dataSource.destroy();
    expect(opened.open).toBe(false);
  });
  expect((await dataSource.runMigrations()).map(({ name }) => name)).toEqual(['MakePeople1700000000001', 'MakeOrders1700000000002']);
  expect((await watched.transactions()).flat().filter((change) => change.startsWith('insert migrations '))).toHaveLength(2);
  return {
    dataSource,
    database: opened,
    watched,
    people: dataSource.getRepository(PersonEntity),
    orders: dataSource.getRepository(OrderEntity),
  };
}

const rest = 'bornAt=null isActive=1 settings=null photo=null tags=null balance=null';

test('migrations go down and up again under a subscriber', async () => {
  const { dataSource, people, watched } = await openShop();
  await people.insert({ name: 'Ada', balance: 5 });
  await dataSource.undoLastMigration();
  const columns = (await dataSource.createQueryRunner().getTable('people'))?.columns.map(({ name }) => name);
  expect(columns).toEqual(['id', 'name', 'email', 'bornAt', 'isActive', 'settings', 'photo', 'tags']);
  await watched.transactions();
  await dataSource.runMigrations();
  expect(await people.find()).toMatchObject([{ name: 'Ada', balance: null }]);
  await watched.transactions();
});

test('the schema is synchronized under a subscriber', async () => {
  const { dataSource, people, watched } = await openShop();
  await people.insert({ name: 'Ada' });
  await dataSource.synchronize(true);
  expect(await people.count()).toBe(0);
  await people.insert({ name: 'Alan' });
  await watched.transactions();
});

test('inserts, updates, deletes and upserts arrive as they are committed', async () => {
  const { people, watched } = await openShop();
  const ada = await people.save({ name: 'Ada', email: 'ada@x' });
  expect(ada).toMatchObject({ id: 1, isActive: true });
  expect((await people.insert([{ name: 'Alan' }, { name: 'Grace' }])).identifiers).toEqual([{ id: 2 }, { id: 3 }]);
  expect((await people.update({ id: 2 }, { name: 'Alan T.' })).affected).toBe(1);
  await people.upsert({ name: 'Countess', email: 'ada@x' }, ['email']);
  await people.createQueryBuilder().insert().values({ name: 'Nobody', email: 'ada@x' }).orIgnore().execute();
  expect((await people.delete([2, 3])).affected).toBe(2);
  await people.remove(await people.findOneByOrFail({ email: 'ada@x' }));
  expect(await watched.transactions()).toEqual([
    [`insert people id=1 name=Ada email=ada@x ${rest}`],
    [`insert people id=2 name=Alan email=null ${rest}`, `insert people id=3 name=Grace email=null ${rest}`],
    [`update people id=2 name=Alan T. email=null ${rest}`],
    [`update people id=1 name=Countess email=ada@x ${rest}`],
    [`delete people id=2 name=Alan T. email=null ${rest}`, `delete people id=3 name=Grace email=null ${rest}`],
    [`delete people id=1 name=Countess email=ada@x ${rest}`],
  ]);
});

test('a transaction arrives whole, without what its savepoints took back; one that fails does not arrive', async () => {
  const { dataSource, people, watched } = await openShop();
  await dataSource.transaction(async (outer) => {
    await outer.insert(PersonEntity, { id: 1, name: 'Ada' });
    const undone = outer.transaction(async (inner) => {
      await inner.insert(OrderEntity, { cents: 999, person: { id: 1 } });
      throw new Error('only this part');
    });
    await expect(undone).rejects.toThrow('only this part');
    await outer.transaction(async (inner) => {
      await inner.insert(OrderEntity, { id: 7, cents: 500, person: { id: 1 } });
    });
  });
  expect(await watched.transactions()).toEqual([
    [`insert people id=1 name=Ada email=null ${rest}`, 'insert orders id=7 cents=500 personId=1'],
  ]);
  const failing = dataSource.transaction(async (manager) => {
    await manager.clear(OrderEntity);
    await manager.delete(PersonEntity, { id: 1 });
    throw new Error('changed my mind');
  });
  await expect(failing).rejects.toThrow('changed my mind');
  const runner = dataSource.createQueryRunner();
  await runner.startTransaction();
  await runner.manager.update(PersonEntity, { id: 1 }, { name: 'Countess' });
  await runner.rollbackTransaction();
  expect(await watched.transactions()).toEqual([]);
  await people.save({ name: 'Alan', orders: [{ cents: 1 } as Order, { cents: 2 } as Order] });
  await people.delete(1);
  expect(await watched.transactions()).toEqual([
    [`insert people id=2 name=Alan email=null ${rest}`, 'insert orders id=8 cents=1 personId=2', 'insert orders id=9 cents=2 personId=2'],
    [`delete people id=1 name=Ada email=null ${rest}`, 'delete orders id=7 cents=500 personId=1'],
  ]);
});

test('constraints that are broken reject with the code of SQLite, and nothing arrives', async () => {
  const { dataSource, people, orders, watched } = await openShop();
  await people.insert({ name: 'Ada', email: 'ada@x' });
  await watched.transactions();
  const failures = [
    await failureOf(() => people.insert({ name: 'Other', email: 'ada@x' })),
    await failureOf(() => orders.insert({ cents: 1, person: { id: 99 } })),
    await failureOf(() => dataSource.query('INSERT INTO people (name) VALUES (NULL)')),
    await failureOf(() => dataSource.transaction((manager) => manager.insert(PersonEntity, { id: 1, name: 'Other' }))),
  ];
  expect(failures.map(({ code }) => code)).toEqual([
    'SQLITE_CONSTRAINT_UNIQUE',
    'SQLITE_CONSTRAINT_FOREIGNKEY',
    'SQLITE_CONSTRAINT_NOTNULL',
    'SQLITE_CONSTRAINT_PRIMARYKEY',
  ]);
  for (const { error, code } of failures) {
    expect(error).toBeInstanceOf(QueryFailedError);
    expect(error).toHaveProperty('code', code);
  }
  expect(await watched.transactions()).toEqual([]);
});

test('what is read has the types of the entities, and rows can be iterated through the database itself', async () => {
  const { database, people, watched } = await openShop();
  const ada = {
    id: 1,
    name: 'Ada',
    email: null,
    bornAt: new Date('1815-12-10T00:00:00Z'),
    isActive: false,
    settings: { theme: 'dark' },
    photo: Buffer.from([0, 255, 1]),
    tags: ['a', 'ü'],
  };
  await people.insert({ ...ada, balance: 9_007_199_254_740_993n });
  expect(await people.findOneByOrFail({ name: 'Ada' })).toMatchObject(ada);
  const [sql, parameters] = people
    .createQueryBuilder('person')
    .select('person.balance', 'balance')
    .where({ name: 'Ada' })
    .getQueryAndParameters();
  expect(
    Array.from(
      database
        .prepare(sql)
        .safeIntegers()
        .iterate(...parameters),
    ),
  ).toEqual([{ balance: 9_007_199_254_740_993n }]);
  expect(await watched.transactions()).toEqual([
    [
      `insert people id=1 name=Ada email=null bornAt=1815-12-10 00:00:00.000 isActive=0 settings={"theme":"dark"} photo=x'00ff01' tags=a,ü balance=9007199254740993`,
    ],
  ]);
});
