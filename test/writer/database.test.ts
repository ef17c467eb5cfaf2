import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { drivers, failureOf, open, temporaryPath } from './drivers.js';

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
    [['', { somethingElse: true }], undefined],
  ])('of %j throws %s', (parameters, expected) => {
    expect(construct(...parameters)).toBe(expected);
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

  it('shows what it is to console.log', () => {
    const db = open(driver);
    expect(inspect(db)).toMatch(/name: ':memory:'/);
    expect(inspect(db)).toMatch(/open: true/);
  });
});
