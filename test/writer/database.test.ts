import { closeSync, existsSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Database, listSources, openSource } from '../../lib/index.js';
import { drivers, failureOf, open, temporaryPath } from './drivers.js';

/** What programs export that open their database when it is used for the first time. */
function lazily<Target extends object>(
  find: () => Target,
  use: (method: (...all: never[]) => unknown) => unknown = (method) => method,
): Target {
  return new Proxy({} as Target, {
    get(_, name) {
      const value = Reflect.get(find(), name) as unknown;
      return typeof value === 'function' ? use(value as (...all: never[]) => unknown) : value;
    },
  });
}

describe.each(drivers)('$name: new Database', (driver) => {
  const construct = (...parameters: unknown[]) =>
    failureOf(driver, () => new (driver.Database as new (...all: unknown[]) => { close(): void })(...parameters).close());

  it('creates the file, and says what it opened', () => {
    const path = temporaryPath();
    const db = open(driver, '', path);
    expect(existsSync(path)).toBe(true);
    expect([db.name, db.open, db.inTransaction, db.readonly, db.memory]).toEqual([path, true, false, false, false]);
    db.close();
    expect([db.name, db.open, db.inTransaction]).toEqual([path, false, false]);
  });

  it('keeps databases apart that are used in turn', () => {
    const one = open(driver, 'CREATE TABLE t (x)');
    const two = open(driver, 'CREATE TABLE t (x)');
    for (let round = 0; round < 5; round++) {
      one.exec('BEGIN; INSERT INTO t VALUES (1)');
      expect([one.inTransaction, two.inTransaction]).toEqual([true, false]);
      two.exec('INSERT INTO t VALUES (2), (3)');
      one.exec('COMMIT');
    }
    two.close();
    expect(failureOf(driver, () => two.exec('SELECT 1'))).toBe('TypeError');
    expect([one.inTransaction, two.inTransaction, one.pragma('user_version', { simple: true })]).toEqual([false, false, 0]);
    expect(one.prepare('SELECT count(*) FROM t').pluck().get()).toBe(5);
  });

  it.each([undefined, null, '', '  ', ':memory:'])('opens %j as a temporary or in-memory database', (path) => {
    const db = new driver.Database(path);
    expect([db.name, db.memory]).toEqual([path ?? '', true]);
    db.close();
  });

  it('keeps the name as it was given, and opens the file without the spaces around it', () => {
    const path = temporaryPath();
    const db = open(driver, '', ` ${path} `);
    expect(db.name).toBe(` ${path} `);
    expect(existsSync(path)).toBe(true);
  });

  it('takes a name that begins with "file:" for that file', () => {
    const path = temporaryPath('file:x.db?mode=memory');
    open(driver, 'CREATE TABLE t (a)', path);
    expect(existsSync(path)).toBe(true);
  });

  it('reads only, with the option readonly', () => {
    const path = temporaryPath();
    open(driver, 'CREATE TABLE t (a); INSERT INTO t VALUES (1)', path).close();
    const db = open(driver, '', path, { readonly: true });
    expect(db.readonly).toBe(true);
    expect(db.prepare('SELECT a FROM t').pluck().get()).toBe(1);
    expect(failureOf(driver, () => db.exec('INSERT INTO t VALUES (2)'))).toBe('SQLITE_READONLY');
  });

  it('creates no file that has to exist, or is to be read only', () => {
    const path = temporaryPath();
    expect(construct(path, { fileMustExist: true })).toBe('SQLITE_CANTOPEN');
    expect(construct(path, { readonly: true })).toBe('SQLITE_CANTOPEN');
    expect(existsSync(path)).toBe(false);
  });

  it('refuses a directory, and a path in a directory that does not exist', () => {
    const path = temporaryPath();
    mkdirSync(path);
    expect(construct(path)).toMatch(/^SQLITE_CANTOPEN/);
    expect(construct(join(dirname(path), 'missing', 'test.db'))).toBe('TypeError');
  });

  it('opens a file that is no database, and says so when it is used', () => {
    const path = temporaryPath();
    writeFileSync(path, 'This is not a database, although it is long enough to be taken for the header of one. '.repeat(20));
    const db = open(driver, '', path);
    expect(failureOf(driver, () => db.prepare('SELECT * FROM sqlite_master'))).toBe('SQLITE_NOTADB');
    expect(failureOf(driver, () => db.exec('CREATE TABLE t (a)'))).toBe('SQLITE_NOTADB');
  });

  it.each([
    [[0], 'TypeError'],
    [[-1], 'TypeError'],
    [[0.5], 'TypeError'],
    [[Number.NaN], 'TypeError'],
    [[{}], 'TypeError'],
    [[['a.db']], 'TypeError'],
    [['', 1], 'TypeError'],
    [['', 'readonly'], 'TypeError'],
    [['', null], undefined],
    [['', { readonly: true }], 'TypeError'],
    [[':memory:', { readonly: true }], 'TypeError'],
    [['', { readonly: 1 }], 'TypeError'],
    [['', { readonly: undefined }], 'TypeError'],
    [['', { readOnly: true }], 'TypeError'],
    [['', { memory: true }], 'TypeError'],
    [['', { fileMustExist: 'yes' }], 'TypeError'],
    [['', { timeout: '75' }], 'TypeError'],
    [['', { timeout: -1 }], 'TypeError'],
    [['', { timeout: 75.5 }], 'TypeError'],
    [['', { timeout: Number.NaN }], 'TypeError'],
    [['', { timeout: undefined }], 'TypeError'],
    [['', { timeout: 0x7fffffff }], undefined],
    [['', { timeout: 0x80000000 }], 'RangeError'],
    [['', { verbose: true }], 'TypeError'],
    [['', { verbose: null }], undefined],
    [['', { nativeBinding: 1 }], 'TypeError'],
    [['', { journalFd: undefined }], undefined],
    [['', { somethingElse: true }], undefined],
  ])('of %j throws %s', (parameters, expected) => {
    expect(construct(...parameters)).toBe(expected);
  });

  // Version 12 knows of no such option.
  it.skipIf(driver.version === 12)('has no use for "journalFd" with a path', () => {
    for (const journalFd of [3, -1, null, 'x']) expect(construct('', { journalFd })).toBe('TypeError');
    expect(construct('', { journalFd: 3, timeout: 0x80000000 })).toBe('RangeError');
  });

  it('sets what better-sqlite3 sets: foreign keys hold, "defensive" is on, SQL cannot load extensions', () => {
    const db = open(driver, 'CREATE TABLE t (a)');
    expect(db.pragma('foreign_keys', { simple: true })).toBe(1);
    expect(db.pragma('busy_timeout', { simple: true })).toBe(5000);
    expect(failureOf(driver, () => db.exec("SELECT load_extension('x')"))).toMatch(/^SQLITE_ERROR/);
    expect(failureOf(driver, () => db.exec('PRAGMA writable_schema = 1; DELETE FROM sqlite_master'))).toBe('SQLITE_ERROR');
  });

  it('waits for a lock as long as the option timeout says, then fails', () => {
    const path = temporaryPath();
    const holder = open(driver, 'CREATE TABLE t (a); BEGIN IMMEDIATE', path);
    const db = open(driver, '', path, { timeout: 20 });
    expect(db.pragma('busy_timeout', { simple: true })).toBe(20);
    expect(failureOf(driver, () => db.exec('INSERT INTO t VALUES (1)'))).toBe('SQLITE_BUSY');
    holder.exec('COMMIT');
    expect(failureOf(driver, () => db.exec('INSERT INTO t VALUES (1)'))).toBe(undefined);
  });

  it('shows what it is to console.log, and so does a statement', () => {
    const db = open(driver);
    const lines = ["name: ':memory:'", 'open: true', 'inTransaction: false', 'readonly: false', 'memory: true'];
    expect(inspect(db)).toBe(`Database {\n  ${lines.join(',\n  ')}\n}`);
    const statement = db.prepare('SELECT 1');
    const ofStatement = ['reader: true', 'readonly: true', "source: 'SELECT 1'", `database: ${inspect(db).replaceAll('\n', '\n  ')}`];
    // Version 13 has it last, and does not look at its value.
    const shown = driver.version === 13 ? [...ofStatement, 'busy: [Getter]'] : ['busy: false', ...ofStatement];
    expect(inspect(statement)).toBe(`Statement {\n  ${shown.join(',\n  ')}\n}`);
  });
});

