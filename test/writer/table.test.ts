import { describe, expect, it } from 'vitest';
import type { TableFactoryContext } from '../../lib/writer/table.js';
import { drivers, failureOf, open, temporaryPath } from './drivers.js';

// Wrong arguments are part of what is tested.
// oxlint-disable-next-line typescript/no-explicit-any
type Any = any;

/** The numbers from `first` to `last`. */
const series = {
  columns: ['value'],
  parameters: ['first', 'last', 'step'],
  *rows(first: number, last = 5, step = 1) {
    for (let value = first; value <= last; value += step) yield [value];
  },
};

describe.each(drivers)('$name: table', (driver) => {
  it('defines a table and returns the database', () => {
    const db = open(driver);
    const definition = {
      columns: ['a', 'b c"d', 'e'],
      *rows() {
        yield [1, 'x', null];
        yield { e: Buffer.from([1]), a: 2n, 'b c"d': 1.5 };
        yield [undefined, '', 0];
      },
    };
    expect(db.table('things', definition)).toBe(db);
    expect(db.prepare('SELECT * FROM things').all()).toEqual([
      { a: 1, 'b c"d': 'x', e: null },
      { a: 2, 'b c"d': 1.5, e: Buffer.from([1]) },
      { a: null, 'b c"d': '', e: 0 },
    ]);
    expect(db.prepare('SELECT rowid, typeof(a) FROM THINGS ORDER BY rowid DESC').raw().all()).toEqual([
      [3, 'null'],
      [2, 'integer'],
      [1, 'real'],
    ]);
    expect(db.prepare('SELECT e FROM things').columns()).toEqual([
      { name: 'e', column: 'e', table: 'things', database: 'main', type: null },
    ]);
    expect(failureOf(driver, () => db.exec('INSERT INTO things VALUES (1, 2, 3)'))).toBe('SQLITE_ERROR');
    expect(failureOf(driver, () => db.exec('DELETE FROM things'))).toBe('SQLITE_ERROR');
    expect(failureOf(driver, () => db.exec('CREATE VIRTUAL TABLE t USING things'))).toBe('SQLITE_ERROR');
    expect(failureOf(driver, () => db.exec('DROP TABLE things'))).toBe('SQLITE_ERROR');
  });

  it('takes parameters, in parentheses or as hidden columns', () => {
    const db = open(driver);
    db.table('series', series);
    const all = (sql: string, ...given: unknown[]): unknown[] =>
      db
        .prepare(sql)
        .pluck()
        .all(...given);
    expect(all('SELECT value FROM series(2)')).toEqual([2, 3, 4, 5]);
    expect(all('SELECT value FROM series(?, ?, ?)', 1, 9, 4)).toEqual([1, 5, 9]);
    expect(all('SELECT value FROM series WHERE step = 2 AND first = 0')).toEqual([0, 2, 4]);
    expect(all('SELECT value FROM series(1) WHERE last = 2')).toEqual([1, 2]);
    expect(all('SELECT value FROM series(1) WHERE 7 = last AND value > 5')).toEqual([6, 7]);
    expect(all('SELECT value FROM series(1, 3) LIMIT 1 OFFSET 1')).toEqual([2]);
    expect(all('SELECT value FROM series(1, NULL)')).toEqual([]);
    expect(all('SELECT value FROM series(1, 3) WHERE first = 2')).toEqual([]);
    expect(all('SELECT value FROM series(1, 3) WHERE first = 1')).toEqual([1, 2, 3]);
    expect(all('SELECT first || last || ifnull(step, 0) FROM series(1, 2)')).toEqual(['1.02.00', '1.02.00']);
    expect(db.prepare('SELECT * FROM series(1, 1)').all()).toEqual([{ value: 1 }]);
    expect(failureOf(driver, () => db.prepare('SELECT * FROM series(1, 2, 3, 4)'))).toBe('SQLITE_ERROR');
    for (const operator of ['>', '<', '>=', '<>', 'IS', 'LIKE', 'IS NOT']) {
      const failure = failureOf(driver, () => db.prepare(`SELECT * FROM series WHERE first ${operator} 1`).all());
      expect([operator, failure]).toEqual([operator, 'SQLITE_ERROR']);
    }
  });

  it('names parameters that have no names by their place', () => {
    const db = open(driver);
    db.table('joined', {
      columns: ['text'],
      *rows(a, b, c) {
        yield [`${a}${b}${c}`];
      },
    });
    expect(db.prepare("SELECT text FROM joined('x') WHERE \"$3\" = 'z'").pluck().get()).toBe('xundefinedz');
    expect(db.prepare('SELECT "$1", "$2" FROM joined(x\'01\')').raw().get()).toEqual([Buffer.from([1]), null]);
  });

  it('joins with other tables, and with itself', () => {
    const db = open(driver, 'CREATE TABLE limits (n INTEGER); INSERT INTO limits VALUES (1), (3)');
    db.table('series', series);
    expect(db.prepare('SELECT n, value FROM limits, series(1, n)').raw().all()).toEqual([
      [1, 1],
      [3, 1],
      [3, 2],
      [3, 3],
    ]);
    expect(db.prepare('SELECT a.value, b.value FROM series(1, 2) a, series(a.value, 2) b').raw().all()).toEqual([
      [1, 1],
      [1, 2],
      [2, 2],
    ]);
    expect(db.prepare('SELECT value FROM series(1, 9) WHERE value IN (SELECT value FROM series(4, 6))').pluck().all()).toEqual([4, 5, 6]);
  });

  it('reads rows when they are asked for, and no further', () => {
    const db = open(driver);
    let given = 0;
    db.table('endless', {
      columns: ['n'],
      *rows() {
        for (;;) yield [++given];
      },
    });
    expect(db.prepare('SELECT n FROM endless LIMIT 3').pluck().all()).toEqual([1, 2, 3]);
    expect(given).toBe(3);
    for (const n of db.prepare('SELECT n FROM endless').pluck().iterate()) if (n === 6) break;
    expect(given).toBe(6);
  });

  it('gets integers as bigints with safeIntegers, or where that is the default when it is first used', () => {
    const db = open(driver);
    const type = {
      columns: ['type'],
      *rows(n: unknown) {
        yield [typeof n];
      },
    };
    db.table('plain', type);
    db.table('late', type);
    db.table('wanted', { ...type, safeIntegers: true });
    db.table('unwanted', { ...type, safeIntegers: false });
    const of = (name: string) => db.prepare(`SELECT type FROM ${name}(1)`).pluck().get();
    expect([of('plain'), of('wanted')]).toEqual(['number', 'bigint']);
    db.defaultSafeIntegers(true);
    expect([of('plain'), of('late'), of('unwanted')]).toEqual(['number', 'bigint', 'number']);
  });

  it('refuses wrong arguments', () => {
    const db = open(driver) as Any;
    const good = { columns: ['a'], *rows() {} };
    for (const given of [[], ['t'], ['t', null], ['t', 1], ['t', 'x'], [1, good], ['', good], [good], [null, good]]) {
      expect(failureOf(driver, () => db.table(...given))).toBe('TypeError');
    }
    const many = (count: number) => Array.from({ length: count }, (_, at) => `p${at}`);
    const wrong: [object, string][] = [
      [{}, 'TypeError'],
      [[], 'TypeError'],
      [{ columns: ['a'] }, 'TypeError'],
      [{ rows: good.rows }, 'TypeError'],
      [Object.create(good), 'TypeError'],
      [{ ...good, rows: () => [] }, 'TypeError'],
      [{ ...good, rows: [][Symbol.iterator] }, 'TypeError'],
      [{ ...good, async *rows() {} }, 'TypeError'],
      [{ ...good, rows: good.rows() }, 'TypeError'],
      [{ ...good, columns: 'a' }, 'TypeError'],
      [{ ...good, columns: [1] }, 'TypeError'],
      [{ ...good, columns: new Set(['a']) }, 'TypeError'],
      [{ ...good, columns: ['a', 'a'] }, 'TypeError'],
      [{ ...good, columns: [] }, 'RangeError'],
      [{ ...good, parameters: undefined }, 'TypeError'],
      [{ ...good, parameters: 'x' }, 'TypeError'],
      [{ ...good, parameters: [1] }, 'TypeError'],
      [{ ...good, parameters: ['x', 'x'] }, 'TypeError'],
      [{ ...good, parameters: ['a'] }, 'TypeError'],
      [{ ...good, parameters: many(33) }, 'RangeError'],
      [{ ...good, parameters: many(32) }, 'undefined'],
      [{ ...good, rows: Object.defineProperty(function* rows() {}, 'length', { value: -1 }) }, 'TypeError'],
      [{ ...good, rows: Object.defineProperty(function* rows() {}, 'length', { value: 33 }) }, 'RangeError'],
    ];
    for (const option of ['safeIntegers', 'directOnly']) {
      for (const each of [undefined, null, 0, 'true']) wrong.push([{ ...good, [option]: each }, 'TypeError']);
      wrong.push([{ ...good, [option]: true }, 'undefined']);
    }
    for (const [at, [definition, failure]] of wrong.entries()) {
      expect([at, String(failureOf(driver, () => db.table('t', definition)))]).toEqual([at, failure]);
      // The same from a factory, when it is asked.
      db.table(`f${at}`, () => definition);
      expect([at, String(failureOf(driver, () => db.exec(`CREATE VIRTUAL TABLE t${at} USING f${at}`)))]).toEqual([at, failure]);
    }
    for (const returned of [undefined, null, 1, 'x', () => good]) {
      db.table('f', () => returned);
      expect(failureOf(driver, () => db.exec('CREATE VIRTUAL TABLE x USING f'))).toBe('TypeError');
    }
    const iterator = db.prepare('SELECT 1').iterate();
    expect(failureOf(driver, () => db.table('t', good))).toBe('TypeError');
    iterator.return();
    db.close();
    expect(failureOf(driver, () => db.table('t', good))).toBe('TypeError');
  });

  it('refuses rows that do not fit its columns, and values that cannot be stored', () => {
    const db = open(driver);
    let row: unknown;
    db.table('t', {
      columns: ['a', 'b'],
      *rows() {
        yield row;
      },
    });
    const read = db.prepare('SELECT a, b FROM t');
    for (const wrong of [
      [],
      [1],
      [1, 2, 3],
      {},
      { a: 1 },
      { a: 1, b: 2, c: 3 },
      { a: 1, c: 3 },
      1,
      'ab',
      null,
      undefined,
      [{}, 1],
      [true, 1],
      [1, [2]],
    ]) {
      row = wrong;
      expect([wrong, failureOf(driver, () => read.all())]).toEqual([wrong, 'TypeError']);
    }
    row = [2n ** 63n, 1];
    expect(failureOf(driver, () => read.all())).toBe('RangeError');
    expect(db.prepare('SELECT b FROM t').pluck().get()).toBe(1);
  });

  it('by a factory makes tables with CREATE VIRTUAL TABLE', () => {
    const db = open(driver);
    const contexts: unknown[] = [];
    db.table('named', function named(this: TableFactoryContext, ...values: string[]) {
      contexts.push({ ...this }, values);
      return {
        columns: values.length === 0 ? ['none'] : values.map((each) => each.trim()),
        *rows() {
          yield values.length === 0 ? [0] : values;
        },
      };
    });
    expect(failureOf(driver, () => db.prepare('SELECT * FROM named'))).toBe('SQLITE_ERROR');
    db.exec('CREATE VIRTUAL TABLE one USING named(x, "y z" , 3)');
    db.exec('CREATE VIRTUAL TABLE temp.two USING named');
    expect(contexts).toEqual([
      { module: 'named', database: 'main', table: 'one' },
      ['x', '"y z"', '3'],
      { module: 'named', database: 'temp', table: 'two' },
      [],
    ]);
    expect(db.prepare('SELECT * FROM one').all()).toEqual([{ x: 'x', '"y z"': '"y z"', '3': '3' }]);
    expect(db.prepare('SELECT * FROM two').all()).toEqual([{ none: 0 }]);
    expect(failureOf(driver, () => db.exec('CREATE VIRTUAL TABLE one USING named'))).toBe('SQLITE_ERROR');
    db.exec('DROP TABLE one; DROP TABLE two');
    expect(db.prepare('SELECT count(*) FROM sqlite_master').pluck().get()).toBe(0);
  });

  it('throws what a generator or a factory has thrown, the same object', () => {
    const db = open(driver, 'CREATE TABLE target (n)');
    const mine = { an: 'object' };
    let at = 'nowhere';
    const pass = (place: string): void => {
      // oxlint-disable-next-line typescript/only-throw-error -- whatever is thrown has to come through
      if (place === at) throw mine;
    };
    const definition = {
      columns: ['n'],
      *rows(n: number | undefined) {
        pass('start');
        yield [(n ?? 0) + 1];
        pass('between');
        yield [(n ?? 0) + 2];
        pass('end');
      },
    };
    db.table('t', definition);
    db.table('made', () => {
      pass('factory');
      return definition;
    });
    const caughtBy = (run: () => unknown): unknown => {
      try {
        run();
      } catch (error) {
        return error;
      }
      return 'nothing';
    };
    for (const place of ['start', 'between', 'end']) {
      at = place;
      const ways: [string, () => unknown][] = [
        ['all', () => db.prepare('SELECT n FROM t').all()],
        ['iterate', () => [...db.prepare('SELECT n FROM t').iterate()]],
        ['exec', () => db.exec('SELECT n FROM t')],
        ['join', () => db.prepare('SELECT a.n FROM t a, t b').all()],
        ['sort', () => db.prepare('SELECT n FROM t ORDER BY n DESC').get()],
        ['insert', () => db.prepare('INSERT INTO target SELECT n FROM t').run()],
        ['transaction', () => db.transaction(() => db.exec('INSERT INTO target VALUES (9); INSERT INTO target SELECT n FROM t'))()],
      ];
      for (const [way, run] of ways) expect([place, way, caughtBy(run) === mine]).toEqual([place, way, true]);
    }
    expect(db.inTransaction).toBe(false);
    expect(db.prepare('SELECT count(*) FROM target').pluck().get()).toBe(0);
    at = 'factory';
    expect(caughtBy(() => db.exec('CREATE VIRTUAL TABLE v USING made'))).toBe(mine);
    at = 'nowhere';
    expect(db.prepare('SELECT n FROM t').pluck().all()).toEqual([1, 2]);
    db.exec('CREATE VIRTUAL TABLE v USING made; INSERT INTO target SELECT n FROM v(5)');
    expect(db.prepare('SELECT n FROM target').pluck().all()).toEqual([6, 7]);
  });

  it('finds the database busy', () => {
    const db = open(driver);
    const failures: (string | undefined)[] = [];
    const attempt = () => {
      for (const run of [() => db.prepare('SELECT 1'), () => db.exec('SELECT 1'), () => db.close(), () => db.pragma('user_version')]) {
        failures.push(failureOf(driver, run));
      }
    };
    db.table('made', () => {
      attempt();
      return {
        columns: ['a'],
        *rows() {
          attempt();
          yield [1];
          attempt();
        },
      };
    });
    db.exec('CREATE VIRTUAL TABLE t USING made');
    db.prepare('SELECT * FROM t').all();
    expect(failures).toHaveLength(12);
    expect(new Set(failures)).toEqual(new Set(['TypeError']));
  });

  it('may use other databases', () => {
    const db = open(driver);
    const other = open(driver, 'CREATE TABLE t (n); INSERT INTO t VALUES (1), (2), (3)');
    db.table('mirror', {
      columns: ['n'],
      *rows(from: number) {
        yield* other.prepare('SELECT n FROM t WHERE n >= ?').raw().iterate(from) as IterableIterator<unknown>;
      },
    });
    expect(db.prepare('SELECT n FROM mirror(2)').pluck().all()).toEqual([2, 3]);
  });

  it('gives its generator copies: what a parameter is equal to stays', () => {
    const db = open(driver);
    db.table('scribble', {
      columns: ['first'],
      *rows(bytes: Buffer) {
        const [first] = bytes;
        bytes.fill(9);
        yield [first];
      },
    });
    expect(
      db
        .prepare('SELECT first, "$1" FROM scribble(?)')
        .raw()
        .get(Buffer.from([1, 2])),
    ).toEqual([1, Buffer.from([1, 2])]);
  });

  it('is replaced by another of its name', () => {
    const db = open(driver);
    const of = (value: string) => ({
      columns: ['a'],
      *rows() {
        yield [value];
      },
    });
    db.table('t', of('old'));
    expect(db.prepare('SELECT a FROM t').pluck().get()).toBe('old');
    db.table('T', of('new'));
    expect(db.prepare('SELECT a FROM t').pluck().get()).toBe('new');
    db.table('made', () => of('first'));
    db.exec('CREATE VIRTUAL TABLE v USING made');
    db.table('made', () => of('second'));
    db.exec('CREATE VIRTUAL TABLE w USING made');
    expect(db.prepare('SELECT v.a, w.a FROM v, w').raw().get()).toEqual(['first', 'second']);
  });

  it('with directOnly can be read by statements only, not by the schema', () => {
    const db = open(driver, 'CREATE TABLE t (a)');
    db.table('direct', { ...series, directOnly: true });
    db.table('open', series);
    db.exec('CREATE VIEW v AS SELECT * FROM open(1, 2); CREATE VIEW d AS SELECT * FROM direct(1, 2)');
    expect(db.prepare('SELECT value FROM direct(1, 2)').pluck().all()).toEqual([1, 2]);
    expect(db.prepare('SELECT value FROM v').pluck().all()).toEqual([1, 2]);
    expect(failureOf(driver, () => db.prepare('SELECT * FROM d').all())).toBe('SQLITE_ERROR');
  });

  it('that a factory made is there again for who has the module, and an error for who has not', () => {
    const path = temporaryPath();
    const made = (value: number) => () => ({
      columns: ['a'],
      *rows() {
        yield [value];
      },
    });
    const db = open(driver, '', path);
    db.table('made', made(1));
    db.exec('CREATE VIRTUAL TABLE v USING made; CREATE TABLE t (a)');
    const other = open(driver, '', path);
    expect(failureOf(driver, () => other.prepare('SELECT a FROM v'))).toBe('SQLITE_ERROR');
    other.exec('INSERT INTO t VALUES (1)');
    other.table('made', made(2));
    expect(other.prepare('SELECT a FROM v').pluck().get()).toBe(2);
    expect(db.prepare('SELECT a FROM v').pluck().get()).toBe(1);
    other.exec('DROP TABLE v');
    expect(failureOf(driver, () => db.prepare('SELECT a FROM v').get())).toBe('SQLITE_ERROR');
    const mine = new Error('mine');
    db.exec('CREATE VIRTUAL TABLE v USING made');
    const third = open(driver, '', path);
    third.table('made', () => {
      throw mine;
    });
    expect(() => third.prepare('SELECT a FROM v')).toThrow(mine);
  });
});
