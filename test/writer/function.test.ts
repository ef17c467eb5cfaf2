import { describe, expect, it } from 'vitest';
import { drivers, entries, failureOf, open, temporaryPath } from './drivers.js';

// Wrong arguments are part of what is tested.
// oxlint-disable-next-line typescript/no-explicit-any
type Any = any;

describe.each(drivers)('$name: function', (driver) => {
  const value = (db: ReturnType<typeof open>, sql: string, ...parameters: unknown[]): unknown =>
    db
      .prepare(sql)
      .pluck()
      .get(...parameters);

  it('defines a function of SQL and returns the database', () => {
    const db = open(driver, entries);
    expect(db.function('add2', (a, b) => a + b)).toBe(db);
    expect(value(db, 'SELECT add2(?, ?)', 1, 2)).toBe(3);
    expect(value(db, 'SELECT ADD2(a, e) FROM entries WHERE b = 2')).toBe('twoe');
    expect(failureOf(driver, () => db.prepare('SELECT add2(1)'))).toBe('SQLITE_ERROR');
    expect(failureOf(driver, () => db.prepare('SELECT add2(1, 2, 3)'))).toBe('SQLITE_ERROR');
  });

  it('has as many arguments as the function has parameters, or with varargs any number', () => {
    const db = open(driver);
    db.function('zero', () => 'none');
    expect(value(db, 'SELECT zero()')).toBe('none');
    db.function('any', { varargs: true }, (...all) => all.length);
    expect(value(db, 'SELECT any()')).toBe(0);
    expect(value(db, 'SELECT any(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)')).toBe(12);
    const hundred = Object.defineProperty((...all: number[]) => all.length, 'length', { value: 100 });
    db.function('hundred', hundred);
    expect(value(db, `SELECT hundred(${Array.from({ length: 100 }, () => '1').join()})`)).toBe(100);
    expect(value(db, `SELECT any(${Array.from({ length: 120 }, () => '1').join()})`)).toBe(120);
  });

  it('refuses wrong arguments', () => {
    const db = open(driver) as Any;
    const fn = () => 1;
    const wrong: [unknown[], string][] = [
      [[], 'TypeError'],
      [['f'], 'TypeError'],
      [[null, fn], 'TypeError'],
      [[123, fn], 'TypeError'],
      [[fn], 'TypeError'],
      [['', fn], 'TypeError'],
      [['f', null], 'TypeError'],
      [['f', {}], 'TypeError'],
      [['f', {}, null], 'TypeError'],
      [['f', 1, fn], 'TypeError'],
      [['f', 'x', fn], 'TypeError'],
      [['f', true, fn], 'TypeError'],
      [['f', fn, {}], 'undefined'],
      [['f', null, fn], 'undefined'],
      [['f', undefined, fn], 'undefined'],
      [['f', [], fn], 'undefined'],
    ];
    for (const [given, failure] of wrong) expect(String(failureOf(driver, () => db.function(...given)))).toBe(failure);
    for (const option of ['varargs', 'deterministic', 'directOnly', 'safeIntegers']) {
      for (const each of [undefined, null, 0, 1, 'true']) {
        expect(failureOf(driver, () => db.function('f', { [option]: each }, fn))).toBe('TypeError');
      }
      expect(failureOf(driver, () => db.function('f', { [option]: true }, fn))).toBe(undefined);
      expect(failureOf(driver, () => db.function('f', { [option]: false }, fn))).toBe(undefined);
    }
    const long = (length: unknown) => Object.defineProperty(() => 1, 'length', { value: length });
    for (const length of [-1, 1.5, '1', undefined, Number.POSITIVE_INFINITY]) {
      expect(failureOf(driver, () => db.function('f', long(length)))).toBe('TypeError');
      expect(failureOf(driver, () => db.function('f', { varargs: true }, long(length)))).toBe(undefined);
    }
    expect(failureOf(driver, () => db.function('f', long(101)))).toBe('RangeError');
  });

  it('takes names of up to 255 bytes', () => {
    const db = open(driver);
    const name = 'ü'.repeat(127) + 'x';
    db.function(name, () => 1);
    expect(value(db, `SELECT "${name}"()`)).toBe(1);
    expect(() => db.function(`${name}x`, () => 1)).toThrow(driver.SqliteError);
  });

  it('replaces a function with as many arguments, and keeps those with others', () => {
    const db = open(driver);
    db.function('f', () => 'none');
    db.function('f', (a) => `one ${a}`);
    db.function('f', { varargs: true }, (...all) => `any ${all.length}`);
    const none = db.prepare('SELECT f()').pluck();
    expect([none.get(), value(db, 'SELECT f(1)'), value(db, 'SELECT f(1, 2)')]).toEqual(['none', 'one 1', 'any 2']);
    db.function('F', () => 'other');
    expect([none.get(), value(db, 'SELECT f(1)'), value(db, 'SELECT f()')]).toEqual(['other', 'one 1', 'other']);
    db.function('upper', (text) => `my ${text}`);
    expect(value(db, "SELECT upper('x')")).toBe('my x');
  });

  it('is called with null, numbers, strings and buffers, without a receiver', () => {
    const db = open(driver, entries);
    let given: unknown[] = [];
    let hasReceiver = true;
    db.function('take', { varargs: true }, function take(this: unknown, ...all) {
      given = all;
      hasReceiver = this !== undefined;
      return null;
    });
    db.prepare('SELECT take(a, b, c, d, e) FROM entries WHERE b = 1').get();
    expect(given).toEqual(['one', 1, 1.5, Buffer.from([1, 255]), null]);
    expect(Buffer.isBuffer(given[3])).toBe(true);
    expect(hasReceiver).toBe(false);
    db.prepare("SELECT take(b, e, x'', '', 9007199254740993) FROM entries WHERE b > 100").get();
    expect(given).toEqual([5_000_000_000, '日本 🎈', Buffer.alloc(0), '', 9_007_199_254_740_992]);
  });

  it('gets integers as bigints with safeIntegers, or where that was the default when it was defined', () => {
    const db = open(driver);
    const type = (x: unknown) => typeof x;
    db.function('plain', type);
    db.defaultSafeIntegers(true);
    db.function('safe', type);
    db.function('explicit', { safeIntegers: false }, type);
    db.defaultSafeIntegers(false);
    db.function('wanted', { safeIntegers: true }, (x) => x + 1n);
    expect(db.prepare('SELECT plain(1), safe(1), safe(1.5), explicit(1), wanted(9007199254740992)').raw().get()).toEqual([
      'number',
      'bigint',
      'number',
      'number',
      9_007_199_254_740_992,
    ]);
    expect(db.prepare('SELECT wanted(9007199254740992), plain(1)').safeIntegers().raw().get()).toEqual([9_007_199_254_740_993n, 'number']);
  });

  it('may return numbers, strings, bigints of 64 bits, buffers, null and undefined', () => {
    const db = open(driver);
    let result: unknown;
    db.function('give', () => result);
    const given = (returned: unknown): unknown[] => {
      result = returned;
      return db.prepare('SELECT typeof(x), x FROM (SELECT give() AS x LIMIT 1)').raw().get() as unknown[];
    };
    db.function('give', { deterministic: true }, () => result);
    expect(given(1)).toEqual(['real', 1]);
    expect(given(Number.NaN)).toEqual(['null', null]);
    expect(given(Number.POSITIVE_INFINITY)).toEqual(['real', Number.POSITIVE_INFINITY]);
    expect(given(7n)).toEqual(['integer', 7]);
    expect(given(-(2n ** 63n))).toEqual(['integer', Number(-(2n ** 63n))]);
    expect(given('')).toEqual(['text', '']);
    expect(given('a\0b ü 🎈')).toEqual(['text', 'a\0b ü 🎈']);
    expect(given('x'.repeat(100_000))).toEqual(['text', 'x'.repeat(100_000)]);
    expect(given(Buffer.from([1, 2]))).toEqual(['blob', Buffer.from([1, 2])]);
    expect(given(new Uint8Array(0))).toEqual(['blob', Buffer.alloc(0)]);
    expect(given(new Uint16Array([1, 2]))).toEqual(['blob', Buffer.from(new Uint16Array([1, 2]).buffer)]);
    // Version 13 fails, and the next failure ends its process.
    if (driver.version !== 13) expect(given(new DataView(new ArrayBuffer(3), 1))).toEqual(['blob', Buffer.alloc(2)]);
    expect(given(null)).toEqual(['null', null]);
    expect(given(undefined)).toEqual(['null', null]);
  });

  it('may return nothing else', () => {
    const db = open(driver);
    let result: unknown;
    db.function('give', () => result);
    const statement = db.prepare('SELECT give()');
    for (const wrong of [true, {}, [], Symbol('x'), () => 1, new Date(), new ArrayBuffer(2), Promise.resolve(1), new String('x')]) {
      result = wrong;
      expect(failureOf(driver, () => statement.get())).toBe('TypeError');
    }
    for (const wrong of [2n ** 63n, -(2n ** 63n) - 1n]) {
      result = wrong;
      expect(failureOf(driver, () => statement.get())).toBe('RangeError');
    }
    result = 1;
    expect(statement.pluck().get()).toBe(1);
  });

  it('throws what the function has thrown, the same object, from every way to run a statement', () => {
    const path = temporaryPath();
    const db = open(driver, entries, path);
    for (const thrown of [new Error('mine'), new driver.SqliteError('mine', 'SQLITE_BUSY'), null, undefined, 7, 'text', { an: 'object' }]) {
      db.function('fail', () => {
        throw thrown;
      });
      const failing: (() => unknown)[] = [
        () => db.prepare('SELECT fail()').get(),
        () => db.prepare('SELECT fail()').pluck().get(),
        () => db.prepare('SELECT fail()').all(),
        () => db.prepare('SELECT fail()').iterate().next(),
        () => db.prepare('INSERT INTO entries (a) VALUES (fail())').run(),
        () => db.prepare('UPDATE entries SET a = fail() RETURNING a').get(),
        () => db.exec('SELECT 1; SELECT fail(); SELECT 2'),
        () => db.transaction(() => db.prepare('SELECT fail()').get())(),
        () => db.prepare('SELECT b FROM entries WHERE b = 2 AND fail()').all(),
        () => db.prepare('SELECT b FROM entries ORDER BY fail()').get(),
        () => db.prepare('SELECT sum(b) FROM entries GROUP BY fail()').all(),
      ];
      for (const run of failing) {
        let caught: unknown = 'nothing';
        try {
          run();
        } catch (error) {
          caught = error;
        }
        expect(caught).toBe(thrown);
        expect(db.inTransaction).toBe(false);
      }
    }
    expect(value(db, 'SELECT count(*) FROM entries')).toBe(5);
  });

  it('gives the rows before the failure to an iterator, and to all() none', () => {
    const db = open(driver, entries);
    const mine = new Error('mine');
    db.function('fail_at', (b, limit) => {
      if (b === limit) throw mine;
      return b;
    });
    const statement = db.prepare('SELECT fail_at(b, ?) FROM entries').pluck();
    const seen: unknown[] = [];
    expect(() => {
      for (const row of statement.iterate(3)) seen.push(row);
    }).toThrow(mine);
    expect(seen).toEqual([1, 2]);
    expect(() => statement.all(3)).toThrow(mine);
    expect(statement.busy).toBe(false);
    expect(statement.all(99)).toEqual([1, 2, 3, -4, 5_000_000_000]);
  });

  it('can be used by indexes, CHECK constraints and generated columns only if it is deterministic', () => {
    const db = open(driver, entries);
    db.function('pure', { deterministic: true }, (x) => x);
    db.function('impure', (x) => x);
    db.exec('CREATE INDEX i ON entries (pure(b))');
    expect(failureOf(driver, () => db.exec('CREATE INDEX j ON entries (impure(b))'))).toBe('SQLITE_ERROR');
    expect(failureOf(driver, () => db.exec('CREATE TABLE g (a, b AS (impure(a)))'))).toBe('SQLITE_ERROR');
    db.exec('CREATE TABLE g (a CHECK (pure(a) > 0), b AS (pure(a)), c AS (pure(a)) STORED)');
    db.exec('INSERT INTO g VALUES (2)');
    expect(db.prepare('SELECT * FROM g').get()).toEqual({ a: 2, b: 2, c: 2 });
    expect(failureOf(driver, () => db.exec('INSERT INTO g VALUES (-1)'))).toBe('SQLITE_CONSTRAINT_CHECK');
    expect(value(db, 'SELECT a FROM entries WHERE pure(b) = 2')).toBe('two');
  });

  it('with directOnly can be called by statements only, not by the schema', () => {
    const db = open(driver, entries);
    db.function('direct', { directOnly: true, deterministic: true }, (x) => x);
    expect(value(db, 'SELECT direct(1)')).toBe(1);
    expect(failureOf(driver, () => db.exec('CREATE INDEX i ON entries (direct(b))'))).toBe('SQLITE_ERROR');
    db.exec('CREATE VIEW v AS SELECT direct(b) FROM entries');
    expect(failureOf(driver, () => db.prepare('SELECT * FROM v').all())).toBe('SQLITE_ERROR');
    db.exec('CREATE TRIGGER t AFTER DELETE ON entries BEGIN SELECT direct(1); END');
    expect(failureOf(driver, () => db.exec('DELETE FROM entries'))).toBe('SQLITE_ERROR');
  });

  it('that throws in a trigger, a CHECK, a generated column or an index undoes the statement and no more', () => {
    const db = open(driver);
    const mine = new Error('mine');
    db.function('positive', { deterministic: true }, (x) => {
      if (x < 0) throw mine;
      return x;
    });
    const places = [
      'CREATE TABLE t (a); CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT positive(new.a); END',
      'CREATE TABLE t (a CHECK (positive(a)))',
      'CREATE TABLE t (a, b AS (positive(a)) STORED)',
      'CREATE TABLE t (a); CREATE INDEX i ON t (positive(a))',
      'CREATE TABLE t (a); CREATE INDEX i ON t (a) WHERE positive(a) > 3',
    ];
    for (const place of places) {
      db.exec(`DROP TABLE IF EXISTS t; ${place}; BEGIN; INSERT INTO t (a) VALUES (1)`);
      for (const verb of ['INSERT', 'INSERT OR IGNORE', 'INSERT OR REPLACE', 'INSERT OR FAIL', 'INSERT OR ROLLBACK']) {
        expect(() => db.exec(`${verb} INTO t (a) VALUES (2), (-3), (4)`)).toThrow(mine);
        expect(db.inTransaction).toBe(true);
      }
      db.exec('INSERT INTO t (a) VALUES (5); COMMIT');
      expect(db.prepare('SELECT a FROM t').pluck().all()).toEqual([1, 5]);
    }
  });

  it('may be a default value', () => {
    const db = open(driver);
    let next = 1;
    db.function('next', () => next++);
    db.exec('CREATE TABLE t (a, b DEFAULT (next())); INSERT INTO t (a) VALUES (1), (2)');
    expect(db.prepare('SELECT b FROM t').pluck().all()).toEqual([1, 2]);
  });

  it('lets JavaScript do nothing with the database while it runs, in unsafe mode neither', () => {
    const db = open(driver, entries);
    const idle = db.prepare('SELECT 1');
    const write = db.prepare("INSERT INTO entries (a) VALUES ('x')");
    const nested = db.transaction(() => 1);
    let attempt: () => unknown = () => undefined;
    let failure: string | undefined;
    db.function('attempt', () => {
      failure = failureOf(driver, attempt);
      return null;
    });
    const attempts: [string, () => unknown][] = [
      ['prepare', () => db.prepare('SELECT 1')],
      ['exec', () => db.exec('SELECT 1')],
      ['pragma', () => db.pragma('user_version')],
      ['transaction', () => nested()],
      ['close', () => db.close()],
      ['function', () => db.function('f', () => 1)],
      ['run', () => write.run()],
      ['get', () => idle.get()],
      ['all', () => idle.all()],
      ['iterate', () => idle.iterate()],
      ['bind', () => db.prepare('SELECT ?').bind(1)],
      ['columns', () => idle.columns()],
      ['pluck', () => idle.pluck()],
      ['raw', () => idle.raw()],
      ['expand', () => idle.expand()],
      ['safeIntegers', () => idle.safeIntegers()],
    ];
    const running: (() => unknown)[] = [
      () => db.prepare('SELECT attempt()').get(),
      () => db.prepare('SELECT attempt()').all(),
      () => [...db.prepare('SELECT attempt()').iterate()],
      () => db.prepare("INSERT INTO entries (a) SELECT 'x' WHERE attempt()").run(),
      () => db.exec('SELECT attempt()'),
      () => db.transaction(() => db.prepare('SELECT attempt()').get())(),
    ];
    for (const isUnsafe of [false, true]) {
      db.unsafeMode(isUnsafe);
      for (const [name, run] of attempts) {
        attempt = run;
        for (const statement of running) {
          failure = 'not called';
          statement();
          expect([name, failure]).toEqual([name, 'TypeError']);
        }
      }
    }
    attempt = () => {
      expect([db.open, db.inTransaction, db.name, idle.busy]).toEqual([true, false, ':memory:', false]);
      db.defaultSafeIntegers(false);
      db.unsafeMode(false);
    };
    db.prepare('SELECT attempt()').get();
    expect(failure).toBe(undefined);
    expect(value(db, 'SELECT count(*) FROM entries')).toBe(5);
  });

  it('may not end the iterator that has called it', () => {
    const db = open(driver, entries);
    let failures: unknown[] = [];
    db.function('attempt', () => {
      failures = [failureOf(driver, () => iterator.next()), failureOf(driver, () => iterator.return?.())];
      return 1;
    });
    const iterator = db.prepare('SELECT attempt() FROM entries').pluck().iterate();
    expect(iterator.next().value).toBe(1);
    expect(failures).toEqual(['TypeError', 'TypeError']);
    expect([...iterator]).toEqual([1, 1, 1, 1]);
  });

  it('cannot be defined while an iterator is open, in unsafe mode neither, nor after close', () => {
    const db = open(driver, entries);
    const iterator = db.prepare('SELECT 1').iterate();
    const define = () => db.function('f', () => 1);
    expect(failureOf(driver, define)).toBe('TypeError');
    db.unsafeMode(true);
    expect(failureOf(driver, define)).toBe('TypeError');
    iterator.return?.();
    expect(failureOf(driver, define)).toBe(undefined);
    db.close();
    expect(failureOf(driver, define)).toBe('TypeError');
  });

  it('may use other databases, and functions there may use others', () => {
    const path = temporaryPath();
    const db = open(driver, entries, path);
    const other = open(driver, 'CREATE TABLE log (a)');
    const third = open(driver, entries);
    const lookUp = third.prepare('SELECT a FROM entries WHERE b = ?').pluck();
    other.function('look_up', (b) => lookUp.get(b));
    const insert = other.prepare('INSERT INTO log VALUES (look_up(?))');
    db.function('record', (b) => {
      insert.run(b);
      for (const row of other.prepare('SELECT a FROM log ORDER BY rowid DESC').pluck().iterate()) return row;
      return null;
    });
    expect(db.prepare('SELECT b, record(b), a FROM entries WHERE b < 4 ORDER BY b').raw().all()).toEqual([
      [-4, 'four', 'four'],
      [1, 'one', 'one'],
      [2, 'two', 'two'],
      [3, 'three', 'three'],
    ]);
    expect(other.prepare('SELECT count(*) FROM log').pluck().get()).toBe(4);
    const reader = open(driver, '', path);
    db.function('reader', () => reader.prepare('SELECT count(*) FROM entries').pluck().get());
    expect(value(db, 'SELECT reader()')).toBe(5);
  });

  it('that catches the failure of another database goes on', () => {
    const db = open(driver);
    const other = open(driver);
    other.function('fail', () => {
      throw new Error('inner');
    });
    db.function('catching', () => {
      try {
        other.exec('SELECT fail()');
      } catch (error) {
        return (error as Error).message;
      }
      return null;
    });
    expect(db.prepare('SELECT catching() AS a, catching() AS b').get()).toEqual({ a: 'inner', b: 'inner' });
    db.function('passing', () => other.prepare('SELECT fail()').get());
    expect(() => db.prepare('SELECT passing()').get()).toThrow('inner');
  });

  it('cannot change what is bound to the statement', () => {
    const db = open(driver);
    const bytes = Buffer.from([1, 2, 3]);
    db.function('scribble', () => {
      bytes.fill(9);
      return null;
    });
    expect(db.prepare('SELECT scribble(), ?').raw().get(bytes)).toEqual([null, Buffer.from([1, 2, 3])]);
  });
});

describe('rowtap: function', () => {
  it('fails the statement with SQLITE_TOOBIG where its result is longer than SQLite allows', () => {
    const [driver] = drivers as [(typeof drivers)[number]];
    const db = open(driver);
    db.function('long', { varargs: true }, (length) => Buffer.alloc(length));
    expect(failureOf(driver, () => db.prepare('SELECT long(?)').get(2 ** 31))).toBe('SQLITE_TOOBIG');
  });

  it('says which function has returned what cannot be stored', () => {
    const [driver] = drivers as [(typeof drivers)[number]];
    const db = open(driver);
    db.function('give', (x) => (x === 1 ? 2n ** 64n : {}));
    expect(() => db.prepare('SELECT give(1)').get()).toThrow(/give\(\) returned .*64 bits/);
    expect(() => db.prepare('SELECT give(2)').get()).toThrow(/give\(\) returned .*buffers/);
  });

  it('says SQLITE_MISUSE for a name that is too long', () => {
    const [driver] = drivers as [(typeof drivers)[number]];
    const db = open(driver);
    expect(failureOf(driver, () => db.function('x'.repeat(256), () => 1))).toBe('SQLITE_MISUSE');
  });
});
