import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Database } from '../../lib/writer/database.js';
import { clearFaults, failFile, installFaultVfs, resultCode } from '../support/fault-vfs.js';
import { drivers, entries, failureOf, open, temporaryPath } from './drivers.js';

describe.each(drivers)('$name: serialize', (driver) => {
  const rowsOf = (content: Buffer, table = 'entries') => open(driver, '', content).prepare(`SELECT * FROM ${table}`).all();

  it('gives a Buffer that holds what a file of the database would hold', () => {
    const path = temporaryPath();
    const db = open(driver, `PRAGMA page_size = 1024; ${entries}`, path);
    const content = db.serialize();
    expect(Buffer.isBuffer(content)).toBe(true);
    expect(content.equals(readFileSync(path))).toBe(true);
    const copy = temporaryPath('copy.db');
    writeFileSync(copy, content);
    const reopened = open(driver, '', copy);
    expect(reopened.pragma('integrity_check', { simple: true })).toBe('ok');
    expect(reopened.prepare('SELECT * FROM entries').all()).toEqual(db.prepare('SELECT * FROM entries').all());
  });

  it.each(['wal', 'delete'])('has what was committed last, in journal mode %s', (mode) => {
    const path = temporaryPath();
    const db = open(driver, `PRAGMA journal_mode = ${mode}; ${entries}`, path);
    const other = open(driver, '', path);
    other.exec('DELETE FROM entries WHERE b < 3');
    writeFileSync(`${path}.copy`, db.serialize());
    expect(open(driver, '', `${path}.copy`).prepare('SELECT b FROM entries ORDER BY b').pluck().all()).toEqual([3, 5000000000]);
  });

  it('has what an open transaction has changed, and leaves that open', () => {
    const db = open(driver, entries);
    db.exec('BEGIN; DELETE FROM entries');
    expect(rowsOf(db.serialize())).toEqual([]);
    expect(db.inTransaction).toBe(true);
    db.exec('ROLLBACK');
    expect(rowsOf(db.serialize())).toHaveLength(5);
  });

  it('takes an attached database, or a temporary one, by its name', () => {
    const db = open(driver, `${entries} ATTACH ':memory:' AS "other one"; CREATE TABLE "other one".t (a); INSERT INTO t VALUES (7)`);
    db.exec('CREATE TEMP TABLE s (a); INSERT INTO s VALUES (8)');
    expect(rowsOf(db.serialize({ attached: 'other one' }), 't')).toEqual([{ a: 7 }]);
    expect(rowsOf(db.serialize({ attached: 'temp' }), 's')).toEqual([{ a: 8 }]);
    expect(rowsOf(db.serialize({ attached: 'main' }))).toEqual(rowsOf(db.serialize(null)));
    expect(() => db.serialize({ attached: 'nobody' })).toThrow(Error);
  });

  it('gives one page for a database in which nothing was ever written, and none where that can not be', () => {
    expect(open(driver).serialize()).toHaveLength(4096);
    expect(open(driver, '', Buffer.alloc(0), { readonly: true }).serialize()).toHaveLength(0);
    const path = temporaryPath();
    writeFileSync(path, '');
    expect(open(driver, '', path, { readonly: true }).serialize()).toHaveLength(0);
  });

  it.each([
    [['main'], 'TypeError'],
    [[1], 'TypeError'],
    [[null], undefined],
    [[{}], undefined],
    [[{ attached: undefined }], 'TypeError'],
    [[{ attached: null }], 'TypeError'],
    [[{ attached: 1 }], 'TypeError'],
    [[{ attached: '' }], 'TypeError'],
    [[{ somethingElse: 1 }], undefined],
  ])('of %j throws %s', (parameters, expected) => {
    const db = open(driver, entries);
    const serialize = (...all: unknown[]) => (db.serialize as (...all: unknown[]) => Buffer).apply(db, all);
    expect(failureOf(driver, () => serialize(...parameters))).toBe(expected);
  });

  it('is refused while the database is closed, while an iterator is open, and out of the verbose option', () => {
    const seen: unknown[] = [];
    const logged = open(driver, '', ':memory:', { verbose: () => seen.push(failureOf(driver, () => logged.serialize())) });
    logged.exec('SELECT 1');
    expect(seen).toEqual(['TypeError']);
    const db = open(driver, entries).unsafeMode();
    const iterator = db.prepare('SELECT * FROM entries').iterate();
    expect(failureOf(driver, () => db.serialize())).toBe('TypeError');
    iterator.return?.();
    expect(failureOf(driver, () => db.serialize())).toBe(undefined);
    db.close();
    expect(failureOf(driver, () => db.serialize())).toBe('TypeError');
  });

  it('throws SqliteError for a file that is no database', () => {
    const path = temporaryPath();
    writeFileSync(path, 'This is not a database, although it is long enough to be taken for one. '.repeat(20));
    expect(() => open(driver, '', path).serialize()).toThrow(Error);
  });
});

