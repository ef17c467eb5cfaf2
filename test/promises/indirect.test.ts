import { expect, test } from 'vitest';
import { capture } from '../support/captured.js';

test('foreign-key actions are delivered in their order, marked as indirect', async () => {
  const captured = capture({
    before: `PRAGMA foreign_keys = ON; CREATE TABLE p (id INTEGER PRIMARY KEY);
      CREATE TABLE cascades (id INTEGER PRIMARY KEY, p REFERENCES p (id) ON DELETE CASCADE ON UPDATE CASCADE);
      CREATE TABLE nulls (id INTEGER PRIMARY KEY, p REFERENCES p (id) ON DELETE SET NULL);
      CREATE TABLE defaults (id INTEGER PRIMARY KEY, p DEFAULT 1 REFERENCES p (id) ON DELETE SET DEFAULT);
      INSERT INTO p VALUES (1), (2); INSERT INTO cascades VALUES (10, 2), (11, 2); INSERT INTO nulls VALUES (20, 2);
      INSERT INTO defaults VALUES (30, 2)`,
  });
  captured.db.exec('DELETE FROM p WHERE id = 2');
  const [changes] = await captured.transactions();
  expect(changes?.toSorted()).toEqual(
    [
      'delete p (2)',
      'indirect delete cascades (10, 2)',
      'indirect delete cascades (11, 2)',
      'indirect update nulls (20, 2) > (20, NULL)',
      'indirect update defaults (30, 2) > (30, 1)',
    ].toSorted(),
  );
  captured.db.exec('DELETE FROM defaults; INSERT INTO cascades VALUES (12, 1); UPDATE p SET id = 3 WHERE id = 1');
  const update = (await captured.transactions()).at(-1);
  expect(update).toContain('indirect update cascades (12, 1) > (12, 3)');
});

test('trigger programs, nested and recursive ones, in the order in which they run', async () => {
  const captured = capture({
    before: `CREATE TABLE t (id INTEGER PRIMARY KEY); CREATE TABLE log (x);
      CREATE TRIGGER before_t BEFORE INSERT ON t BEGIN INSERT INTO log VALUES ('before ' || new.id); END;
      CREATE TRIGGER after_t AFTER INSERT ON t WHEN new.id < 3 BEGIN INSERT INTO log VALUES ('after ' || new.id);
        INSERT INTO t VALUES (new.id + 1); END;
      PRAGMA recursive_triggers = ON`,
  });
  captured.db.exec('INSERT INTO t VALUES (2)');
  expect(await captured.transactions()).toEqual([
    [
      "indirect insert log ('before 2')",
      'insert t (2)',
      "indirect insert log ('after 2')",
      "indirect insert log ('before 3')",
      'indirect insert t (3)',
    ],
  ]);
});

test('INSTEAD OF triggers of a view', async () => {
  const captured = capture({
    before: `CREATE TABLE t (id INTEGER PRIMARY KEY, a); CREATE VIEW v AS SELECT * FROM t;
      CREATE TRIGGER i INSTEAD OF INSERT ON v BEGIN INSERT INTO t VALUES (new.id, new.a); END`,
  });
  captured.db.exec('INSERT INTO v VALUES (1, 2)');
  expect(await captured.transactions()).toEqual([['indirect insert t (1, 2)']]);
});
