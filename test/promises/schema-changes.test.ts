import { type Change, Database, type SchemaEvent } from 'rowtap';
import { expect, onTestFinished, test } from 'vitest';
import { allocateSingly, clearAllocationFaults, countAllocations, failAllocation } from '../support/allocation-faults.js';
import { briefTransactions, capture, turns } from '../support/captured.js';
import { nativeConnectionOf } from '../support/native-connection.js';

const before = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b); INSERT INTO t VALUES (1, 'x', 'y'), (2, 'p', 'q')";

test('ADD, RENAME and DROP COLUMN are one event each, with the new columns', async () => {
  const captured = capture({ before });
  captured.db.exec(
    `ALTER TABLE t ADD COLUMN c DEFAULT 7; ALTER TABLE t RENAME COLUMN a TO name; ALTER TABLE t DROP COLUMN b;
      INSERT INTO t VALUES (3, 'n', 8)`,
  );
  const changes = await captured.changes();
  expect(
    changes.map((change) => (change.op === 'schema' ? [change.change, change.columns.map((column) => column.name)] : change.op)),
  ).toEqual([['alter', ['id', 'a', 'b', 'c']], ['alter', ['id', 'name', 'b', 'c']], ['alter', ['id', 'name', 'c']], 'insert']);
  expect(changes.at(-1)).toMatchObject({ after: { id: 3, name: 'n', c: 8 } });
  expect((changes[0] as SchemaEvent).sql).toBe('CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b, c DEFAULT 7)');
});

test('old rows answer the default of an added column', async () => {
  const captured = capture({ before });
  captured.db.exec('ALTER TABLE t ADD COLUMN c DEFAULT 7; DELETE FROM t WHERE id = 1');
  expect((await captured.transactions()).slice(1)).toEqual([["delete t (1, 'x', 'y', 7)"]]);
});

test('RENAME TABLE is the end of the one and the beginning of the other, with its rows', async () => {
  const captured = capture({ before: `${before}; CREATE TABLE child (t REFERENCES t (id)); CREATE VIEW v AS SELECT * FROM t` });
  captured.db.exec('ALTER TABLE t RENAME TO u');
  const [changes] = await captured.transactions();
  expect(changes?.filter((text) => text !== 'alter child')).toEqual([
    'drop t',
    'create u',
    "insert u (1, 'x', 'y')",
    "insert u (2, 'p', 'q')",
  ]);
});

test('CREATE TABLE AS SELECT gives its rows as inserts', async () => {
  const captured = capture({ before });
  captured.db.exec('CREATE TABLE copy AS SELECT id, b FROM t');
  expect(await captured.transactions()).toEqual([['create copy', "insert copy (1, 'y')", "insert copy (2, 'q')"]]);
});

test('DROP TABLE is an event', async () => {
  const captured = capture({ before });
  captured.db.exec('DROP TABLE t');
  const changes = await captured.changes();
  expect(changes).toMatchObject([{ op: 'schema', change: 'drop', table: 't', sql: null, columns: [] }]);
});

test('DROP TABLE is one with foreign keys on too, when SQLite deletes the rows first', async () => {
  const captured = capture({
    before: `PRAGMA foreign_keys = ON; ${before}; CREATE TABLE child (t REFERENCES t (id) DEFERRABLE INITIALLY DEFERRED);
      INSERT INTO child VALUES (1)`,
  });
  captured.db.exec('/* comment */ DROP TABLE child;  drop table t');
  const published = await captured.transactions();
  expect(published.map((changes) => changes.at(-1))).toEqual(['drop child', 'drop t']);
});

test('a table dropped and made again in one transaction', async () => {
  const captured = capture({ before });
  captured.db.exec("BEGIN; DROP TABLE t; CREATE TABLE t (other, id); INSERT INTO t VALUES ('o', 5); COMMIT");
  expect(await captured.transactions()).toEqual([['drop t', 'create t', "insert t ('o', 5)"]]);
});

test('each row is decoded with the schema that it was written under', async () => {
  const captured = capture({ before });
  captured.db.exec(`BEGIN; INSERT INTO t VALUES (3, 'three', 3); ALTER TABLE t ADD COLUMN c DEFAULT 'c'; UPDATE t SET c = 'C' WHERE id = 3;
    ALTER TABLE t RENAME COLUMN b TO bb; DELETE FROM t WHERE id = 3; ALTER TABLE t DROP COLUMN a;
    INSERT INTO t VALUES (4, 'bb', 'cc'); COMMIT`);
  const rows = (await captured.changes()).filter((change) => change.op !== 'schema').map((change: Change) => [change.before, change.after]);
  expect(rows).toEqual([
    [null, { id: 3, a: 'three', b: 3 }],
    [
      { id: 3, a: 'three', b: 3, c: 'c' },
      { id: 3, a: 'three', b: 3, c: 'C' },
    ],
    [{ id: 3, a: 'three', bb: 3, c: 'C' }, null],
    [null, { id: 4, bb: 'bb', c: 'cc' }],
  ]);
});

