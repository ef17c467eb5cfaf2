import { join } from 'node:path';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { Database, openSource, type Source, type Subscription } from 'rowtap';
import { expect, onTestFinished, test } from 'vitest';
import { failureOf, turns } from '../support/captured.js';
import { outcomeOf } from '../support/outcome.js';
import { openPlain } from '../support/plain-database.js';

const busy = 'SqliteError SQLITE_BUSY: database is locked';
const busySnapshot = 'SqliteError SQLITE_BUSY_SNAPSHOT: database is locked';
const done = '[]';

/** `b INSERT ...` is run by connection b; a query gives its values, everything else []. */
type Scenario = [step: string, outcome: string][];

const count = 'SELECT count(*) FROM t';

const scenarios: Record<string, { modes: ('wal' | 'delete')[]; steps: Scenario }> = {
  'a transaction sees what was committed before its first read, and nothing after': {
    modes: ['wal'],
    steps: [
      ['a BEGIN', done],
      ['b INSERT INTO t VALUES (10)', done],
      [`a ${count}`, '[2]'],
      ['b INSERT INTO t VALUES (11)', done],
      [`a ${count}`, '[2]'],
      [`c ${count}`, '[3]'],
      ['a COMMIT', done],
      [`a ${count}`, '[3]'],
    ],
  },
  'one that begins with a write sees all that was committed before it': {
    modes: ['wal', 'delete'],
    steps: [
      ['a BEGIN', done],
      ['b INSERT INTO t VALUES (10)', done],
      ['a INSERT INTO t SELECT max(id) + 1 FROM t', done],
      ['b INSERT INTO t VALUES (12)', busy],
      ['a COMMIT', done],
      ['c SELECT id FROM t', '[1,10,11]'],
    ],
  },
  'one that has read may not write on what has changed since': {
    modes: ['wal'],
    steps: [
      ['a BEGIN', done],
      [`a ${count}`, '[1]'],
      ['b INSERT INTO t VALUES (10)', done],
      ['a INSERT INTO t VALUES (11)', busySnapshot],
      [`a ${count}`, '[1]'],
      ['a ROLLBACK', done],
      ['a INSERT INTO t VALUES (11)', done],
    ],
  },
  'and may where nothing has': {
    modes: ['wal', 'delete'],
    steps: [
      ['a BEGIN', done],
      [`a ${count}`, '[1]'],
      ['a INSERT INTO t VALUES (11)', done],
      ['b INSERT INTO t VALUES (12)', busy],
      [`b ${count}`, '[1]'],
      ['a COMMIT', done],
      [`b ${count}`, '[2]'],
    ],
  },
  'of two that have read, the second writer gives way': {
    modes: ['wal', 'delete'],
    steps: [
      ['a BEGIN', done],
      ['b BEGIN', done],
      [`a ${count}`, '[1]'],
      [`b ${count}`, '[1]'],
      ['a INSERT INTO t VALUES (11)', done],
      ['b INSERT INTO t VALUES (12)', busy],
      ['b ROLLBACK', done],
      ['a COMMIT', done],
    ],
  },
  'with a rollback journal a reader holds up the commit, which can be tried again': {
    modes: ['delete'],
    steps: [
      ['a BEGIN', done],
      [`a ${count}`, '[1]'],
      ['b BEGIN IMMEDIATE', done],
      ['b INSERT INTO t VALUES (10)', done],
      ['b COMMIT', busy],
      [`c ${count}`, busy],
      [`a ${count}`, '[1]'],
      ['a COMMIT', done],
      ['b COMMIT', done],
      [`c ${count}`, '[2]'],
    ],
  },
  'an exclusive transaction keeps others out as it would': {
    modes: ['delete'],
    steps: [
      ['a BEGIN EXCLUSIVE', done],
      [`b ${count}`, busy],
      ['b BEGIN IMMEDIATE', busy],
      ['a INSERT INTO t VALUES (10)', done],
      ['a COMMIT', done],
      [`b ${count}`, '[2]'],
    ],
  },
  'a file that is attached and locked is in nobody’s way who does not write to it': {
    modes: ['wal', 'delete'],
    steps: [
      ["a ATTACH '<second>' AS second", done],
      ["b ATTACH '<second>' AS second", done],
      ['b CREATE TABLE second.s (x)', done],
      ['b BEGIN', done],
      ['b INSERT INTO second.s VALUES (1)', done],
      ['a INSERT INTO t VALUES (10)', done],
      ['a CREATE TABLE u (x)', done],
      ['a ALTER TABLE u ADD COLUMN y', done],
      ['a INSERT INTO second.s VALUES (1)', busy],
      ['a CREATE TABLE second.v (x)', busy],
      ['b COMMIT', done],
      ['a DROP TABLE u', done],
      ['a SELECT x FROM second.s', '[1]'],
    ],
  },
  'nor does a look at the schema begin a transaction of it': {
    modes: ['wal', 'delete'],
    steps: [
      ["a ATTACH '<second>' AS second", done],
      ["b ATTACH '<second>' AS second", done],
      ['b CREATE TABLE second.s (x)', done],
      ['a BEGIN', done],
      [`a ${count}`, '[1]'],
      ['b INSERT INTO second.s VALUES (1)', done],
      ['a SELECT x FROM second.s', '[1]'],
      ['a COMMIT', done],
      ['a INSERT INTO t VALUES (2)', done],
    ],
  },
  'a schema change that may not be made takes no lock': {
    modes: ['wal', 'delete'],
    steps: [
      ['a PRAGMA query_only = ON', done],
      ['a BEGIN', done],
      ['a CREATE TABLE u (x)', 'SqliteError SQLITE_READONLY: attempt to write a readonly database'],
      ['b INSERT INTO t VALUES (10)', done],
      ['b BEGIN IMMEDIATE', done],
      ['a DROP TABLE t', 'SqliteError SQLITE_READONLY: attempt to write a readonly database'],
      ['b COMMIT', done],
      ['a COMMIT', done],
    ],
  },
  'a schema change waits for nothing that a write would not wait for': {
    modes: ['wal', 'delete'],
    steps: [
      ['a BEGIN IMMEDIATE', done],
      ['b CREATE TABLE u (x)', busy],
      ['b CREATE TEMP TABLE u (x)', done],
      ['b DROP TABLE t', busy],
      ['a COMMIT', done],
      ['b ALTER TABLE t ADD COLUMN y', done],
      ['a SELECT y FROM t', '[null]'],
    ],
  },
};

