import { expect, test } from 'vitest';
import { capture } from '../support/captured.js';

const before = 'CREATE TABLE t (id INTEGER PRIMARY KEY, a UNIQUE, b UNIQUE); INSERT INTO t VALUES (1, 1, 1), (2, 2, 2), (3, 3, 3)';

test('REPLACE gives each row that it deletes, then the insert', async () => {
  const captured = capture({ before });
  captured.db.exec('REPLACE INTO t VALUES (1, 2, 3)');
  const [changes] = await captured.transactions();
  expect(changes?.slice(0, -1).sort()).toEqual(['delete t (1, 1, 1)', 'delete t (2, 2, 2)', 'delete t (3, 3, 3)']);
  expect(changes?.at(-1)).toBe('insert t (1, 2, 3)');
});

test('UPDATE OR REPLACE gives the deletes, then the update', async () => {
  const captured = capture({ before });
  captured.db.exec('UPDATE OR REPLACE t SET a = 2, b = 3 WHERE id = 1');
  const [changes] = await captured.transactions();
  expect(changes?.slice(0, -1).sort()).toEqual(['delete t (2, 2, 2)', 'delete t (3, 3, 3)']);
  expect(changes?.at(-1)).toBe('update t (1, 1, 1) > (1, 2, 3)');
});

test('REPLACE in tables without secondary indexes and WITHOUT ROWID', async () => {
  const captured = capture({
    before: `CREATE TABLE r (id INTEGER PRIMARY KEY, v); CREATE TABLE w (k PRIMARY KEY, v) WITHOUT ROWID; INSERT INTO r VALUES (1, 'a');
      INSERT INTO w VALUES (1, 'a')`,
  });
  captured.db.exec("REPLACE INTO r VALUES (1, 'b'); REPLACE INTO w VALUES (1, 'b')");
  expect(await captured.transactions()).toEqual([
    ["delete r (1, 'a')", "insert r (1, 'b')"],
    ["delete w (1, 'a')", "insert w (1, 'b')"],
  ]);
});

test('a constraint declared ON CONFLICT REPLACE', async () => {
  const captured = capture({
    before: `CREATE TABLE t (id INTEGER PRIMARY KEY, a UNIQUE ON CONFLICT REPLACE, n NOT NULL ON CONFLICT REPLACE DEFAULT 5);
        INSERT INTO t VALUES (1, 1, 1)`,
  });
  captured.db.exec('INSERT INTO t VALUES (2, 1, NULL)');
  expect(await captured.transactions()).toEqual([['delete t (1, 1, 1)', 'insert t (2, 1, 5)']]);
});

test("an upsert's DO UPDATE is an update, DO NOTHING and OR IGNORE are nothing", async () => {
  const captured = capture({ before });
  captured.db.exec(`INSERT INTO t VALUES (1, 9, 9) ON CONFLICT (id) DO UPDATE SET a = excluded.a;
    INSERT INTO t VALUES (1, 7, 7) ON CONFLICT DO NOTHING;
    INSERT OR IGNORE INTO t VALUES (8, 2, 8), (6, 6, 6)`);
  expect(await captured.transactions()).toEqual([['update t (1, 1, 1) > (1, 9, 1)'], ['insert t (6, 6, 6)']]);
});

test('an update that changes nothing is delivered, unless left out', async () => {
  const captured = capture({ before });
  captured.db.exec('UPDATE t SET a = a WHERE id = 1');
  expect(await captured.transactions()).toEqual([['update t (1, 1, 1) > (1, 1, 1)']]);
  const skipping = capture({ before, skipUnchanged: true });
  skipping.db.exec('UPDATE t SET a = CASE id WHEN 2 THEN 22 ELSE a END');
  expect(await skipping.transactions()).toEqual([['update t (2, 2, 2) > (2, 22, 2)']]);
});
