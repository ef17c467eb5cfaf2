import type { RowtapError } from 'rowtap';
import { expect, test } from 'vitest';
import { capture, type Captured, turns } from '../support/captured.js';

const before = 'CREATE TABLE t (id INTEGER PRIMARY KEY, a UNIQUE); INSERT INTO t VALUES (1, 1)';

async function isLost(captured: Captured): Promise<void> {
  await turns();
  expect(((await captured.ended()) as RowtapError).code).toBe('ROWTAP_CAPTURE_LOST');
}

function withoutJournal(): Captured {
  const captured = capture({ where: 'delete', before });
  captured.db.unsafeMode();
  expect(captured.db.pragma('journal_mode = OFF', { simple: true })).toBe('off');
  return captured;
}

test('without a journal what is committed is delivered', async () => {
  const captured = withoutJournal();
  captured.db.exec('INSERT INTO t VALUES (2, 2); BEGIN; UPDATE t SET a = 3 WHERE id = 2; SAVEPOINT s; DELETE FROM t WHERE id = 1; COMMIT');
  expect(await captured.transactions()).toEqual([['insert t (2, 2)'], ['update t (2, 2) > (2, 3)', 'delete t (1, 1)']]);
});

test.each([
  ['ROLLBACK TO', 'BEGIN; SAVEPOINT s; INSERT INTO t VALUES (2, 2); ROLLBACK TO s; COMMIT'],
  ['a statement that fails', 'BEGIN; INSERT OR ABORT INTO t VALUES (2, 2), (3, 1)'],
  ['ROLLBACK', 'BEGIN; INSERT INTO t VALUES (2, 2); ROLLBACK'],
  ['a statement that fails in autocommit', 'INSERT INTO t VALUES (2, 2), (3, 1)'],
])('without a journal, what %s leaves in the file is not passed over: the stream ends and says so', async (_, sql) => {
  const captured = withoutJournal();
  try {
    captured.db.exec(sql);
  } catch {
    // The constraint.
  }
  if (captured.db.inTransaction) captured.db.exec('COMMIT');
  captured.db.exec('INSERT INTO t VALUES (4, 4)');
  await isLost(captured);
});

test('without a journal, a rollback that nothing follows is told when the connection is closed', async () => {
  const captured = withoutJournal();
  captured.db.exec('BEGIN; INSERT INTO t VALUES (2, 2); ROLLBACK');
  captured.db.close();
  await isLost(captured);
});

test.each(['wal', 'delete', 'memory'] as const)('sqlite_schema written as a table ends the stream, which says so (%s)', async (where) => {
  const captured = capture({ where, before });
  captured.db.unsafeMode();
  captured.db.exec("PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'a UNIQUE', 'a UNIQUE, b DEFAULT 5')");
  await isLost(captured);
});

test('in unsafe mode the application may write while it iterates, and each change comes as ever', async () => {
  const captured = capture({ before: `${before}; INSERT INTO t VALUES (2, 2), (3, 3)` });
  const { db } = captured;
  db.unsafeMode();
  for (const id of db.prepare('SELECT id FROM t ORDER BY id').pluck().iterate()) {
    db.prepare('UPDATE t SET a = a + 10 WHERE id = ?').run(id);
    if (id === 2) db.transaction(() => db.exec('DELETE FROM t WHERE id = 1'))();
  }
  expect(await captured.transactions()).toEqual([
    ['update t (1, 1) > (1, 11)'],
    ['update t (2, 2) > (2, 12)'],
    ['delete t (1, 11)'],
    ['update t (3, 3) > (3, 13)'],
  ]);
});
