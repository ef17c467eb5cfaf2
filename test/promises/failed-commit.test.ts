import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Database, Replica } from 'rowtap';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { capture, turns } from '../support/captured.js';
import { clearFaults, countFileOperations, type Fault, failFile, installFaultVfs, resultCode } from '../support/fault-vfs.js';

beforeAll(installFaultVfs);
afterEach(clearFaults);

const before = 'PRAGMA synchronous = FULL; CREATE TABLE t (id INTEGER PRIMARY KEY, a)';

describe.each([
  ['wal', 'write', resultCode.full, 'SQLITE_FULL'],
  ['wal', 'write', resultCode.ioerrWrite, 'SQLITE_IOERR_WRITE'],
  ['wal', 'sync', resultCode.ioerrFsync, 'SQLITE_IOERR_FSYNC'],
] as const)('a failing %s %s (%i)', (file, operation, code, name) => {
  test('rows of a statement whose commit failed never appear', async () => {
    const captured = capture({ before });
    failFile({ file, operation, code });
    expect(captured.fails("INSERT INTO t VALUES (1, 'lost')")).toBe(name);
    clearFaults();
    expect(await captured.transactions()).toEqual([]);
    captured.db.exec("INSERT INTO t VALUES (1, 'kept')");
    expect(await captured.transactions()).toEqual([["insert t (1, 'kept')"]]);
  });

  test('nor those of a transaction, nor of one that savepoints made', async () => {
    const captured = capture({ before });
    for (const [begin, commit] of [
      ['BEGIN', 'COMMIT'],
      ['SAVEPOINT s', 'RELEASE s'],
    ] as const) {
      captured.db.exec(`${begin}; INSERT INTO t VALUES (1, 1); INSERT INTO t VALUES (2, 2)`);
      failFile({ file, operation, code });
      expect(captured.fails(commit)).toBe(name);
      clearFaults();
      if (captured.db.inTransaction) captured.db.exec('ROLLBACK');
    }
    expect(captured.db.prepare('SELECT count(*) FROM t').pluck().get()).toBe(0);
    expect(await captured.transactions()).toEqual([]);
  });

  test('nor those of INSERT … RETURNING whose reset fails to commit', async () => {
    const captured = capture({ before });
    const rows = captured.db.prepare('INSERT INTO t VALUES (1, 1), (2, 2) RETURNING id').iterate();
    rows.next();
    failFile({ file, operation, code });
    try {
      rows.return?.();
    } catch {
      // Whether the end of an iteration tells of it is the writer's business.
    }
    clearFaults();
    expect(captured.db.prepare('SELECT count(*) FROM t').pluck().get()).toBe(0);
    expect(await captured.transactions()).toEqual([]);
  });
});

test('a full disk in the middle of a transaction drops what SQLite drops', async () => {
  const captured = capture({ before: `${before}; PRAGMA cache_size = 5; PRAGMA cache_spill = 1` });
  captured.db.exec("BEGIN; INSERT INTO t VALUES (1, 'first')");
  failFile({ file: 'wal', operation: 'write', code: resultCode.full, isPersistent: true });
  const add = captured.db.prepare('INSERT INTO t VALUES (?, randomblob(3000))');
  let failedAt = 0;
  for (let id = 2; id < 200 && failedAt === 0; id++) {
    try {
      add.run(id);
    } catch {
      failedAt = id;
    }
  }
  clearFaults();
  expect(failedAt).toBeGreaterThan(0);
  expect(captured.db.inTransaction).toBe(false);
  expect(await captured.transactions()).toEqual([]);
  captured.db.exec("INSERT INTO t VALUES (1, 'again')");
  expect(await captured.transactions()).toEqual([["insert t (1, 'again')"]]);
});

