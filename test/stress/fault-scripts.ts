import type { Database } from 'rowtap';

export type FaultStep = string | ((db: Database) => void);

export interface FaultScript {
  name: string;
  /** Run while all is well. */
  setup: string;
  /** Run by the connection before the steps; not part of what can fail. */
  settings?: string;
  /** Of the database's texts. Default: UTF-8. */
  encoding?: 'UTF-8' | 'UTF-16le';
  /**
   * Defines the functions and tables that the steps use; not part of what can fail. They may read by `reader`, another connection to the same file: rows of
   * the setup that no step changes, since where the steps are repeated it has nothing else.
   */
  equip?(db: Database, reader: Database): void;
  /** Run when all is well again: what `equip` has defined is to work as before. */
  finish?: string;
  /** Each is tried, whatever became of those before it. */
  steps: FaultStep[];
}

export const plain = `
  CREATE TABLE t (id INTEGER PRIMARY KEY, a);
  CREATE TABLE w (k TEXT PRIMARY KEY, v) WITHOUT ROWID;
  INSERT INTO t VALUES (1, 'one'), (2, 'two'), (3, 'three');
  INSERT INTO w VALUES ('a', 1), ('b', 2)`;

/** Together they use every kind of file, and every way in which a transaction and a statement can end. */
export const faultScripts: FaultScript[] = [
  {
    name: 'rows',
    setup: plain,
    steps: [
      "INSERT INTO t VALUES (10, 'ten'), (11, 'eleven')",
      "UPDATE t SET id = id + 100, a = 'moved' WHERE id = 10",
      "INSERT INTO w VALUES ('c', 3)",
      "UPDATE w SET k = 'd' WHERE k = 'a'",
      'DELETE FROM w',
      'BEGIN',
      'DELETE FROM t WHERE id < 3',
      'INSERT INTO t (a) SELECT a FROM t',
      'COMMIT',
    ],
  },
  {
    name: 'savepoints',
    setup: plain,
    steps: [
      'BEGIN',
      'INSERT INTO t VALUES (10, 1)',
      'SAVEPOINT a',
      'UPDATE t SET a = 2',
      'SAVEPOINT b',
      'DELETE FROM w',
      'ROLLBACK TO b',
      'INSERT INTO t VALUES (11, 3)',
      'ROLLBACK TO a',
      'INSERT INTO w VALUES (10, 4)',
      'COMMIT',
      'SAVEPOINT c',
      'INSERT INTO t VALUES (12, 5)',
      'RELEASE c',
      'BEGIN',
      'DELETE FROM t',
      'ROLLBACK',
    ],
  },
  {
    name: 'conflicts',
    setup: `${plain}; CREATE UNIQUE INDEX a ON t (a)`,
    steps: [
      "INSERT OR FAIL INTO t VALUES (10, 'x'), (1, 'there already')",
      'BEGIN',
      "INSERT OR FAIL INTO t VALUES (11, 'y'), (1, 'there already')",
      "INSERT INTO t VALUES (12, 'z'), (2, 'there already')",
      "INSERT OR REPLACE INTO t VALUES (1, 'two')",
      "INSERT OR IGNORE INTO t VALUES (3, 'three'), (13, 'v')",
      "INSERT INTO t VALUES (3, 'u') ON CONFLICT (id) DO UPDATE SET a = excluded.a",
      'COMMIT',
      'BEGIN',
      "INSERT INTO w VALUES ('e', 1)",
      "INSERT OR ROLLBACK INTO w VALUES ('f', 1), ('e', 2)",
      "REPLACE INTO w VALUES ('a', 9)",
    ],
  },
  {
    name: 'triggers and cascades',
    setup: `${plain};
      CREATE TABLE child (id INTEGER PRIMARY KEY, t REFERENCES t ON DELETE CASCADE ON UPDATE CASCADE DEFERRABLE INITIALLY DEFERRED);
      CREATE TABLE audit (what);
      INSERT INTO child VALUES (1, 1), (2, 1), (3, 2);
      CREATE TRIGGER noted AFTER UPDATE ON t BEGIN INSERT INTO audit VALUES (old.a || new.a); END;
      CREATE TRIGGER refused BEFORE DELETE ON w WHEN old.k = 'b' BEGIN INSERT INTO audit VALUES ('b'); SELECT RAISE(FAIL, 'b stays'); END`,
    steps: [
      'UPDATE t SET id = 50 WHERE id = 1',
      'DELETE FROM w',
      'BEGIN',
      'INSERT INTO child VALUES (9, 999)',
      'COMMIT',
      'DELETE FROM child WHERE id = 9',
      'COMMIT',
      'DELETE FROM t',
    ],
  },
  {
    name: 'large rows',
    setup: `${plain}; INSERT INTO t SELECT value, hex(randomblob(1500)) FROM json_each('[20,21,22,23]')`,
    settings: 'PRAGMA cache_size = 5',
    steps: [
      "INSERT INTO t SELECT value, zeroblob(5000) FROM json_each('[30,31,32]')",
      'BEGIN',
      'UPDATE t SET a = a || zeroblob(2000)',
      "INSERT INTO w SELECT hex(zeroblob(value)), zeroblob(4000) FROM json_each('[1,2,3]')",
      'UPDATE OR FAIL w SET v = v || v',
      'SAVEPOINT s',
      'DELETE FROM t WHERE id > 20',
      'ROLLBACK TO s',
      'COMMIT',
      'DELETE FROM t',
    ],
  },
  {
    name: 'RETURNING left open',
    setup: plain,
    steps: [
      (db) => {
        const rows = db.prepare("INSERT INTO t VALUES (10, 'ten'), (11, 'eleven') RETURNING id").iterate();
        rows.next();
        rows.return?.();
      },
      (db) => {
        const rows = db.prepare("UPDATE t SET a = 'new' RETURNING id").iterate();
        rows.next();
        rows.next();
        rows.return?.();
      },
      'BEGIN',
      (db) => {
        const rows = db.prepare('DELETE FROM w RETURNING k').iterate();
        rows.next();
        rows.return?.();
      },
      'COMMIT',
    ],
  },
  {
    name: 'schema changes',
    setup: plain,
    steps: [
      'CREATE TABLE u AS SELECT id, a AS b FROM t',
      'ALTER TABLE u ADD COLUMN c DEFAULT 7',
      'UPDATE u SET c = 8 WHERE id = 1',
      'ALTER TABLE u RENAME COLUMN b TO d',
      'ALTER TABLE u DROP COLUMN d',
      'ALTER TABLE u RENAME TO v',
      'CREATE INDEX i ON t (a)',
      'INSERT INTO v SELECT id + 10, 1 FROM t',
      'DROP TABLE v',
      'INSERT INTO t (a) VALUES (4)',
    ],
  },
  {
    name: 'schema changes within transactions',
    setup: plain,
    steps: [
      'BEGIN',
      "INSERT INTO t VALUES (10, 'before')",
      'CREATE TABLE u (x, y)',
      "INSERT INTO u VALUES (1, 'first')",
      'SAVEPOINT s',
      'ALTER TABLE t ADD COLUMN b',
      'UPDATE t SET b = 1',
      'DROP TABLE w',
      'ROLLBACK TO s',
      'CREATE TABLE c AS SELECT * FROM t',
      "INSERT INTO t VALUES (11, 'after')",
      'COMMIT',
      'BEGIN',
      "INSERT INTO t VALUES (12, 'more')",
      'DROP TABLE u',
      'COMMIT',
    ],
  },
  {
    name: 'VACUUM and WAL checkpoints',
    setup: `${plain}; INSERT INTO t SELECT value, randomblob(1000) FROM json_each('[20,21,22,23,24,25,26]')`,
    settings: 'PRAGMA wal_autocheckpoint = 4',
    steps: [
      'DELETE FROM t WHERE id > 22',
      'VACUUM',
      "INSERT INTO t (a) VALUES ('next'), (randomblob(3000))",
      'PRAGMA wal_checkpoint(TRUNCATE)',
      'UPDATE t SET a = 1',
      'PRAGMA user_version = 5',
      'DELETE FROM w',
    ],
  },
  {
    name: 'several files',
    setup: plain,
    settings: "ATTACH DATABASE '{path}-other' AS other; CREATE TABLE IF NOT EXISTS other.o (x)",
    steps: [
      'BEGIN',
      'INSERT INTO t VALUES (10, 10)',
      'INSERT INTO other.o VALUES (1)',
      'COMMIT',
      'INSERT INTO other.o SELECT id FROM t',
      'BEGIN',
      "UPDATE w SET v = 'two files'",
      'DELETE FROM other.o',
      'COMMIT',
      'DELETE FROM t WHERE id = 10',
    ],
  },
];
