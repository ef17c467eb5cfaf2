import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Database } from 'rowtap';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { clearFaults, countFileOperations, failFile, installFaultVfs, resultCode } from '../support/fault-vfs.js';

const folder = mkdtempSync(join(tmpdir(), 'rowtap-fault-'));

beforeAll(installFaultVfs);
afterEach(clearFaults);
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

let files = 0;
function open(journalMode: 'wal' | 'delete'): Database {
  const db = new Database(join(folder, `${++files}.db`));
  db.pragma('busy_timeout = 0');
  db.pragma(`journal_mode = ${journalMode}`);
  db.exec('CREATE TABLE t (a)');
  clearFaults();
  return db;
}

const codeOf = (action: () => unknown): string | undefined => {
  try {
    action();
    return undefined;
  } catch (error) {
    return (error as { code?: string }).code;
  }
};

test('a fault strikes once, after the operations it lets pass', () => {
  const db = open('wal');
  // A commit of one page writes one frame: its header, then the page.
  failFile({ file: 'wal', operation: 'write', after: 2, code: resultCode.ioerrWrite });
  const codes = [1, 2, 3].map((value) => codeOf(() => db.exec(`INSERT INTO t VALUES (${value})`)));
  expect(codes).toEqual([undefined, 'SQLITE_IOERR_WRITE', undefined]);
  expect(db.prepare('SELECT a FROM t').pluck().all()).toEqual([1, 3]);
  expect(countFileOperations()).toMatchObject({ failed: 1 });
  db.close();
});

test('a persistent fault strikes until it is taken back', () => {
  const db = open('wal');
  failFile({ file: 'wal', operation: 'write', code: resultCode.full, isPersistent: true, isHalfWritten: true });
  expect(codeOf(() => db.exec('INSERT INTO t VALUES (1)'))).toBe('SQLITE_FULL');
  expect(codeOf(() => db.exec('INSERT INTO t VALUES (2)'))).toBe('SQLITE_FULL');
  clearFaults();
  db.exec('INSERT INTO t VALUES (3)');
  expect(db.prepare('SELECT a FROM t').pluck().all()).toEqual([3]);
  db.close();
});

test('each kind of file and each operation can fail', () => {
  const db = open('wal');
  db.pragma('synchronous = FULL');
  failFile({ file: 'wal', operation: 'sync', code: resultCode.ioerrFsync });
  expect(codeOf(() => db.exec('INSERT INTO t VALUES (1)'))).toBe('SQLITE_IOERR_FSYNC');
  failFile({ file: 'main', operation: 'shmLock', code: resultCode.ioerrShmLock });
  expect(codeOf(() => db.exec('INSERT INTO t VALUES (1)'))).toBe('SQLITE_IOERR_SHMLOCK');
  db.close();

  const journaled = open('delete');
  failFile({ file: 'journal', operation: 'delete', code: resultCode.ioerrDelete });
  expect(codeOf(() => journaled.exec('INSERT INTO t VALUES (1)'))).toBe('SQLITE_IOERR_DELETE');
  failFile({ file: 'main', operation: 'write', code: resultCode.full });
  expect(codeOf(() => journaled.exec('INSERT INTO t VALUES (1)'))).toBe('SQLITE_FULL');
  failFile({ file: 'main', operation: 'lock', code: resultCode.busy, isPersistent: true });
  expect(codeOf(() => journaled.exec('INSERT INTO t VALUES (1)'))).toBe('SQLITE_BUSY');
  clearFaults();
  journaled.close();
});

test('nothing can be told to fail whose failure SQLite would not notice', () => {
  const operation = 'shmUnlock' as 'shmLock';
  expect(() => failFile({ file: 'main', operation, code: resultCode.ioerrShmLock })).toThrow(TypeError);
});

/** Writes one row and is killed in its COMMIT. */
const killedProgram = `
const [, rowtap, addon, path, mode, operation, effect] = process.argv;
const { createRequire } = await import('node:module');
const { testing } = createRequire(addon)(addon);
const { Database } = await import(rowtap);
testing.installFaultVfs();
const db = new Database(path);
db.exec('PRAGMA journal_mode = ' + mode + '; CREATE TABLE t (a); BEGIN; INSERT INTO t VALUES (1)');
const [file, name] = operation.split('.');
testing.kill(file, name, 0, Number(effect));
db.exec('COMMIT');
`;

test.each([
  ['delete', 'journal.delete', 'before', 0],
  ['delete', 'journal.delete', 'after', 1],
  ['delete', 'main.unlock', 'before', 1],
  ['wal', 'wal.write', 'before', 0],
  ['wal', 'wal.write', 'amid', 0],
  ['wal', 'main.shmUnlock', 'before', 1],
] as const)('a process can be killed in %s mode at %s, %s it: %i rows are committed', (mode, operation, moment, rows) => {
  const path = join(folder, `${++files}.db`);
  const rowtap = new URL('../../dist/index.js', import.meta.url).href;
  const effect = String(['before', 'amid', 'after'].indexOf(moment));
  const args = ['--input-type=module', '-e', killedProgram, rowtap, process.env.ROWTAP_ADDON ?? '', path, mode, operation, effect];
  expect(spawnSync(process.execPath, args, { encoding: 'utf8' })).toMatchObject({ signal: 'SIGKILL', stderr: '' });
  const db = new Database(path);
  expect(db.prepare('SELECT count(*) FROM t').pluck().get()).toBe(rows);
  db.close();
});
