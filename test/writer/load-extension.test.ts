import { beforeAll, describe, expect, it } from 'vitest';
import { buildExtension } from '../support/extension.js';
import { drivers, entries, failureOf, open } from './drivers.js';

let path: string;
beforeAll(() => {
  path = buildExtension();
});

describe.each(drivers)('$name: loadExtension', (driver) => {
  it('loads a library by its path, with and without its ending, and returns the database', () => {
    const db = open(driver, entries);
    expect(db.loadExtension(path)).toBe(db);
    expect(db.prepare("SELECT run_sql('SELECT 1')").pluck().get()).toBe(0);
    const other = open(driver, entries);
    expect(failureOf(driver, () => other.prepare("SELECT run_sql('')"))).toBe('SQLITE_ERROR');
    other.loadExtension(path.replace(/\.so$/, ''));
    expect(other.prepare("SELECT run_sql('no sql')").pluck().get()).toBe(1);
  });

  it('takes the name of the entry point', () => {
    const db = open(driver, entries);
    db.loadExtension(path, 'write_while_loading');
    expect(db.prepare('SELECT a FROM made').pluck().all()).toEqual([1, 2]);
    expect(() => db.loadExtension(path, 'refuse_to_load')).toThrow(/not today/);
    expect(failureOf(driver, () => db.loadExtension(path, 'refuse_to_load'))).toBe('SQLITE_ERROR');
    expect(failureOf(driver, () => db.loadExtension(path, 'no_such_function'))).toBe('SQLITE_ERROR');
  });

  it.each<[string, (db: ReturnType<typeof open>) => unknown, string]>([
    ['no path', (db) => (db.loadExtension as unknown as () => void)(), 'TypeError'],
    ['a number', (db) => db.loadExtension(1 as never), 'TypeError'],
    ['an object of String', (db) => db.loadExtension(new String(path) as never), 'TypeError'],
    ['a number as the entry point', (db) => db.loadExtension(path, 1 as never), 'TypeError'],
    ['null as the entry point', (db) => db.loadExtension(path, null as never), 'TypeError'],
    ['undefined as the entry point', (db) => db.loadExtension(path, undefined), 'TypeError'],
    ['no such file', (db) => db.loadExtension(`${path}.none`), 'SQLITE_ERROR'],
    ['a closed database', (db) => db.close().loadExtension(path), 'TypeError'],
  ])('refuses %s', (_, load, code) => {
    expect(failureOf(driver, () => load(open(driver, entries)))).toBe(code);
  });

  it('is refused while an iterator is open, in unsafe mode too', () => {
    const db = open(driver, entries).unsafeMode();
    const rows = db.prepare('SELECT b FROM entries').iterate();
    rows.next();
    expect(failureOf(driver, () => db.loadExtension(path))).toBe('TypeError');
    rows.return?.();
    db.loadExtension(path);
  });

  it('stays the only way: SQL cannot load one', () => {
    const db = open(driver, entries);
    expect(failureOf(driver, () => db.prepare('SELECT load_extension(?)').get(path))).toBe('SQLITE_ERROR');
  });
});
