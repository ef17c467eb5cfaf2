import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Change, Database, listSources, Replica, type SubscribeOptions } from 'rowtap';
import { expect, onTestFinished, test } from 'vitest';
import { brief } from '../support/captured.js';

const run = promisify(execFile);
const rowtap = new URL('../../dist/index.js', import.meta.url).href;

/** Another program: a process of its own, with a connection that nobody here captures. */
async function otherProgram(path: string, sql: string): Promise<void> {
  const source =
    'const [, rowtap, path, sql] = process.argv; const { Database } = await import(rowtap); new Database(path, { timeout: 20000 }).exec(sql).close();';
  await run(process.execPath, ['--input-type=module', '-e', source, rowtap, path, sql]);
}

const hasShell = ((): boolean => {
  try {
    execFileSync('sqlite3', ['--version']);
    return true;
  } catch {
    return false;
  }
})();

interface Followed {
  db: Database;
  path: string;
  seen: Change[];
  /** Resolves when so many changes of that kind have come. */
  until(isWanted: (change: Change) => boolean, count: number): Promise<void>;
}

function follow(mode: 'wal' | 'delete', options: SubscribeOptions = {}): Followed {
  const folder = mkdtempSync(join(tmpdir(), 'rowtap-test-'));
  const path = join(folder, 'shared.db');
  const db = new Database(path);
  db.pragma(`journal_mode = ${mode}`);
  db.exec("CREATE TABLE t (id INTEGER PRIMARY KEY, a); INSERT INTO t VALUES (1, 'old')");
  const subscription = db.changes(options);
  const seen: Change[] = [];
  let notify = (): void => {};
  const done = (async () => {
    for await (const change of subscription) {
      seen.push(change);
      notify();
    }
  })();
  onTestFinished(async () => {
    await subscription.close();
    await done;
    db.close();
    rmSync(folder, { recursive: true });
  });
  return {
    db,
    path,
    seen,
    until: (isWanted, count) =>
      new Promise((resolve) => {
        notify = () => {
          if (seen.filter(isWanted).length >= count) resolve();
        };
        notify();
      }),
  };
}

const isGap = (change: Change): boolean => change.op === 'gap';
const isInsert = (change: Change): boolean => change.op === 'insert';

for (const mode of ['wal', 'delete'] as const) {
  test(`a commit by another program is a gap before our next commit, once (${mode})`, async () => {
    const { db, path, seen, until } = follow(mode);
    db.exec("INSERT INTO t VALUES (2, 'ours')");
    await otherProgram(path, "INSERT INTO t VALUES (10, 'theirs'); INSERT INTO t VALUES (11, 'theirs')");
    db.exec("INSERT INTO t VALUES (3, 'ours')");
    db.exec("INSERT INTO t VALUES (4, 'ours')");
    await until(isInsert, 3);
    const briefs = seen.map(brief);
    expect(briefs.filter((text) => text !== 'gap external-writer')).toEqual([
      "insert t (2, 'ours')",
      "insert t (3, 'ours')",
      "insert t (4, 'ours')",
    ]);
    // Noticed in between by the clock, or by the commit: before it in either case.
    expect(briefs.indexOf('gap external-writer')).toBe(1);
    expect(seen.filter(isGap)).toMatchObject([{ reason: 'external-writer', table: null, index: 0 }]);
    expect(seen.map(({ lsn }) => lsn)).toEqual(seen.map(({ lsn }) => lsn).toSorted((a, b) => a - b));
    expect(listSources()).toMatchObject([{ gaps: 1, state: 'running' }]);
  });

  test(`it is noticed while nobody writes here (${mode})`, async () => {
    const { path, seen, until } = follow(mode);
    await otherProgram(path, "INSERT INTO t VALUES (10, 'theirs')");
    await until(isGap, 1);
    await otherProgram(path, "INSERT INTO t VALUES (11, 'theirs')");
    await until(isGap, 2);
    expect(seen).toHaveLength(2);
  });
}

