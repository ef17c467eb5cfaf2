import { Database, listSources } from 'rowtap';
import { afterEach, beforeAll, expect, test } from 'vitest';
import { newPath } from '../snapshot/database-file.js';
import { clearFaults, countFileOperations, failFile, installFaultVfs, resultCode } from '../support/fault-vfs.js';
import { schema } from './numbered-transactions.js';

// That the named points of kill-points.ts lie where their names say.

beforeAll(installFaultVfs);
afterEach(clearFaults);

const setUp = (mode: 'wal' | 'delete'): Database => {
  const db = new Database(newPath());
  db.exec(`PRAGMA journal_mode = ${mode}; PRAGMA temp_store = MEMORY; ${schema}`);
  const insert = db.prepare("INSERT INTO large VALUES (?, 0, printf('%.*c', 40000, 'x'))");
  for (let id = 0; id < 12; id++) insert.run(id);
  return db;
};

test.each(['wal', 'delete'] as const)('hook-read: a read that fails there fails the hook, not the statement (%s)', async (mode) => {
  for (let after = 2; after <= 6; after++) {
    const db = setUp(mode);
    const reading = db.changes()[Symbol.asyncIterator]().next();
    const lost = expect(reading).rejects.toMatchObject({ code: 'ROWTAP_CAPTURE_LOST' });
    db.exec('BEGIN IMMEDIATE; PRAGMA shrink_memory');
    const remove = db.prepare('DELETE FROM large WHERE id = ?');
    clearFaults();
    for (const file of ['wal', 'main'] as const) failFile({ file, operation: 'read', after, code: resultCode.ioerrRead });
    expect(remove.run(5).changes).toBe(1);
    expect(countFileOperations()).toMatchObject({ failed: 1 });
    clearFaults();
    db.exec('COMMIT');
    await lost;
    db.close();
  }
});

test.each(['wal', 'delete'] as const)('hook: whatever is written to a temporary file is a page of changes (%s)', (mode) => {
  const db = setUp(mode);
  db.changes({ maxTransactionMemory: 100_000 });
  clearFaults();
  db.exec("BEGIN IMMEDIATE; SAVEPOINT s; UPDATE large SET n = 1; INSERT OR REPLACE INTO large SELECT id, 2, body || 'y' FROM large");
  const pages = countFileOperations()['temp.write'] ?? 0;
  expect(pages).toBeGreaterThan(20);
  expect(listSources()[0]?.spilled).toBe(pages * 64 * 1024);
  db.exec('COMMIT');
  expect(countFileOperations()).toMatchObject({ 'temp.write': pages });
  db.close();
});
