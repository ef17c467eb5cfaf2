import { expect, test } from 'vitest';
import { capture } from '../support/captured.js';

test('UPDATE and DELETE with LIMIT give the rows that they chose', async () => {
  const captured = capture({
    before: `CREATE TABLE r (a, b); CREATE TABLE w (k PRIMARY KEY, v) WITHOUT ROWID;
      INSERT INTO r VALUES (1, 'x'), (2, 'x'), (3, 'x'); INSERT INTO w VALUES (1, 'a'), (2, 'b'), (3, 'c')`,
  });
  captured.db.exec(`UPDATE r SET b = 'y' ORDER BY a DESC LIMIT 1; DELETE FROM r LIMIT 1 OFFSET 1;
    UPDATE w SET v = v || v WHERE k > 1 ORDER BY v LIMIT 1; DELETE FROM w ORDER BY k DESC LIMIT 2; DELETE FROM w LIMIT 0`);
  expect(await captured.transactions()).toEqual([
    ["update r (3, 'x') > (3, 'y')"],
    ["delete r (2, 'x')"],
    ["update w (2, 'b') > (2, 'bb')"],
    ["delete w (2, 'bb')", "delete w (3, 'c')"],
  ]);
});

test('DELETE with a LIMIT above the number of rows gives every row', async () => {
  const captured = capture({ before: 'CREATE TABLE t (a); INSERT INTO t VALUES (1), (2)' });
  captured.db.exec('DELETE FROM t LIMIT 9');
  expect(await captured.transactions()).toEqual([['delete t (1)', 'delete t (2)']]);
});

test('with LIMIT, a view passes the rows that were chosen to its trigger', async () => {
  const captured = capture({
    before: `CREATE TABLE t (id INTEGER PRIMARY KEY, a); INSERT INTO t VALUES (1, 'x'), (2, 'x'); CREATE VIEW v AS SELECT * FROM t;
      CREATE TRIGGER d INSTEAD OF DELETE ON v BEGIN DELETE FROM t WHERE id = old.id; END;
      CREATE TRIGGER u INSTEAD OF UPDATE ON v BEGIN UPDATE t SET a = new.a WHERE id = old.id; END`,
  });
  captured.db.exec("UPDATE v SET a = 'y' ORDER BY id DESC LIMIT 1; DELETE FROM v ORDER BY id LIMIT 1");
  expect(await captured.transactions()).toEqual([["indirect update t (2, 'x') > (2, 'y')"], ["indirect delete t (1, 'x')"]]);
});
