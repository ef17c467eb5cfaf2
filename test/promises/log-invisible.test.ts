import type { Database } from 'rowtap';
import { expect, onTestFinished, test } from 'vitest';
import { LoggedFile } from '../support/logged-file.js';
import { outcomeOf } from '../support/outcome.js';
import { openPlain } from '../support/plain-database.js';

const before = `CREATE TABLE t (id INTEGER PRIMARY KEY, a UNIQUE, b BLOB);
  CREATE TABLE child (id INTEGER PRIMARY KEY AUTOINCREMENT, t REFERENCES t DEFERRABLE INITIALLY DEFERRED);
  CREATE TABLE audit (what);
  CREATE TRIGGER noted AFTER INSERT ON t BEGIN INSERT INTO audit VALUES (new.id); END;
  CREATE TRIGGER failing BEFORE UPDATE ON t WHEN new.a = 'fail' BEGIN SELECT RAISE(FAIL, 'failed'); END;
  CREATE TRIGGER rolling BEFORE UPDATE ON t WHEN new.a = 'roll' BEGIN SELECT RAISE(ROLLBACK, 'rolled back'); END`;

/** In this order, each one whatever became of those before it. */
const calls: (string | ((db: Database) => unknown))[] = [
  "INSERT INTO t VALUES (1, 'one', x'00ff'), (2, 'two', zeroblob(5000))",
  "INSERT OR REPLACE INTO t VALUES (3, 'one', NULL)",
  "INSERT OR FAIL INTO t VALUES (4, 'four', NULL), (2, 'there already', NULL)",
  "INSERT OR IGNORE INTO t VALUES (2, 'ignored', NULL)",
  'BEGIN',
  "INSERT INTO t VALUES (5, 'five', NULL)",
  "INSERT OR ROLLBACK INTO t VALUES (5, 'there already', NULL)",
  'COMMIT',
  'BEGIN',
  "UPDATE t SET a = 'fail' WHERE id = 4",
  "UPDATE t SET a = 'roll' WHERE id = 4",
  'COMMIT',
  'SAVEPOINT a',
  "INSERT INTO t VALUES (6, 'six', NULL)",
  'SAVEPOINT A',
  'CREATE TABLE u AS SELECT * FROM t',
  'INSERT INTO u SELECT * FROM u',
  'ROLLBACK TO a',
  'RELEASE a',
  'RELEASE a',
  'SELECT * FROM u',
  'PRAGMA foreign_keys = ON',
  'BEGIN',
  'INSERT INTO child (t) VALUES (77)',
  'COMMIT',
  "INSERT INTO t VALUES (77, 'mended', NULL)",
  'COMMIT',
  'INSERT INTO child (t) VALUES (78)',
  'PRAGMA user_version = 9',
  'PRAGMA user_version',
  'SELECT * FROM sqlite_sequence',
  "UPDATE t SET b = x'01' WHERE id = 2 RETURNING id, b",
  (db) => {
    const rows = db.prepare("INSERT INTO t VALUES (10, 'left', NULL), (11, 'open', NULL) RETURNING id").iterate();
    const first = rows.next();
    const inserted = outcomeOf(() => db.prepare('SELECT last_insert_rowid(), changes()').raw().get());
    rows.return?.();
    return [first, inserted];
  },
  (db) =>
    db.transaction(() => {
      db.exec("INSERT INTO t VALUES (12, 'twelve', NULL)");
      return outcomeOf(() => db.transaction(() => db.exec("INSERT INTO t VALUES (12, 'twelve', NULL)"))());
    })(),
  "ATTACH '<path>-other' AS other",
  'CREATE TABLE other.o (x)',
  'BEGIN',
  'INSERT INTO other.o SELECT id FROM t',
  'DELETE FROM t WHERE id BETWEEN 10 AND 12',
  'COMMIT',
  'CREATE TEMP TABLE scratch AS SELECT * FROM t',
  'ALTER TABLE t ADD COLUMN c DEFAULT 5',
  'SELECT * FROM t ORDER BY id',
  'SELECT * FROM audit',
  'SELECT * FROM other.o',
  'PRAGMA encoding',
  'PRAGMA integrity_check',
];

/** What it gave, and then inTransaction, changes(), total_changes(), last_insert_rowid(). */
function outcomesOf(db: Database, path: string): unknown[] {
  return calls.map((call) => {
    const run = (): unknown => {
      if (typeof call !== 'string') return call(db);
      const statement = db.prepare(call.replace('<path>', path));
      return statement.reader ? statement.all() : statement.run();
    };
    const counters = (): unknown => db.prepare('SELECT changes(), total_changes(), last_insert_rowid()').raw().get();
    return [String(call), outcomeOf(run), db.inTransaction, outcomeOf(counters)];
  });
}

test.each([
  ['wal', 'UTF-8'],
  ['wal', 'UTF-16le'],
  ['delete', 'UTF-8'],
  ['delete', 'UTF-16be'],
] as const)('an application sees the same as without a log: %s mode, %s', async (mode, encoding) => {
  const file = await LoggedFile.make({ mode, encoding, before });
  const plainPath = `${file.path}-plain`;
  const plain = openPlain(plainPath);
  onTestFinished(() => void plain.close());
  plain.exec(`PRAGMA encoding = "${encoding}"; PRAGMA journal_mode = ${mode}; ${before}`);
  // Attached; uncaptured connections make no files.
  for (const path of [file.path, plainPath]) openPlain(`${path}-other`).exec(`PRAGMA encoding = "${encoding}"; CREATE TABLE p (x)`).close();
  expect(outcomesOf(file.open(), file.path)).toEqual(outcomesOf(plain, plainPath));
  const logged = await file.logged();
  expect(logged.flat().filter((text) => text.startsWith('gap'))).toEqual([]);
  expect(logged).toContainEqual(['insert child (1, 77)', "insert t (77, 'mended', NULL)", 'indirect insert audit (77)']);
});
