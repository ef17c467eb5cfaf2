import { expect, test } from 'vitest';
import { capture } from '../support/captured.js';

const before = 'CREATE TABLE t (id INTEGER PRIMARY KEY, a); INSERT INTO t VALUES (1, 1)';

test.each([
  'BEGIN IMMEDIATE; COMMIT',
  'BEGIN; SELECT * FROM t; COMMIT',
  'PRAGMA user_version = 7',
  'VACUUM',
  'ANALYZE',
  'REINDEX',
  'CREATE INDEX i ON t (a); DROP INDEX i',
  'CREATE VIEW v AS SELECT * FROM t; DROP VIEW v',
  'CREATE TEMP TABLE x (a); INSERT INTO x VALUES (1)',
  'BEGIN; INSERT INTO t VALUES (2, 2); ROLLBACK',
  'UPDATE t SET a = 2 WHERE id = 77',
  'DELETE FROM t WHERE 0',
  'INSERT OR IGNORE INTO t VALUES (1, 2)',
  'PRAGMA wal_checkpoint(TRUNCATE)',
])('nothing is published for: %s', async (sql) => {
  const captured = capture({ before });
  captured.db.exec(sql);
  expect(await captured.transactions()).toEqual([]);
});

test('an LSN for each transaction, strictly increasing, with the place in it', async () => {
  const captured = capture({ before });
  captured.db.exec(
    `INSERT INTO t VALUES (2, 2); BEGIN; INSERT INTO t VALUES (3, 3); INSERT INTO t VALUES (4, 4); COMMIT; BEGIN IMMEDIATE; COMMIT;
      DELETE FROM t`,
  );
  const changes = await captured.changes();
  const lsns = [...new Set(changes.map((change) => change.lsn))];
  expect(lsns).toEqual([...lsns].sort((a, b) => a - b));
  expect(lsns).toHaveLength(3);
  expect(changes.map((change) => change.index)).toEqual([0, 0, 1, 0, 1, 2, 3]);
  expect(changes.map((change) => 'last' in change && change.last)).toEqual([true, false, true, false, false, false, true]);
});
