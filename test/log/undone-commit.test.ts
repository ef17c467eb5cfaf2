/** A commit that can't be written, and is taken back with what it has put into the log. */
import { Database } from 'rowtap';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { beginArchive, readArchive } from '../support/archive.js';
import { brief } from '../support/captured.js';
import { clearFaults, failFile, installFaultVfs, resultCode } from '../support/fault-vfs.js';
import { logFile } from './lives.js';

beforeAll(installFaultVfs);

test.each([
  ['wal', 'wal'],
  ['delete', 'main'],
] as const)('a table that was first written when the disk was full is read from the log all the same: %s mode', async (mode, file) => {
  const path = logFile();
  const db = new Database(path);
  onTestFinished(() => {
    clearFaults();
    db.close();
  });
  // Before the log begins, which so does not know them.
  db.exec(`PRAGMA journal_mode = ${mode}; CREATE TABLE a (id INTEGER PRIMARY KEY); CREATE TABLE b (id INTEGER PRIMARY KEY)`);
  await beginArchive(path);
  failFile({ file, operation: 'write', code: resultCode.full });
  expect(() => db.exec('INSERT INTO a VALUES (1)')).toThrow(expect.objectContaining({ code: 'SQLITE_FULL' }));
  db.exec('INSERT INTO b VALUES (2)');
  db.exec('INSERT INTO a VALUES (3)');
  db.exec('INSERT INTO a VALUES (4)');
  expect((await readArchive(path)).map(brief)).toEqual(['insert b (2)', 'insert a (3)', 'insert a (4)']);
});