describe.each(drivers)('$name: new Database(buffer)', (driver) => {
  const construct = (...parameters: unknown[]) => new (driver.Database as new (...all: unknown[]) => Database)(...parameters);

  it('opens a database in memory with that content, and says so', () => {
    const content = open(driver, entries).serialize();
    const db = open(driver, '', content);
    expect([db.name, db.open, db.inTransaction, db.readonly, db.memory]).toEqual([':memory:', true, false, false, true]);
    expect(db.prepare('SELECT count(*) FROM entries').pluck().get()).toBe(5);
    expect(db.pragma('journal_mode', { simple: true })).toBe('memory');
  });

  it('copies the buffer: neither of the two changes with the other', () => {
    const content = open(driver, entries).serialize();
    const before = Buffer.from(content);
    const db = open(driver, '', content);
    db.exec('UPDATE entries SET b = 0; CREATE TABLE more (a)');
    expect(content.equals(before)).toBe(true);
    content.fill(0xff);
    expect(db.pragma('integrity_check', { simple: true })).toBe('ok');
    expect(db.prepare('SELECT DISTINCT b FROM entries').pluck().all()).toEqual([0]);
  });

  it('grows, shrinks, rolls back and is serialized as any other', () => {
    const db = open(driver, '', open(driver, entries).serialize());
    const { length } = db.serialize();
    db.exec('BEGIN; DELETE FROM entries; ROLLBACK');
    const insert = db.prepare('INSERT INTO entries (d) VALUES (zeroblob(?))');
    db.transaction(() => {
      for (let i = 0; i < 100; i++) insert.run(20_000);
    })();
    expect(db.serialize().length).toBeGreaterThan(2_000_000);
    db.exec('DELETE FROM entries WHERE length(d) = 20000; VACUUM');
    expect(db.serialize()).toHaveLength(length);
    expect(db.prepare('SELECT count(*) FROM entries').pluck().get()).toBe(5);
    const again = open(driver, '', db.serialize());
    expect(again.prepare('SELECT a FROM entries').pluck().all()).toEqual(['one', 'two', 'three', 'four', 'five']);
  });

  it('reads only, with the option readonly', () => {
    const content = open(driver, entries).serialize();
    const db = open(driver, '', content, { readonly: true, fileMustExist: true });
    expect(db.readonly).toBe(true);
    expect(db.prepare('SELECT count(*) FROM entries').pluck().get()).toBe(5);
    expect(failureOf(driver, () => db.exec('DELETE FROM entries'))).toBe('SQLITE_READONLY');
  });

  it('is empty where the buffer is', () => {
    const db = open(driver, 'CREATE TABLE t (a); INSERT INTO t VALUES (1)', Buffer.alloc(0));
    expect(db.prepare('SELECT a FROM t').pluck().all()).toEqual([1]);
  });

  it('opens what is no database, and says so when it is used', () => {
    const db = open(driver, '', Buffer.from('This is not a database, whatever it may look like. '.repeat(40)));
    expect(failureOf(driver, () => db.prepare('SELECT * FROM sqlite_master'))).toBe('SQLITE_NOTADB');
  });

  it.each([
    [[new Uint8Array(4096)], 'TypeError'],
    [[new ArrayBuffer(4096)], 'TypeError'],
    [[Buffer.alloc(0), 'readonly'], 'TypeError'],
    [[Buffer.alloc(0), null], undefined],
    [[Buffer.alloc(0), { readonly: 1 }], 'TypeError'],
    [[Buffer.alloc(0), { readonly: true }], undefined],
    [[Buffer.alloc(0), { memory: true }], 'TypeError'],
    [[Buffer.alloc(0), { timeout: -1 }], 'TypeError'],
  ])('of %j throws %s', (parameters, expected) => {
    expect(failureOf(driver, () => construct(...parameters).close())).toBe(expected);
  });
});

describe('rowtap: serialize', () => {
  it('says that there is no attached database of that name', () => {
    const db = new Database(':memory:');
    expect(() => db.serialize({ attached: 'nobody' })).toThrow(
      expect.objectContaining({ code: 'SQLITE_ERROR', message: 'unknown database nobody' }),
    );
    db.close();
  });

  it('of a file in WAL mode can be opened, though memory has no WAL', () => {
    const path = temporaryPath();
    const db = new Database(path);
    db.exec(`PRAGMA journal_mode = WAL; ${entries}`);
    const content = db.serialize();
    expect([content[18], content[19]]).toEqual([2, 2]);
    const copy = new Database(content);
    expect(copy.prepare('SELECT * FROM entries').all()).toEqual(db.prepare('SELECT * FROM entries').all());
    copy.exec('DELETE FROM entries');
    expect([content[18], content[19]]).toEqual([2, 2]);
    copy.close();
    db.close();
  });

  it('throws where a page can not be read, and gives no zeros in its place', () => {
    installFaultVfs();
    const path = temporaryPath();
    new Database(path).exec(`${entries} INSERT INTO entries (d) VALUES (zeroblob(100000))`).close();
    const db = new Database(path);
    failFile({ file: 'main', operation: 'read', after: 10, code: resultCode.ioerrRead });
    try {
      expect(() => db.serialize()).toThrow(expect.objectContaining({ code: 'SQLITE_IOERR_READ', message: 'disk I/O error' }));
    } finally {
      clearFaults();
    }
    expect(db.serialize().equals(readFileSync(path))).toBe(true);
    db.close();
  });
});