/** Everything that rowtap does beside an application, between any two of its statements. */
class Onlookers {
  readonly #connections: Database[];
  readonly #source: Source;
  readonly #consumer: Subscription | undefined;
  readonly #mode: 'wal' | 'delete';
  #acknowledged = 0;

  constructor(connections: Database[], mode: 'wal' | 'delete') {
    this.#connections = connections;
    this.#mode = mode;
    this.#source = openSource(connections[0] as Database, { name: 'first' });
    this.#consumer = this.#source.subscribe({ consumer: 'c', snapshot: 'never' });
    void this.#read(this.#consumer);
  }

  async #read(subscription: Subscription): Promise<void> {
    for await (const change of subscription) this.#acknowledged = change.lsn;
  }

  async stir(): Promise<void> {
    for (const [at, connection] of this.#connections.entries()) {
      const source = openSource(connection, { name: `source ${at}` });
      source.info();
      const looked = outcomeOf(() => void this.#read(source.subscribe({ tables: ['t'] })));
      // A file that is locked exclusively can't be looked into.
      expect(['undefined', busy]).toContain(looked);
      if (this.#mode === 'wal') {
        const rows = source.subscribe({ snapshot: 'always' });
        await rows[Symbol.asyncIterator]().next();
        source.info();
        await rows.close();
      }
      await turns();
      await source.close();
    }
    // Waits until no transaction is open.
    this.#consumer?.flush().catch(() => {});
    await turns();
  }

  async end(): Promise<void> {
    await this.#consumer?.flush();
    expect(this.#acknowledged).toBeGreaterThan(0);
    await this.#source.close();
  }
}

function run(db: Database, folder: string, sql: string): unknown {
  const statement = db.prepare(sql.replace('<second>', join(folder, 'second.db')));
  return statement.reader ? statement.pluck().all() : (statement.run(), []);
}

for (const [name, { modes, steps }] of Object.entries(scenarios)) {
  for (const mode of modes) {
    for (const way of ['without rowtap', 'with capture, subscribers, snapshots and consumers']) {
      test(`${name} (${mode}, ${way})`, async () => {
        const folder = mkdtempSync(join(tmpdir(), 'rowtap-test-'));
        const path = join(folder, 'test.db');
        const isPlain = way === 'without rowtap';
        const open = (): Database => (isPlain ? openPlain(path) : new Database(path, { timeout: 0 }));
        const connections: Database[] = [];
        onTestFinished(() => {
          for (const connection of connections) connection.close();
          rmSync(folder, { recursive: true });
        });
        openPlain(join(folder, 'second.db')).close();
        for (const _ of 'abc') connections.push(open());
        connections[0]?.pragma(`journal_mode = ${mode}`);
        connections[0]?.exec('CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1)');
        const onlookers = isPlain ? undefined : new Onlookers(connections, mode);
        const seen: Scenario = [];
        for (const [step] of steps) {
          const db = connections['abc'.indexOf(step[0] as string)] as Database;
          seen.push([step, outcomeOf(() => run(db, folder, step.slice(2)))]);
          await onlookers?.stir();
        }
        expect(seen).toEqual(steps);
        for (const connection of connections) if (connection.inTransaction) connection.exec('ROLLBACK');
        await onlookers?.end();
      });
    }
  }
}

for (const open of [openPlain, (path: string) => new Database(path, { timeout: 0 })]) {
  test(`a schema change that fails leaves open iterations as they are (${open === openPlain ? 'without' : 'with'} rowtap)`, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'rowtap-test-'));
    const db = open(join(folder, 'test.db')).unsafeMode();
    onTestFinished(() => {
      db.close();
      rmSync(folder, { recursive: true });
    });
    db.exec('PRAGMA journal_mode = WAL; CREATE TABLE t (id INTEGER PRIMARY KEY, a); INSERT INTO t (a) VALUES (1), (1), (1)');
    db.exec('CREATE TABLE u (x, y); CREATE VIEW v AS SELECT y FROM u');
    const source = open === openPlain ? undefined : openSource(db);
    source?.subscribe();
    const other = open(join(folder, 'test.db'));
    onTestFinished(() => void other.close());
    const ids: unknown[] = [];
    for (const id of db.prepare('SELECT id FROM t').pluck().iterate()) {
      ids.push(id);
      if (ids.length > 1) continue;
      expect(failureOf(() => db.exec('CREATE UNIQUE INDEX i ON t (a)'))).toBe('SQLITE_CONSTRAINT_UNIQUE');
      // Found out when the schema in memory has been changed already.
      expect(failureOf(() => db.exec('ALTER TABLE u DROP COLUMN y'))).toBe('SQLITE_ERROR');
      expect(db.inTransaction).toBe(false);
      // Not even its view is lost.
      other.exec('INSERT INTO t DEFAULT VALUES');
      expect(db.prepare(count).pluck().get()).toBe(3);
      expect(failureOf(() => db.exec('CREATE TABLE w (x)'))).toBe('SQLITE_BUSY_SNAPSHOT');
      expect(db.prepare(count).pluck().get()).toBe(3);
      expect(db.inTransaction).toBe(false);
    }
    expect(ids).toEqual([1, 2, 3]);
    await source?.close();
  });
}

