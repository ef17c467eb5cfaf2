import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { drivers, entries, failureOf, open, temporaryPath } from './drivers.js';

describe.each(drivers)('$name: close', (driver) => {
  it('returns the database, and may be called again', () => {
    const db = open(driver);
    expect(db.close()).toBe(db);
    expect(db.open).toBe(false);
    expect(db.close()).toBe(db);
  });

  it('ends what its statements can do, whatever is asked of them', () => {
    const db = open(driver, entries);
    const statement = db.prepare('SELECT * FROM entries WHERE b > ?');
    const insert = db.prepare('INSERT INTO entries (b) VALUES (?)');
    const fn = db.transaction(() => 1);
    db.close();
    for (const use of [
      () => statement.get(1),
      () => statement.all(1),
      () => statement.iterate(1),
      () => statement.bind(1),
      () => statement.columns(),
      () => insert.run(1),
      () => db.exec('SELECT 1'),
      () => db.prepare('SELECT 1'),
      () => db.pragma('cache_size'),
      fn,
    ]) {
      expect(failureOf(driver, use)).toBe('TypeError');
    }
    expect(failureOf(driver, () => statement.pluck().raw().expand().safeIntegers())).toBe(undefined);
    expect(failureOf(driver, () => db.defaultSafeIntegers())).toBe(undefined);
    expect([statement.reader, statement.busy, statement.source]).toEqual([true, false, 'SELECT * FROM entries WHERE b > ?']);
  });

  // Version 12 writes to memory that is no longer its own.
  it.skipIf(driver.version === 12)('ends unsafeMode too', () => {
    const db = open(driver);
    db.close();
    for (const use of [() => db.unsafeMode(), () => db.unsafeMode(true), () => db.unsafeMode(false)]) {
      expect(failureOf(driver, use)).toBe('TypeError');
    }
  });

  it('is refused while an iterator is open, whether it has been read from or not, and works when that has ended', () => {
    const db = open(driver, entries);
    const iterator = db.prepare('SELECT * FROM entries').iterate();
    expect(failureOf(driver, () => db.close())).toBe('TypeError');
    iterator.next();
    expect(failureOf(driver, () => db.close())).toBe('TypeError');
    expect(db.open).toBe(true);
    iterator.return?.();
    db.close();
    expect(db.open).toBe(false);
    expect(iterator.next()).toEqual({ value: undefined, done: true });
  });

  it('is refused inside of a loop over an iterator, without harm to it', () => {
    const db = open(driver, entries);
    const seen: unknown[] = [];
    for (const b of db.prepare('SELECT b FROM entries').pluck().iterate()) {
      seen.push(b);
      expect(failureOf(driver, () => db.close())).toBe('TypeError');
    }
    expect(seen).toEqual([1, 2, 3, -4, 5000000000]);
  });

  it('rolls back an open transaction', () => {
    const path = temporaryPath();
    const db = open(driver, 'CREATE TABLE t (a); BEGIN; INSERT INTO t VALUES (1)', path);
    db.close();
    expect(db.inTransaction).toBe(false);
    expect(open(driver, '', path).prepare('SELECT count(*) FROM t').pluck().get()).toBe(0);
  });

  it('leaves no WAL file behind when it was the last connection', () => {
    const path = temporaryPath();
    const db = open(driver, '', path);
    db.pragma('journal_mode = WAL');
    db.exec('CREATE TABLE t (a)');
    expect(existsSync(`${path}-wal`)).toBe(true);
    db.close();
    expect(existsSync(`${path}-wal`)).toBe(false);
  });
});
