import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { drivers, failureOf, open } from './drivers.js';

describe.each(drivers)('$name: SqliteError', (driver) => {
  it('is an Error with a code', () => {
    const error = new driver.SqliteError('a message', 'SQLITE_BUSY');
    expect(error).toBeInstanceOf(Error);
    expect(error).toBeInstanceOf(driver.SqliteError);
    expect([error.message, error.code, error.name]).toEqual(['a message', 'SQLITE_BUSY', 'SqliteError']);
    expect(Object.keys(error)).toEqual(['code']);
    expect(Object.getOwnPropertyNames(error).toSorted()).toEqual(['code', 'message', 'stack']);
    expect(String(error)).toBe('SqliteError: a message');
    expect(error.stack).toContain('sqlite-error.test');
  });

  it('makes a string of its message, and wants a string as its code', () => {
    const make = driver.SqliteError as unknown as new (...all: unknown[]) => Error;
    expect(new make(42, 'SQLITE_X').message).toBe('42');
    expect(new make(undefined, 'SQLITE_X').message).toBe('undefined');
    for (const wrong of [[], ['message'], ['message', 5], ['message', null]]) {
      expect(failureOf(driver, () => new make(...wrong))).toBe('TypeError');
    }
  });

  it('is what every failure of SQLite is thrown as', () => {
    const db = open(driver, 'CREATE TABLE t (a UNIQUE); INSERT INTO t VALUES (1)');
    let thrown: unknown;
    try {
      db.prepare('INSERT INTO t VALUES (?)').run(1);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(driver.SqliteError);
    expect(thrown).toMatchObject({ code: 'SQLITE_CONSTRAINT_UNIQUE', message: 'UNIQUE constraint failed: t.a', name: 'SqliteError' });
  });
});

describe('rowtap: the names of SQLite codes', () => {
  it('are those of sqlite3.h, without one missing', () => {
    const header = readFileSync(new URL('../../deps/sqlite3/sqlite3.h', import.meta.url), 'utf8');
    const codes = header.slice(header.indexOf('#define SQLITE_OK '), header.indexOf('CAPI3REF: Flags For File Open Operations'));
    const names = [...codes.matchAll(/^#define (SQLITE_\w+)/gm)].map(([, name]) => name as string);
    expect(names.length).toBeGreaterThan(100);
    const known = readFileSync(new URL('../../native/node/errors.cpp', import.meta.url), 'utf8');
    expect(names.filter((name) => !known.includes(`{${name}, "${name}"}`))).toEqual([]);
  });
});
