import { describe, expect, it } from 'vitest';
import { drivers, failureOf, open, temporaryPath } from './drivers.js';

describe.each(drivers)('$name: run', (driver) => {
  it('says how many rows changed, and the last rowid', () => {
    const db = open(driver, 'CREATE TABLE t (id INTEGER PRIMARY KEY, a)');
    expect(db.prepare('INSERT INTO t (a) VALUES (?), (?)').run('x', 'y')).toEqual({ changes: 2, lastInsertRowid: 2 });
    expect(db.prepare('INSERT INTO t VALUES (?, ?)').run(5000000000n, 'z')).toEqual({ changes: 1, lastInsertRowid: 5000000000 });
    expect(db.prepare("UPDATE t SET a = 'w' WHERE id < 3").run()).toEqual({ changes: 2, lastInsertRowid: 5000000000 });
    expect(db.prepare('UPDATE t SET a = a WHERE id = 99').run()).toEqual({ changes: 0, lastInsertRowid: 5000000000 });
    expect(db.prepare('DELETE FROM t').run()).toEqual({ changes: 3, lastInsertRowid: 5000000000 });
  });

  it('updates and deletes as many rows as LIMIT says, in the order of ORDER BY', () => {
    const db = open(driver, 'CREATE TABLE t (id INTEGER PRIMARY KEY, a); INSERT INTO t VALUES (1, 3), (2, 1), (3, 2), (4, 0)');
    expect(db.prepare('UPDATE t SET a = a + 10 ORDER BY a DESC LIMIT ?').run(2).changes).toBe(2);
    expect(db.prepare('DELETE FROM t WHERE a < 5 RETURNING id ORDER BY a LIMIT 1 OFFSET 1').all()).toEqual([{ id: 2 }]);
    expect(db.prepare('SELECT id, a FROM t').raw().all()).toEqual([
      [1, 13],
      [3, 12],
      [4, 0],
    ]);
    expect(failureOf(driver, () => db.prepare('DELETE FROM t ORDER BY a'))).toBe('SQLITE_ERROR');
  });

  it('counts no changes for statements that change no rows, whatever changed before', () => {
    const db = open(driver, 'CREATE TABLE t (a); INSERT INTO t VALUES (1), (2)');
    for (const sql of ['BEGIN', 'SAVEPOINT s', 'RELEASE s', 'COMMIT', 'CREATE TABLE u (b)', 'SELECT 1', 'PRAGMA cache_size = -100']) {
      expect(db.prepare(sql).run().changes).toBe(0);
    }
  });

  it('counts the rows of the statement itself, not those of its triggers and foreign-key actions', () => {
    const db = open(
      driver,
      `CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE c (p REFERENCES p ON DELETE CASCADE); CREATE TABLE log (a);
       CREATE TRIGGER t AFTER INSERT ON p BEGIN INSERT INTO log VALUES (1), (2); END;
       INSERT INTO p VALUES (1); INSERT INTO c VALUES (1), (1), (1)`,
    );
    expect(db.prepare('INSERT INTO p VALUES (7)').run()).toEqual({ changes: 1, lastInsertRowid: 7 });
    expect(db.prepare('DELETE FROM p WHERE id = 1').run().changes).toBe(1);
  });

  it('runs a statement that returns rows to its end', () => {
    const db = open(driver, 'CREATE TABLE t (a)');
    expect(db.prepare('INSERT INTO t VALUES (1), (2), (3) RETURNING a').run().changes).toBe(3);
    expect(db.prepare('SELECT * FROM t').run().changes).toBe(0);
    expect(db.prepare('SELECT count(*) FROM t').pluck().get()).toBe(3);
  });

  it('gives the rowid exactly with safe integers', () => {
    const db = open(driver, 'CREATE TABLE t (id INTEGER PRIMARY KEY)');
    const insert = db.prepare('INSERT INTO t VALUES (?)').safeIntegers();
    expect(insert.run(9223372036854775807n)).toEqual({ changes: 1, lastInsertRowid: 9223372036854775807n });
    expect(insert.safeIntegers(false).run(-9007199254740993n).lastInsertRowid).toBe(-9007199254740992);
  });

  it('can be called again after it failed', () => {
    const db = open(driver, 'CREATE TABLE t (a UNIQUE NOT NULL)');
    const insert = db.prepare('INSERT INTO t VALUES (?)');
    insert.run(1);
    expect(failureOf(driver, () => insert.run(1))).toBe('SQLITE_CONSTRAINT_UNIQUE');
    expect(failureOf(driver, () => insert.run(null))).toBe('SQLITE_CONSTRAINT_NOTNULL');
    expect(insert.run(2).changes).toBe(1);
  });

  it.each([
    ['INSERT INTO t VALUES (1, 1, 1)', 'SQLITE_CONSTRAINT_PRIMARYKEY'],
    ['INSERT INTO t VALUES (2, -1, 1)', 'SQLITE_CONSTRAINT_CHECK'],
    ['INSERT INTO t VALUES (2, 1, 99)', 'SQLITE_CONSTRAINT_FOREIGNKEY'],
    ["INSERT INTO t VALUES ('two', 1, 1)", 'SQLITE_MISMATCH'],
    ["INSERT INTO s VALUES (x'00')", 'SQLITE_CONSTRAINT_DATATYPE'],
    ["INSERT INTO v VALUES ('x')", 'SQLITE_CONSTRAINT_TRIGGER'],
    ['ROLLBACK', 'SQLITE_ERROR'],
    ['SELECT abs(-9223372036854775808)', 'SQLITE_ERROR'],
  ])('of %j throws %s', (sql, code) => {
    const db = open(
      driver,
      `CREATE TABLE t (id INTEGER PRIMARY KEY, a CHECK (a > 0), b REFERENCES t); INSERT INTO t VALUES (1, 1, 1);
       CREATE TABLE s (a TEXT) STRICT;
       CREATE TABLE v (a); CREATE TRIGGER refuse BEFORE INSERT ON v BEGIN SELECT raise(ABORT, 'no ' || new.a); END`,
    );
    expect(failureOf(driver, () => db.prepare(sql).run())).toBe(code);
  });

  it('throws in the words of a trigger', () => {
    const db = open(driver, "CREATE TABLE v (a); CREATE TRIGGER t BEFORE INSERT ON v BEGIN SELECT raise(ABORT, 'no room'); END");
    expect(() => db.prepare('INSERT INTO v VALUES (1)').run()).toThrow('no room');
  });

  it('goes on with statements that were prepared before the schema changed', () => {
    const db = open(driver, 'CREATE TABLE t (a); CREATE TABLE other (a)');
    const insert = db.prepare('INSERT INTO t (a) VALUES (?)');
    db.exec('ALTER TABLE t ADD COLUMN b DEFAULT 7; DROP TABLE other');
    expect(insert.run(1).changes).toBe(1);
    expect(db.prepare('SELECT * FROM t').raw().all()).toEqual([[1, 7]]);
    db.exec('DROP TABLE t');
    expect(failureOf(driver, () => insert.run(1))).toBe('SQLITE_ERROR');
  });

  it('gets SQLITE_BUSY_SNAPSHOT where the rows that were read are not the last ones any more', () => {
    const path = temporaryPath();
    const db = open(driver, 'PRAGMA journal_mode = WAL; CREATE TABLE t (a)', path);
    const other = open(driver, '', path);
    db.exec('BEGIN; SELECT * FROM t');
    db.prepare('SELECT * FROM t').all();
    other.exec('INSERT INTO t VALUES (1)');
    expect(failureOf(driver, () => db.prepare('INSERT INTO t VALUES (2)').run())).toBe('SQLITE_BUSY_SNAPSHOT');
    db.exec('ROLLBACK');
  });

  it('is refused while an iterator is open, and when the database is closed', () => {
    const db = open(driver, 'CREATE TABLE t (a)');
    const insert = db.prepare('INSERT INTO t VALUES (1)');
    const iterator = db.prepare('SELECT 1').iterate();
    expect(failureOf(driver, () => insert.run())).toBe('TypeError');
    iterator.return?.();
    insert.run();
    db.close();
    expect(failureOf(driver, () => insert.run())).toBe('TypeError');
  });
});