for (const open of [openPlain, (path: string) => new Database(path, { timeout: 0 })]) {
  test(`a commit that is refused when an iteration is left is an error there (${open === openPlain ? 'without' : 'with'} rowtap)`, () => {
    const folder = mkdtempSync(join(tmpdir(), 'rowtap-test-'));
    const [db, reader] = [open(join(folder, 'test.db')), open(join(folder, 'test.db'))] as const;
    onTestFinished(() => {
      db.close();
      reader.close();
      rmSync(folder, { recursive: true });
    });
    db.exec('CREATE TABLE t (id INTEGER PRIMARY KEY)');
    reader.exec('BEGIN; SELECT * FROM t');
    const rows = db.prepare('INSERT INTO t VALUES (1), (2) RETURNING id').iterate();
    rows.next();
    expect(failureOf(() => rows.return?.())).toBe('SQLITE_BUSY');
    reader.exec('COMMIT');
    expect(db.prepare(count).pluck().get()).toBe(0);
  });
}

for (const open of [openPlain, (path: string) => new Database(path, { timeout: 0 })]) {
  test(`a schema change beside a RETURNING whose transaction was undone (${open === openPlain ? 'without' : 'with'} rowtap)`, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'rowtap-test-'));
    const db = open(join(folder, 'test.db')).unsafeMode();
    onTestFinished(() => {
      db.close();
      rmSync(folder, { recursive: true });
    });
    db.exec('CREATE TABLE t (id INTEGER PRIMARY KEY)');
    const source = open === openPlain ? undefined : openSource(db);
    source?.subscribe();
    const rows = db.prepare('INSERT INTO t VALUES (1), (2) RETURNING id').iterate();
    rows.next();
    db.exec('BEGIN; ROLLBACK; ALTER TABLE t ADD COLUMN a');
    expect(db.inTransaction).toBe(false);
    expect(outcomeOf(() => rows.return?.())).toBe('{"done":true}');
    expect(db.prepare('SELECT * FROM t').all()).toEqual([]);
    await source?.close();
  });
}

test('`verbose` shows what the application runs, and nothing else', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'rowtap-test-'));
  const shown: unknown[] = [];
  const db = new Database(join(folder, 'test.db'), { verbose: (sql) => shown.push(sql) });
  onTestFinished(() => {
    db.close();
    rmSync(folder, { recursive: true });
  });
  const statements = ['PRAGMA journal_mode = WAL', 'CREATE TABLE t (id INTEGER PRIMARY KEY)', 'INSERT INTO t VALUES (1)', 'BEGIN', count];
  for (const sql of statements) db.exec(sql);
  const onlookers = new Onlookers([db], 'wal');
  await onlookers.stir();
  for (const sql of ['INSERT INTO t VALUES (2)', 'COMMIT', 'CREATE TABLE u (x)']) {
    db.exec(sql);
    statements.push(sql);
    await onlookers.stir();
  }
  expect(shown).toEqual(statements);
  await onlookers.end();
});
