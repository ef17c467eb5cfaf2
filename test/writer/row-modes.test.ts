import { describe, expect, it } from 'vitest';
import { drivers, entries, failureOf, open, temporaryPath } from './drivers.js';

const tables = `
  CREATE TABLE a (id INTEGER PRIMARY KEY, name); CREATE TABLE b (id INTEGER PRIMARY KEY, a, "__proto__");
  INSERT INTO a VALUES (1, 'x'); INSERT INTO b VALUES (10, 1, 5);
`;

describe.each(drivers)('$name: pluck, raw, expand', (driver) => {
  it('pluck gives the first column', () => {
    const db = open(driver, entries);
    const statement = db.prepare('SELECT a, b FROM entries');
    expect(statement.pluck()).toBe(statement);
    expect(statement.get()).toBe('one');
    expect(statement.all()).toEqual(['one', 'two', 'three', 'four', 'five']);
    expect([...statement.iterate()]).toEqual(['one', 'two', 'three', 'four', 'five']);
    expect(db.prepare('SELECT NULL').pluck().get()).toBe(null);
    expect(db.prepare('SELECT 1 WHERE 0').pluck().get()).toBe(undefined);
  });

  it('raw gives arrays', () => {
    const statement = open(driver, entries).prepare('SELECT a, b, c, d, e FROM entries WHERE b = 2').raw();
    expect(statement.get()).toEqual(['two', 2, 2.5, Buffer.alloc(0), 'e']);
    expect(statement.all()).toEqual([['two', 2, 2.5, Buffer.alloc(0), 'e']]);
    expect([...statement.iterate()]).toEqual([['two', 2, 2.5, Buffer.alloc(0), 'e']]);
  });

  it('expand gives an object for each table, and "$" for what belongs to none', () => {
    const db = open(driver, tables);
    const statement = db.prepare('SELECT *, 1 + 1 AS two, b.id AS other FROM a JOIN b ON b.a = a.id').expand();
    const row = statement.get() as Record<string, Record<string, unknown>>;
    expect(Object.keys(row)).toEqual(['a', 'b', '$']);
    expect(row.a).toEqual({ id: 1, name: 'x' });
    expect([row.b?.id, row.b?.a, row.b?.other, row.$]).toEqual([10, 1, 10, { two: 2 }]);
    expect(statement.all()).toHaveLength(1);
    db.exec('ALTER TABLE a RENAME TO c');
    expect(Object.keys(db.prepare('SELECT * FROM c').expand().get() as object)).toEqual(['c']);
  });

  it('expand follows a table that is renamed, and stays the same however often it is asked', () => {
    const path = temporaryPath();
    const db = open(driver, tables, path);
    const statement = db.prepare('SELECT id, name, id AS id, 1 AS one FROM a').expand();
    const expectOften = (table: string): void => {
      for (let round = 0; round < 300; round++) {
        const row = statement.get() as Record<string, object>;
        expect(row).toEqual({ [table]: { id: 1, name: 'x' }, $: { one: 1 } });
        expect([Object.keys(row), Object.keys(row[table] as object)]).toEqual([
          [table, '$'],
          ['id', 'name'],
        ]);
      }
      expect(statement.all()).toEqual([statement.get()]);
    };
    expectOften('a');
    db.exec('ALTER TABLE a RENAME TO a2; CREATE VIEW a AS SELECT * FROM a2');
    expectOften('a2');
    statement.expand(false);
    expect(statement.get()).toEqual({ id: 1, name: 'x', one: 1 });
    open(driver, 'ALTER TABLE a2 RENAME TO a3', path);
    expect(statement.get()).toEqual({ id: 1, name: 'x', one: 1 });
    expect(statement.expand().get()).toEqual({ a3: { id: 1, name: 'x' }, $: { one: 1 } });
  });

  it('the last one counts, and is turned off by itself alone', () => {
    const statement = open(driver, entries).prepare('SELECT a, b FROM entries');
    expect(statement.pluck().raw().get()).toEqual(['one', 1]);
    expect(statement.pluck(false).get()).toEqual(['one', 1]);
    expect(statement.expand(false).get()).toEqual(['one', 1]);
    expect(statement.raw(false).get()).toEqual({ a: 'one', b: 1 });
    expect(statement.raw(true).expand(true).get()).toEqual({ entries: { a: 'one', b: 1 } });
    expect(statement.raw(false).get()).toEqual({ entries: { a: 'one', b: 1 } });
    expect(statement.pluck().get()).toBe('one');
    expect(statement.pluck(false).get()).toEqual({ a: 'one', b: 1 });
  });

  it.each(['pluck', 'raw', 'expand'] as const)('%s takes true, false or nothing, of a statement that returns rows', (mode) => {
    const db = open(driver, entries);
    const statement = db.prepare('SELECT 1 AS a');
    for (const wrong of [undefined, null, 0, 1, 'false', {}]) {
      expect(failureOf(driver, () => statement[mode](wrong as boolean))).toBe('TypeError');
    }
    expect(statement.get()).toEqual({ a: 1 });
    expect(failureOf(driver, () => db.prepare('DELETE FROM entries')[mode]())).toBe('TypeError');
    expect(failureOf(driver, () => db.prepare('DELETE FROM entries')[mode](false))).toBe('TypeError');
  });
});

describe('rowtap: rows', () => {
  const driver = drivers[0] as (typeof drivers)[0];

  it('hold a column named __proto__ like any other', () => {
    const statement = open(driver, tables).prepare('SELECT "__proto__" FROM b');
    for (let round = 0; round < 300; round++) {
      const row = statement.get() as object;
      expect(Object.keys(row)).toEqual(['__proto__']);
      expect(Object.getOwnPropertyDescriptor(row, '__proto__')?.value).toBe(5);
      expect(Object.getPrototypeOf(row)).toBe(Object.prototype);
    }
  });

  it('hold tables and columns named __proto__ like any other', () => {
    const sql = 'CREATE TABLE "__proto__" ("__proto__"); INSERT INTO "__proto__" VALUES (5)';
    const statement = open(driver, sql).prepare('SELECT "__proto__", 1 AS one FROM "__proto__"').expand();
    for (let round = 0; round < 300; round++) {
      const row = statement.get() as object;
      expect(Object.keys(row)).toEqual(['__proto__', '$']);
      const table = Object.getOwnPropertyDescriptor(row, '__proto__')?.value as object;
      expect(Object.getOwnPropertyDescriptor(table, '__proto__')?.value).toBe(5);
      expect([Object.getPrototypeOf(row), Object.getPrototypeOf(table)]).toEqual([Object.prototype, Object.prototype]);
    }
  });
});