test('schema changes that are rolled back never appear, and the rows after them are read right', async () => {
  const captured = capture({ before });
  captured.db.exec("BEGIN; ALTER TABLE t ADD COLUMN c; INSERT INTO t VALUES (3, 3, 3, 3); ROLLBACK; INSERT INTO t VALUES (4, 'a', 'b')");
  captured.db.exec(
    `BEGIN; SAVEPOINT s; DROP TABLE t; CREATE TABLE t (z); INSERT INTO t VALUES (1); ROLLBACK TO s; INSERT INTO t VALUES (5, 'a', 'b');
      COMMIT`,
  );
  expect(await captured.transactions()).toEqual([["insert t (4, 'a', 'b')"], ["insert t (5, 'a', 'b')"]]);
});

test('a schema change that fails is no event', async () => {
  const captured = capture({ before });
  captured.fails('CREATE TABLE t (again)');
  captured.fails('ALTER TABLE t DROP COLUMN id');
  captured.fails('CREATE TABLE copy AS SELECT abs(-9223372036854775808) FROM t');
  captured.db.exec('BEGIN; INSERT INTO t VALUES (7, 7, 7)');
  captured.fails('CREATE TABLE copy AS SELECT abs(-9223372036854775808) FROM t');
  captured.db.exec('COMMIT');
  expect(await captured.transactions()).toEqual([["insert t (7, '7', 7)"]]);
});

test('a schema change by one connection is right for the rows of another', async () => {
  const captured = capture({ before });
  const other = new Database(captured.path);
  other.exec("ALTER TABLE t ADD COLUMN c; INSERT INTO t VALUES (3, 'a', 'b', 'c')");
  captured.db.exec("INSERT INTO t (id, a, b, c) VALUES (4, 'a', 'b', 'c')");
  other.close();
  expect(await captured.transactions()).toEqual([['alter t'], ["insert t (3, 'a', 'b', 'c')"], ["insert t (4, 'a', 'b', 'c')"]]);
});

test('indexes are no events, and tables come and go', async () => {
  const captured = capture({ before });
  captured.db.exec('CREATE TABLE other (a); CREATE INDEX i ON t (a); DROP INDEX i; INSERT INTO other VALUES (1); DROP TABLE other');
  expect(await captured.transactions()).toEqual([['create other'], ['insert other (1)'], ['drop other']]);
});

test('a schema change that succeeds has kept its transaction, whichever allocation fails meanwhile', () => {
  const { db } = capture({ before: 'CREATE TABLE t (a)' });
  allocateSingly(nativeConnectionOf(db));
  let isReached = true;
  for (let after = 0; isReached; after++) {
    db.exec('BEGIN; INSERT INTO t VALUES (1)');
    failAllocation(after);
    let isDone = true;
    try {
      db.exec('CREATE TABLE u (x)');
    } catch {
      isDone = false;
    }
    isReached = countAllocations().refused > 0;
    clearAllocationFaults();
    if (isDone) expect(db.inTransaction, `after the failure of allocation ${after}`).toBe(true);
    if (db.inTransaction) db.exec('ROLLBACK');
  }
});

test('a schema change that has to be compiled anew is delivered, or the subscription ends, whichever allocation fails meanwhile', async () => {
  const { db, path, subscription } = capture({ before });
  await subscription.close();
  const other = new Database(path);
  onTestFinished(() => void other.close());
  allocateSingly(nativeConnectionOf(db));
  let isReached = true;
  for (let after = 0; isReached; after++) {
    db.exec('DROP TABLE IF EXISTS u; DROP TABLE IF EXISTS o');
    const received: Change[] = [];
    let error: unknown;
    const listening = db.changes();
    const reading = (async () => {
      for await (const change of listening) received.push(change);
    })().catch((reason: unknown) => {
      error = reason;
    });
    other.exec('CREATE TABLE o (x)');
    failAllocation(after);
    let isDone = true;
    try {
      db.exec('CREATE TABLE u AS SELECT a FROM t');
    } catch {
      isDone = false;
    }
    isReached = countAllocations().refused > 0;
    clearAllocationFaults();
    await turns();
    if (error !== undefined) expect(error).toMatchObject({ code: 'ROWTAP_CAPTURE_LOST' });
    else if (isDone)
      expect(briefTransactions(received).at(-1), `after the failure of allocation ${after}`).toEqual([
        'create u',
        "insert u ('x')",
        "insert u ('p')",
      ]);
    await listening.close();
    await reading;
  }
});