/** Statements that use every kind of file: the WAL or the rollback journal, statement journals, sorters. */
const script = [
  "INSERT INTO t VALUES (1, 'a'), (2, 'b')",
  'BEGIN',
  'UPDATE t SET a = hex(randomblob(3000))',
  'SAVEPOINT s',
  "INSERT INTO t SELECT value + 10, randomblob(2000) FROM json_each('[1,2,3,4,5,6,7,8]')",
  'INSERT INTO t VALUES (30, 30), (31, 31), (1, 1)',
  'ROLLBACK TO s',
  "INSERT OR FAIL INTO t VALUES (40, 40), (1, 'there already')",
  'RELEASE s',
  'COMMIT',
  'CREATE TABLE u AS SELECT * FROM t',
  'DELETE FROM t WHERE id > 1',
  'INSERT OR REPLACE INTO t SELECT id, id FROM u ORDER BY a',
  'ALTER TABLE u ADD COLUMN c DEFAULT 1',
  'UPDATE u SET c = 2',
  'DROP TABLE u',
];

/** How many of a script's file operations are made to fail, one after the other, for each kind. */
const faultPoints = Number(process.env.ROWTAP_FAULT_POINTS ?? 6);

/**
 * Runs the script with the fault, goes on as an application would, and compares what was published with what the database holds. A stream
 * that can not say what a statement changed, because that could not be read, ends and says so.
 */
async function runWithFault(mode: 'wal' | 'delete', fault: Fault | undefined): Promise<Record<string, number>> {
  const folder = mkdtempSync(join(tmpdir(), 'rowtap-fault-'));
  const db = new Database(join(folder, 'test.db'));
  const target = new Database(':memory:');
  try {
    db.exec(`PRAGMA journal_mode = ${mode}; ${before}; PRAGMA cache_size = 5`);
    const subscription = db.changes();
    const replica = new Replica(target);
    replica.apply([]);
    target.exec('CREATE TABLE t (id INTEGER PRIMARY KEY, a)');
    let error: unknown;
    const following = replica.follow(subscription).catch((reason: unknown) => {
      error = reason;
    });
    clearFaults();
    if (fault !== undefined) failFile(fault);
    for (const sql of script) {
      try {
        db.exec(sql);
      } catch {
        // The database decides what that means; it is compared below.
      }
    }
    const counts = countFileOperations();
    clearFaults();
    if (db.inTransaction) db.exec('COMMIT');
    db.exec("INSERT OR REPLACE INTO t VALUES (99, 'the end')");
    await turns();
    if (error === undefined) expect(replica.verify(db), JSON.stringify({ mode, fault })).toMatchObject({ equal: true });
    else expect([fault?.operation, error], JSON.stringify({ mode, fault })).toMatchObject(['read', { code: 'ROWTAP_CAPTURE_LOST' }]);
    await subscription.close();
    await following;
    return counts;
  } finally {
    clearFaults();
    db.close();
    target.close();
    rmSync(folder, { recursive: true });
  }
}

describe.each(['wal', 'delete'] as const)('whichever file operation fails, the stream is what the database holds: %s mode', (mode) => {
  const kinds: [Fault['file'], Fault['operation'], number][] = [
    [mode === 'wal' ? 'wal' : 'journal', 'write', resultCode.full],
    [mode === 'wal' ? 'wal' : 'journal', 'write', resultCode.ioerrWrite],
    [mode === 'wal' ? 'wal' : 'journal', 'sync', resultCode.ioerrFsync],
    ['main', 'write', resultCode.full],
    ['main', 'read', resultCode.ioerrRead],
    ['temp', 'write', resultCode.full],
  ];

  test.each(kinds)('%s %s (%i)', async (file, operation, code) => {
    const counts = await runWithFault(mode, undefined);
    const operations = counts[`${file}.${operation}`] ?? 0;
    const points = Math.min(operations, faultPoints);
    for (let point = 0; point < points; point++) {
      const fault: Fault = { file, operation, code, after: Math.floor((point * operations) / points) };
      await runWithFault(mode, fault);
      await runWithFault(mode, { ...fault, isPersistent: true, isHalfWritten: operation === 'write' });
    }
  });
});