describe.each(drivers)('$name: Database', (driver) => {
  const { Database } = driver;
  type Instance = InstanceType<typeof Database>;
  const asFunction = Database as unknown as (this: unknown, ...parameters: unknown[]) => Instance;

  it('is a function of that name, with two parameters, and constructs what is an instance of it', () => {
    expect([typeof Database, Database.name, Database.length]).toEqual(['function', 'Database', 2]);
    const db = open(driver);
    expect(db).toBeInstanceOf(Database);
    expect(Object.getPrototypeOf(db)).toBe(Database.prototype);
    expect(db.constructor).toBe(Database);
    expect(Object.hasOwn(Database.prototype, 'constructor')).toBe(true);
  });

  it('has the class of its errors as a property', () => {
    expect(Database.SqliteError).toBe(driver.SqliteError);
    expect(() => open(driver).exec('SELEKT')).toThrow(Database.SqliteError);
  });

  it.each([
    ['without new', (path: string) => asFunction(path, { readonly: true })],
    ['by call', (path: string) => asFunction.call({}, path, { readonly: true })],
    ['by apply', (path: string) => asFunction.apply(undefined, [path, { readonly: true }])],
    ['by bind', (path: string) => asFunction.bind(null, path)({ readonly: true })],
    ['by Reflect.construct', (path: string) => Reflect.construct(Database, [path, { readonly: true }])],
  ])('opens %s', (_how, make) => {
    const path = temporaryPath();
    open(driver, 'CREATE TABLE t (a); INSERT INTO t VALUES (1)', path).close();
    const db = make(path);
    expect(db).toBeInstanceOf(Database);
    expect([db.name, db.readonly, db.prepare('SELECT a FROM t').pluck().get()]).toEqual([path, true, 1]);
    db.close();
  });

  it('checks its arguments without new as well', () => {
    expect(failureOf(driver, () => asFunction.call(undefined, 1))).toBe('TypeError');
    expect(failureOf(driver, () => asFunction.call(undefined, temporaryPath(), { fileMustExist: true }))).toBe('SQLITE_CANTOPEN');
  });

  it('can be extended by a class, with fields, private fields, statics and methods of its own', () => {
    class Shop extends Database {
      static readonly kind = 'shop';
      static openInMemory(): Shop {
        return new Shop('lamp');
      }
      readonly items: string[] = [];
      #sold = 0;

      constructor(item: string) {
        super(':memory:');
        this.exec('CREATE TABLE sales (item)');
        this.items.push(item);
      }

      get sold(): number {
        return this.#sold;
      }

      sell(item: string): void {
        this.prepare('INSERT INTO sales VALUES (?)').run(item);
        this.#sold++;
      }

      override pragma(source: string, options?: { simple?: boolean }): unknown {
        return [source, super.pragma(source, options)];
      }
    }
    const shop = Shop.openInMemory();
    shop.sell('lamp');
    expect(shop).toBeInstanceOf(Shop);
    expect(shop).toBeInstanceOf(Database);
    expect(Object.getPrototypeOf(shop)).toBe(Shop.prototype);
    expect([shop.constructor, Shop.kind, Shop.SqliteError]).toEqual([Shop, 'shop', driver.SqliteError]);
    expect([shop.items, shop.sold, shop.prepare('SELECT * FROM sales').pluck().all()]).toEqual([['lamp'], 1, ['lamp']]);
    expect(shop.pragma('user_version', { simple: true })).toEqual(['user_version', 0]);
    expect(shop.prepare('SELECT 1').database).toBe(shop);
    shop.close();
    expect(shop.open).toBe(false);
  });

  it('makes an instance of the class that is asked for by Reflect.construct', () => {
    class Other extends Database {}
    const db = Reflect.construct(Database, [':memory:'], Other);
    expect(Object.getPrototypeOf(db)).toBe(Other.prototype);
    expect(db.prepare('SELECT 1').pluck().get()).toBe(1);
    db.close();
  });

  it('shows its members to for … in, and so do statements', () => {
    const namesIn = (object: object): string[] => {
      const names: string[] = [];
      for (const name in object) names.push(name);
      return names;
    };
    const members = 'name open inTransaction readonly memory prepare transaction pragma exec close defaultSafeIntegers unsafeMode';
    const db = open(driver);
    expect(namesIn(db)).toEqual(expect.arrayContaining(members.split(' ')));
    const ofStatement = 'database source reader readonly busy run get all iterate bind pluck expand raw safeIntegers columns';
    expect(namesIn(db.prepare('SELECT 1'))).toEqual(expect.arrayContaining(ofStatement.split(' ')));
  });

  it.each([
    ['a proxy of it', (db: Instance) => new Proxy(db, {})],
    ['a proxy that finds it when it is asked for something', (db: Instance) => lazily(() => db)],
    [
      'a proxy whose methods are bound to it',
      (db: Instance) =>
        lazily(
          () => db,
          (method) => method.bind(db) as unknown,
        ),
    ],
    ['an object that inherits from it', (db: Instance) => Object.assign(Object.create(db) as Instance, { own: 1 })],
  ])('can be used through %s', (how, wrap) => {
    const path = temporaryPath();
    const real = new Database(path);
    const db = wrap(real);
    expect(db.exec('CREATE TABLE t (a)')).toBe(how.includes('bound') ? real : db);
    expect(db.prepare('INSERT INTO t VALUES (?)').run(1).changes).toBe(1);
    db.transaction((value: number) => db.prepare('INSERT INTO t VALUES (?)').run(value))(2);
    db.function('twice', (value: number) => value * 2);
    db.aggregate('total', { start: 0, step: (total: number, value: number) => total + value });
    expect(db.prepare('SELECT total(twice(a)) FROM t').pluck().get()).toBe(6);
    expect(db.pragma('user_version', { simple: true })).toBe(0);
    expect(db.serialize().length).toBeGreaterThan(0);
    expect([db.name, db.open, db.inTransaction, db.readonly, db.memory]).toEqual([path, true, false, false, false]);
    db.close();
    expect([db.open, real.open]).toEqual([false, false]);
    expect(failureOf(driver, () => db.prepare('SELECT 1'))).toBe('TypeError');
  });

  it('can have its methods replaced, on the prototype and on an instance', () => {
    const { exec } = Database.prototype;
    const seen: string[] = [];
    const patched = {
      exec(this: Instance, sql: string): Instance {
        seen.push(sql);
        return exec.call(this, sql);
      },
    };
    Object.assign(Database.prototype, patched);
    try {
      const db = open(driver);
      db.exec('SELECT 1');
      Object.assign(db, { exec: () => 'own' });
      expect([seen, db.exec('SELECT 2')]).toEqual([['SELECT 1'], 'own']);
    } finally {
      Object.assign(Database.prototype, { exec });
    }
  });
});

