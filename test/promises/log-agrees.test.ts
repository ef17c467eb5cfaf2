import { Database } from 'rowtap';
import { afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { clearAllocationFaults, countAllocations, failAllocation } from '../support/allocation-faults.js';
import { failureOf } from '../support/captured.js';
import { clearFaults, countFileOperations, failFile, installFaultVfs, resultCode } from '../support/fault-vfs.js';
import { LoggedFile } from '../support/logged-file.js';

beforeAll(installFaultVfs);
afterEach(() => {
  clearFaults();
  clearAllocationFaults();
});

const before = `CREATE TABLE t (id INTEGER PRIMARY KEY, a);
  CREATE TABLE child (id INTEGER PRIMARY KEY, t REFERENCES t DEFERRABLE INITIALLY DEFERRED)`;

/** Every way in which a program can commit; each tries to insert row 1. */
const ways: Record<string, (db: Database) => unknown> = {
  'a statement of its own': (db) => db.prepare("INSERT INTO t VALUES (1, 'lost')").run(),
  exec: (db) => db.exec("INSERT INTO t VALUES (1, 'lost')"),
  get: (db) => db.prepare("INSERT INTO t VALUES (1, 'lost') RETURNING id").get(),
  all: (db) => db.prepare("INSERT INTO t VALUES (1, 'lost') RETURNING id").all(),
  iterate: (db) => [...db.prepare("INSERT INTO t VALUES (1, 'lost') RETURNING id").iterate()],
  'an iteration that is left': (db) => {
    const rows = db.prepare("INSERT INTO t VALUES (1, 'lost') RETURNING id").iterate();
    rows.next();
    rows.return?.();
  },
  COMMIT: (db) => db.exec("BEGIN; INSERT INTO t VALUES (1, 'lost'); COMMIT"),
  RELEASE: (db) => db.exec("SAVEPOINT s; INSERT INTO t VALUES (1, 'lost'); RELEASE s"),
  'transaction()': (db) => db.transaction(() => db.prepare("INSERT INTO t VALUES (1, 'lost')").run())(),
  'a schema change': (db) => db.exec("CREATE TABLE lost AS SELECT 'lost' AS a"),
};

const countOf = (db: Database): unknown =>
  db.prepare("SELECT (SELECT count(*) FROM t) + (SELECT count(*) FROM sqlite_schema WHERE name = 'lost')").pluck().get();

async function expectNothingLogged(file: LoggedFile, db: Database): Promise<void> {
  if (db.inTransaction) db.exec('ROLLBACK');
  expect(countOf(db)).toBe(0);
  db.exec("INSERT INTO t VALUES (2, 'kept')");
  expect(await file.logged()).toEqual([["insert t (2, 'kept')"]]);
}

describe.each([
  ['wal', 'wal', 'write', resultCode.full, 'SQLITE_FULL'],
  ['wal', 'wal', 'write', resultCode.ioerrWrite, 'SQLITE_IOERR_WRITE'],
  ['wal', 'wal', 'sync', resultCode.ioerrFsync, 'SQLITE_IOERR_FSYNC'],
  ['delete', 'journal', 'sync', resultCode.ioerrFsync, 'SQLITE_IOERR_FSYNC'],
  ['delete', 'main', 'write', resultCode.full, 'SQLITE_FULL'],
] as const)('a commit whose writing fails leaves nothing in the log: %s mode, %s %s (%i)', (mode, fileKind, operation, code, name) => {
  test.each(Object.entries(ways))('%s', async (_, commit) => {
    const file = await LoggedFile.make({ mode, before });
    const db = file.open();
    db.exec('PRAGMA synchronous = FULL');
    failFile({ file: fileKind, operation, code, isPersistent: true });
    expect(failureOf(() => commit(db))).toBe(name);
    clearFaults();
    await expectNothingLogged(file, db);
  });
});

/** Whichever of its operations fails, with the log's own among them: SQLite's words, and both have it or neither. */
async function failEach(
  commit: (db: Database) => unknown,
  count: () => number,
  fail: (after: number) => void,
  allowed: RegExp,
): Promise<number> {
  const file = await LoggedFile.make({ before });
  let refused = 0;
  for (let after = 0; ; after++) {
    // With an empty cache, so that what the log needs has to be read.
    const db = file.open();
    db.prepare('SELECT count(*) FROM t').get();
    count();
    fail(after);
    let code: string | undefined;
    try {
      commit(db);
    } catch (error) {
      code = (error as { code: string }).code;
    }
    const isOver = count() === 0;
    if (db.inTransaction) db.exec('ROLLBACK');
    if (code !== undefined) {
      refused++;
      expect(code).toMatch(allowed);
      expect(countOf(db), `after ${code}`).toBe(0);
    }
    db.exec('DELETE FROM t WHERE 1; DROP TABLE IF EXISTS lost');
    db.close();
    if (isOver) break;
  }
  // Of those that came through. What could not be recorded for want of memory is a gap in its place.
  const logged = (await file.logged()).map(([first]) => first);
  const inserts = logged.filter((text) => /^(insert t|create lost|gap history-changed)/.test(text ?? ''));
  const deletes = logged.filter((text) => /^(delete t|drop lost)/.test(text ?? ''));
  expect(inserts.length, 'each row that came went, and no other').toBe(deletes.length);
  expect(inserts.length).toBeGreaterThan(0);
  return refused;
}

describe('what the log itself meets is told in the words of SQLite', () => {
  test.each(Object.entries(ways))('a page that can not be read: %s', async (_, commit) => {
    const count = (): number => {
      const { failed = 0 } = countFileOperations();
      clearFaults();
      return failed;
    };
    const fail = (after: number): void => failFile({ file: 'main', operation: 'read', code: resultCode.ioerrRead, after });
    const failWal = (after: number): void => failFile({ file: 'wal', operation: 'read', code: resultCode.ioerrRead, after });
    const refused = (await failEach(commit, count, fail, /^SQLITE_IOERR/)) + (await failEach(commit, count, failWal, /^SQLITE_IOERR/));
    expect(refused).toBeGreaterThan(0);
  });

  test.each(Object.entries(ways))('no memory: %s', async (_, commit) => {
    const count = (): number => {
      const { refused } = countAllocations();
      clearAllocationFaults();
      return refused;
    };
    const refused = await failEach(commit, count, (after) => failAllocation(after), /^SQLITE_(NOMEM|IOERR_NOMEM)$/);
    expect(refused).toBeGreaterThan(0);
  });
});

describe('a commit that is refused and tried again is in the log once', () => {
  test.each(['BEGIN … COMMIT', 'SAVEPOINT s … RELEASE s'])('for a deferred foreign key: %s', async (words) => {
    const [begin, commit] = words.split(' … ') as [string, string];
    const file = await LoggedFile.make({ before });
    const db = file.open();
    db.exec(`PRAGMA foreign_keys = ON; ${begin}; INSERT INTO child VALUES (1, 7)`);
    expect(failureOf(() => db.exec(commit))).toBe('SQLITE_CONSTRAINT_FOREIGNKEY');
    expect(failureOf(() => db.exec(commit))).toBe('SQLITE_CONSTRAINT_FOREIGNKEY');
    db.exec(`INSERT INTO t VALUES (7, 'mended'); ${commit}`);
    expect(await file.logged()).toEqual([['insert child (1, 7)', "insert t (7, 'mended')"]]);
  });

  describe('for a reader of a database with a rollback journal, behind the hook', () => {
    /** Its COMMIT was refused twice, and nobody reads any more. */
    async function refused(): Promise<{ file: LoggedFile; db: Database }> {
      const file = await LoggedFile.make({ mode: 'delete', before });
      const db = file.open();
      const reader = file.open();
      reader.exec('BEGIN; SELECT * FROM t');
      db.exec("BEGIN; INSERT INTO t VALUES (1, 'first')");
      expect(failureOf(() => db.exec('COMMIT'))).toBe('SQLITE_BUSY');
      expect(failureOf(() => db.exec('COMMIT'))).toBe('SQLITE_BUSY');
      reader.exec('COMMIT');
      return { file, db };
    }

    test('with what was added since', async () => {
      const { file, db } = await refused();
      db.exec("INSERT INTO t VALUES (2, 'second'); COMMIT");
      expect(await file.logged()).toEqual([["insert t (1, 'first')", "insert t (2, 'second')"]]);
    });

    test('and not at all where it is rolled back after that', async () => {
      const { file, db } = await refused();
      db.exec('ROLLBACK');
      await expectNothingLogged(file, db);
    });
  });

  test('with several files, of which the other one is locked', async () => {
    const file = await LoggedFile.make({ mode: 'delete', before });
    const other = `${file.path}-other`;
    new Database(other).exec('CREATE TABLE o (x)').close();
    const db = file.open();
    db.exec(`ATTACH '${other}' AS other`);
    const reader = new Database(other);
    onTestFinished(() => void reader.close());
    reader.exec('BEGIN; SELECT * FROM o');
    db.exec("BEGIN; INSERT INTO t VALUES (1, 'both'); INSERT INTO other.o VALUES (1)");
    expect(failureOf(() => db.exec('COMMIT'))).toBe('SQLITE_BUSY');
    reader.exec('COMMIT');
    db.exec('COMMIT');
    expect(await file.logged()).toEqual([["insert t (1, 'both')"]]);
  });
});

test('what the application rolls back, by whatever means, is not in the log', async () => {
  const file = await LoggedFile.make({ before });
  const db = file.open();
  db.exec("BEGIN; INSERT INTO t VALUES (1, 'lost'); ROLLBACK");
  db.exec("BEGIN; INSERT INTO t VALUES (1, 'lost')");
  expect(failureOf(() => db.exec('INSERT OR ROLLBACK INTO t VALUES (1, 1)'))).toBe('SQLITE_CONSTRAINT_PRIMARYKEY');
  db.exec("BEGIN; SAVEPOINT s; INSERT INTO t VALUES (1, 'lost'); CREATE TABLE lost (x); ROLLBACK TO s; COMMIT");
  expect(() =>
    db.transaction(() => {
      db.exec("INSERT INTO t VALUES (1, 'lost')");
      throw new RangeError('thrown by the application');
    })(),
  ).toThrow(RangeError);
  await expectNothingLogged(file, db);
});