test('whatever this process itself commits is no gap', async () => {
  const { db, path, seen, until } = follow('wal', { consumer: 'c', snapshot: 'never' });
  const second = new Database(path);
  onTestFinished(() => void second.close());
  const insert = db.prepare('INSERT INTO t (a) VALUES (?)');
  for (let round = 0; round < 20; round++) {
    insert.run('first');
    second.exec("INSERT INTO t (a) VALUES ('second'); BEGIN; INSERT INTO t (a) VALUES ('undone'); ROLLBACK");
    db.exec(
      'CREATE TEMP TABLE IF NOT EXISTS scratch (x); INSERT INTO scratch VALUES (1); PRAGMA user_version = 7; CREATE INDEX i ON t (a); DROP INDEX i',
    );
    db.exec("CREATE VIRTUAL TABLE words USING fts5 (w); INSERT INTO words VALUES ('word'); DROP TABLE words; VACUUM; ANALYZE");
    db.pragma('wal_checkpoint(TRUNCATE)');
    await new Promise((resolve) => setImmediate(resolve));
  }
  await until(isInsert, 40);
  // The clock looks as well, and checkpoints of the consumer are written meanwhile.
  await otherProgram(path, "INSERT INTO t (a) VALUES ('theirs')");
  await until(isGap, 1);
  expect(seen.filter((change) => change.op !== 'schema').map((change) => change.op)).toEqual([
    ...Array.from({ length: 40 }, () => 'insert'),
    'gap',
  ]);
});

test('a consumer that takes snapshots when needed gets one by itself, and ends equal', { timeout: 120_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'rowtap-test-'));
  const path = join(folder, 'shared.db');
  const db = new Database(path);
  db.pragma('journal_mode = WAL');
  db.exec("CREATE TABLE t (id INTEGER PRIMARY KEY, a); INSERT INTO t VALUES (1, 'old')");
  const target = new Database(':memory:');
  const replica = new Replica(target);
  const subscription = db.changes({ consumer: 'c', integers: 'bigint' });
  const followed = replica.follow(subscription);
  onTestFinished(() => {
    db.close();
    target.close();
    rmSync(folder, { recursive: true });
  });
  let gaps = 0;
  for (let round = 0; round < 5; round++) {
    db.exec(`INSERT INTO t (a) VALUES ('ours ${round}'); UPDATE t SET a = a || '.' WHERE id % 2 = 0`);
    const theirs = otherProgram(
      path,
      `UPDATE t SET a = 'theirs ${round}' WHERE id = 1; INSERT INTO t (a) VALUES ('theirs'); PRAGMA wal_checkpoint`,
    );
    for (let write = 0; write < 20; write++) {
      db.exec("INSERT INTO t (a) VALUES ('beside')");
      await new Promise((resolve) => setImmediate(resolve));
    }
    await theirs;
    while ((listSources()[0]?.gaps ?? 0) <= gaps) await new Promise((resolve) => setImmediate(resolve));
    gaps = listSources()[0]?.gaps ?? 0;
  }
  while (!replica.verify(db).equal) await new Promise((resolve) => setImmediate(resolve));
  await subscription.close();
  await followed;
  expect(replica.verify(db)).toMatchObject({ equal: true });
});

test.runIf(hasShell)('the sqlite3 shell writes and checkpoints at random moments', { timeout: 120_000 }, async () => {
  const { db, path, seen, until } = follow('wal');
  let wanted = 0;
  for (let round = 0; round < 10; round++) {
    db.exec("INSERT INTO t (a) VALUES ('ours')");
    await run('sqlite3', [
      path,
      `.timeout 20000\n`,
      `INSERT INTO t (a) VALUES ('shell'); PRAGMA wal_checkpoint(${round % 2 === 0 ? 'PASSIVE' : 'TRUNCATE'});`,
    ]);
    await until(isGap, ++wanted);
  }
  expect(seen.map((change) => change.op)).toEqual(Array.from({ length: 10 }, () => ['insert', 'gap']).flat());
});