describe('rowtap: a database behind a proxy', () => {
  it('is followed as it is itself, until that is closed', async () => {
    const real = new Database(':memory:');
    const db = lazily(() => real);
    db.exec('CREATE TABLE t (a)');
    const changes = db.changes();
    expect(openSource(db, { name: 'another' }).name).toBe('another');
    db.exec('INSERT INTO t VALUES (1)');
    real.close();
    const seen: unknown[] = [];
    for await (const { after } of changes) seen.push(after);
    expect(seen).toEqual([{ a: 1 }]);
    expect(listSources()).toEqual([]);
  });
});

describe('rowtap: new Database', () => {
  it('refuses file descriptors, and says what it wants instead', () => {
    const path = temporaryPath();
    const [database, journal] = [openSync(path, 'w+'), openSync(`${path}-journal`, 'w+')];
    onTestFinished(() => [database, journal].forEach((descriptor) => closeSync(descriptor)));
    const create = Database as unknown as new (...all: unknown[]) => unknown;
    for (const given of [[database, { journalFd: journal }], [database]]) {
      expect(() => new create(...given)).toThrow(
        new TypeError(
          'A database cannot be opened from a file descriptor: give the path of its file, by which its sources open it as well',
        ),
      );
    }
    expect(() => new create(path, { journalFd: journal })).toThrow(/^There is no option "journalFd": give the path/);
  });
});
