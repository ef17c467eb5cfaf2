import { describe, expect, it } from 'vitest';
import { drivers, entries, failureOf, open } from './drivers.js';

describe.each(drivers)('$name: unsafeMode', (driver) => {
  it('lets a program write while it iterates, until it is turned off', () => {
    const db = open(driver, entries);
    expect(db.unsafeMode()).toBe(db);
    const iterator = db.prepare('SELECT b FROM entries').pluck().iterate();
    iterator.next();
    expect(db.prepare("UPDATE entries SET a = 'x'").run().changes).toBe(5);
    db.exec('SELECT 1');
    expect(db.pragma('cache_size', { simple: true })).toBe(-16000);
    db.transaction(() => undefined)();
    expect(failureOf(driver, () => db.close())).toBe('TypeError');
    db.unsafeMode(false);
    expect(failureOf(driver, () => db.exec('SELECT 1'))).toBe('TypeError');
    expect([...iterator]).toHaveLength(4);
    db.close();
  });

  it('turns the protection against corruption off and on', () => {
    const db = open(driver, entries);
    const corrupt = () => failureOf(driver, () => db.exec("PRAGMA writable_schema = 1; UPDATE sqlite_master SET sql = sql || ' '"));
    expect(corrupt()).toBe('SQLITE_ERROR');
    db.unsafeMode(true);
    expect(corrupt()).toBe(undefined);
    db.unsafeMode(false);
    expect(corrupt()).toBe('SQLITE_ERROR');
  });
});
