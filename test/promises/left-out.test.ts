import { Database, Replica } from 'rowtap';
import { describe, expect, test } from 'vitest';
import { capture } from '../support/captured.js';

describe("one table never hurts another's stream", () => {
  const before = 'CREATE TABLE t (id INTEGER PRIMARY KEY)';

  test('virtual tables and their shadows are left out, created, written and dropped', async () => {
    const captured = capture({ before });
    captured.db.exec(`CREATE VIRTUAL TABLE docs USING fts5 (body); BEGIN; INSERT INTO docs VALUES ('some text');
      INSERT INTO t VALUES (1); COMMIT;
      CREATE VIRTUAL TABLE box USING rtree (id, x0, x1); INSERT INTO box VALUES (1, 2, 3); DROP TABLE docs; DROP TABLE box;
      INSERT INTO t VALUES (2)`);
    expect(await captured.transactions()).toEqual([['insert t (1)'], ['insert t (2)']]);
  });

  test('an ordinary table that only looks like a shadow is not', async () => {
    const captured = capture();
    captured.db.exec('CREATE TABLE docs_data (id INTEGER PRIMARY KEY); INSERT INTO docs_data VALUES (1)');
    expect(await captured.transactions()).toEqual([['create docs_data'], ['insert docs_data (1)']]);
  });

  test("SQLite's own tables are left out: sqlite_sequence, sqlite_stat1", async () => {
    const captured = capture({ before: 'CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a); CREATE INDEX i ON t (a)' });
    captured.db.exec('INSERT INTO t (a) VALUES (1); ANALYZE; ANALYZE; DELETE FROM sqlite_sequence');
    expect(await captured.transactions()).toEqual([['insert t (1, 1)']]);
  });

  test('attached and temporary databases are left out, with tables of the same name', async () => {
    const captured = capture({ before });
    captured.db.exec(`ATTACH ':memory:' AS other; CREATE TABLE other.t (z); INSERT INTO other.t VALUES ('other');
      CREATE TEMP TABLE mine (z); INSERT INTO mine VALUES (1);
      BEGIN; INSERT INTO other.t VALUES (1); INSERT INTO main.t VALUES (1); UPDATE mine SET z = 2; DELETE FROM other.t; COMMIT;
        DROP TABLE other.t;
      CREATE TEMP TABLE t (z); INSERT INTO t VALUES (9); ALTER TABLE temp.t ADD COLUMN y; DROP TABLE temp.t`);
    expect(await captured.transactions()).toEqual([['insert t (1)']]);
  });

  test('a temporary table of the same name, with changes to both in one transaction', async () => {
    const captured = capture({ before });
    captured.db.exec(
      "CREATE TEMP TABLE t (z, y); BEGIN; INSERT INTO t VALUES ('temp', 1); INSERT INTO main.t VALUES (5); DELETE FROM temp.t; COMMIT",
    );
    expect(await captured.transactions()).toEqual([['insert t (5)']]);
  });

  test('filtered tables are left out, whatever happens to them', async () => {
    const captured = capture({
      before: `${before}; CREATE TABLE secret (a, b); CREATE TABLE other (a)`,
      excludeTables: ['secret', 'oth*'],
    });
    captured.db.exec(`BEGIN; INSERT INTO secret VALUES (1, 1); INSERT INTO t VALUES (1); ALTER TABLE secret ADD COLUMN c;
      INSERT INTO other VALUES (1); COMMIT;
      DROP TABLE secret; INSERT INTO t VALUES (2)`);
    const published = await captured.transactions();
    expect(published).toEqual([['insert t (1)'], ['insert t (2)']]);
  });

  test('an allow list', async () => {
    const captured = capture({ before: `${before}; CREATE TABLE other (a)`, tables: ['t', 'test_marker*'] });
    captured.db.exec('BEGIN; INSERT INTO other VALUES (1); INSERT INTO t VALUES (1); INSERT INTO other VALUES (2); COMMIT');
    const changes = await captured.changes();
    expect(changes).toMatchObject([{ table: 't', last: true }]);
  });

  test("rowtap's own tables are left out", async () => {
    const captured = capture({ before, consumer: 'someone', snapshot: 'never' });
    captured.db.exec('INSERT INTO t VALUES (1)');
    await captured.subscription.flush();
    expect(
      captured.db.prepare("SELECT count(*) FROM sqlite_schema WHERE name LIKE '\\_rowtap\\_%' ESCAPE '\\'").pluck().get(),
    ).toBeGreaterThan(0);
    const replicaFile = new Database(captured.path);
    new Replica(replicaFile);
    replicaFile.close();
    captured.db.exec('INSERT INTO t VALUES (2)');
    expect(await captured.transactions()).toEqual([['insert t (1)'], ['insert t (2)']]);
  });

  test('text that is no UTF-8 and a value that no declaration expects do not stop the stream', async () => {
    const captured = capture({ before: 'CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, n INTEGER)' });
    captured.db.exec("INSERT INTO t VALUES (1, CAST(x'c328ff' AS TEXT), 'not a number'); INSERT INTO t VALUES (2, x'ff', 1.5)");
    expect(await captured.changes()).toMatchObject([
      { after: { id: 1, n: 'not a number' } },
      { after: { id: 2, a: Buffer.from([255]), n: 1.5 } },
    ]);
  });
});
