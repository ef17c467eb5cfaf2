import { describe, expect, it } from 'vitest';
import { drivers, failureOf, open, temporaryPath } from './drivers.js';

describe.each(drivers)('$name: transaction', (driver) => {
  const openTable = () => {
    const db = open(driver, 'CREATE TABLE t (a UNIQUE)');
    const insert = db.prepare('INSERT INTO t VALUES (?)');
    return { db, insert, rows: () => db.prepare('SELECT a FROM t ORDER BY a').pluck().all() };
  };

  it('commits when the function returns, and gives back what it returned', () => {
    const { db, insert, rows } = openTable();
    const states: boolean[] = [];
    const add = db.transaction((a: number, b: number) => {
      states.push(db.inTransaction);
      insert.run(a);
      insert.run(b);
      return a + b;
    });
    expect(add(1, 2)).toBe(3);
    expect([states, db.inTransaction, rows()]).toEqual([[true], false, [1, 2]]);
  });

  it('rolls back when the function throws, and throws on', () => {
    const { db, insert, rows } = openTable();
    const reason = new Error('changed my mind');
    const add = db.transaction(() => {
      insert.run(1);
      throw reason;
    });
    expect(() => add()).toThrow(reason);
    expect([db.inTransaction, rows()]).toEqual([false, []]);
  });

  it('hands `this` and the arguments through', () => {
    const { db } = openTable();
    const seen = db.transaction(function (this: unknown, ...all: unknown[]) {
      return [this, ...all];
    });
    const object = { seen };
    expect((object.seen as (...all: unknown[]) => unknown)(1, 'two')).toEqual([object, 1, 'two']);
  });

  it('has the four kinds as properties of each', () => {
    const { db } = openTable();
    const fn = db.transaction(() => 'done');
    for (const each of [fn, fn.default, fn.deferred, fn.immediate, fn.exclusive]) {
      expect(each()).toBe('done');
      expect([each.default, each.deferred, each.immediate, each.exclusive, each.database]).toEqual([
        fn.default,
        fn.deferred,
        fn.immediate,
        fn.exclusive,
        db,
      ]);
      expect(Object.keys(each)).toEqual(['database']);
    }
    expect(fn.default).toBe(fn);
    expect(failureOf(driver, () => Object.assign(fn, { immediate: fn }))).toBe('TypeError');
  });

  it('takes the write lock at once when immediate, and every lock when exclusive', () => {
    const path = temporaryPath();
    const db = open(driver, 'CREATE TABLE t (a)', path);
    const other = open(driver, '', path, { timeout: 0 });
    const probe = db.transaction(() => [
      failureOf(driver, () => other.prepare('SELECT count(*) FROM t').get()),
      failureOf(driver, () => other.exec('INSERT INTO t VALUES (1)')),
    ]);
    expect(probe()).toEqual([undefined, undefined]);
    expect(probe.deferred()).toEqual([undefined, undefined]);
    expect(probe.immediate()).toEqual([undefined, 'SQLITE_BUSY']);
    expect(probe.exclusive()).toEqual(['SQLITE_BUSY', 'SQLITE_BUSY']);
  });

  it('nests: the inner one alone is undone where the outer one catches', () => {
    const { db, insert, rows } = openTable();
    const inner = db.transaction((a: number, isFailing: boolean) => {
      insert.run(a);
      if (isFailing) throw new Error(`not ${a}`);
    });
    const outer = db.transaction(() => {
      insert.run(1);
      inner(2, false);
      expect(() => inner(3, true)).toThrow('not 3');
      db.transaction(() => {
        inner(4, false);
        expect(() => inner.immediate(5, true)).toThrow('not 5');
      })();
    });
    outer();
    expect([db.inTransaction, rows()]).toEqual([false, [1, 2, 4]]);
  });

  it('undoes the inner ones with the outer one', () => {
    const { db, insert, rows } = openTable();
    const inner = db.transaction((a: number) => insert.run(a));
    expect(() =>
      db.transaction(() => {
        inner(1);
        throw new Error('all of it');
      })(),
    ).toThrow('all of it');
    expect(rows()).toEqual([]);
  });

  it('becomes a savepoint inside a transaction that was begun by hand', () => {
    const { db, insert, rows } = openTable();
    db.exec('BEGIN');
    db.transaction(() => insert.run(1))();
    expect(db.inTransaction).toBe(true);
    db.exec('ROLLBACK');
    expect(rows()).toEqual([]);
  });

  it('may be called by itself, deeply', () => {
    const { db, insert, rows } = openTable();
    const countDown = db.transaction((a: number): void => {
      insert.run(a);
      if (a > 0) (countDown as (a: number) => void)(a - 1);
    });
    countDown(20);
    expect(rows()).toHaveLength(21);
  });

  it('refuses a function that returns a promise, and undoes what it did', () => {
    const { db, insert, rows } = openTable();
    const add = db.transaction(async () => insert.run(1));
    expect(failureOf(driver, add)).toBe('TypeError');
    // oxlint-disable-next-line unicorn/no-thenable -- that is what is refused
    const thenable = Object.defineProperty({}, 'then', { value: () => undefined });
    expect(
      failureOf(
        driver,
        db.transaction(() => thenable),
      ),
    ).toBe('TypeError');
    expect([db.inTransaction, rows()]).toEqual([false, []]);
  });

  it('leaves it at that where SQLite has rolled back already, or the function has ended it', () => {
    const { db, insert, rows } = openTable();
    insert.run(1);
    const collide = db.transaction(() => {
      insert.run(2);
      db.prepare('INSERT OR ROLLBACK INTO t VALUES (1)').run();
    });
    expect(failureOf(driver, collide)).toBe('SQLITE_CONSTRAINT_UNIQUE');
    const leave = db.transaction(() => {
      db.exec('ROLLBACK');
      throw new Error('left');
    });
    expect(() => leave()).toThrow('left');
    expect(
      failureOf(
        driver,
        db.transaction(() => db.exec('COMMIT')),
      ),
    ).toBe('SQLITE_ERROR');
    expect([db.inTransaction, rows()]).toEqual([false, [1]]);
  });

  it('rolls back where the commit fails', () => {
    const db = open(driver, 'CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE c (p REFERENCES p DEFERRABLE INITIALLY DEFERRED)');
    const orphan = db.transaction(() => db.prepare('INSERT INTO c VALUES (7)').run());
    expect(failureOf(driver, orphan)).toBe('SQLITE_CONSTRAINT_FOREIGNKEY');
    expect([db.inTransaction, db.prepare('SELECT count(*) FROM c').pluck().get()]).toEqual([false, 0]);
  });

  it.each([undefined, null, 1, 'BEGIN', {}])('throws a TypeError for %j', (fn) => {
    const db = open(driver);
    expect(failureOf(driver, () => db.transaction(fn as never))).toBe('TypeError');
  });

  it('is refused while an iterator is open, and when the database is closed', () => {
    const { db } = openTable();
    const fn = db.transaction(() => 1);
    const iterator = db.prepare('SELECT 1').iterate();
    expect(failureOf(driver, fn)).toBe('TypeError');
    iterator.return?.();
    db.close();
    expect(failureOf(driver, fn)).toBe('TypeError');
  });

  it('does not go through a method that the application has replaced', () => {
    const seen: string[] = [];
    class Counted extends driver.Database {
      override prepare(sql: string): never {
        seen.push(sql);
        return super.prepare(sql) as never;
      }
      override exec(sql: string): this {
        seen.push(sql);
        return super.exec(sql);
      }
    }
    const db = new Counted(':memory:');
    db.transaction(() => db.transaction(() => db.exec('CREATE TABLE t (a)'))())();
    expect(() =>
      db.transaction(() => {
        throw new SyntaxError('mine');
      })(),
    ).toThrow('mine');
    expect(db.pragma('user_version', { simple: true })).toBe(0);
    expect(seen).toEqual(['CREATE TABLE t (a)']);
    db.close();
    expect(
      failureOf(driver, () =>
        open(driver)
          .close()
          .transaction(() => 1),
      ),
    ).toBe('TypeError');
  });
});
