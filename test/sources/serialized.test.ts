/** A database from a buffer is captured like any other, and to be serialized is nothing that happens to a database. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Database, openSource } from 'rowtap';
import { expect, onTestFinished, test } from 'vitest';
import { brief, briefTransactions } from '../support/captured.js';

function fromBuffer(sql: string, options = {}): Database {
  const original = new Database(':memory:');
  original.exec(sql);
  const db = new Database(original.serialize(), options);
  original.close();
  onTestFinished(() => void db.close());
  return db;
}

const table = 'CREATE TABLE t (id INTEGER PRIMARY KEY, a); INSERT INTO t VALUES (1, 10), (2, 20), (3, 30)';

async function read(db: Database, count: number, options = {}): Promise<string[][]> {
  const changes = [];
  for await (const change of db.changes(options)) if (changes.push(change) === count) break;
  return briefTransactions(changes);
}

test('its subscribers see what is committed, transaction by transaction, and nothing else', async () => {
  const db = fromBuffer(table);
  const reading = read(db, 5);
  db.exec('BEGIN; INSERT INTO t VALUES (4, 40); ROLLBACK');
  db.exec('UPDATE t SET a = 11 WHERE id = 1');
  db.transaction(() => db.exec('DELETE FROM t; INSERT INTO t VALUES (5, 50)'))();
  expect(await reading).toEqual([
    ['update t (1, 10) > (1, 11)'],
    ['delete t (1, 11)', 'delete t (2, 20)', 'delete t (3, 30)', 'insert t (5, 50)'],
  ]);
});

test.each([1024, 4096, 16384])('a snapshot of it has the rows of the buffer, with pages of %d bytes', async (pageSize) => {
  const db = fromBuffer(`PRAGMA page_size = ${pageSize}; ${table}`);
  const reading = read(db, 5, { snapshot: 'initial' });
  db.exec('INSERT INTO t VALUES (4, 40)');
  expect((await reading).flat()).toEqual([
    'bootstrap t',
    'snapshot t (1, 10)',
    'snapshot t (2, 20)',
    'snapshot t (3, 30)',
    'insert t (4, 40)',
  ]);
});

test('a VACUUM and a serialize of it are no gap', async () => {
  const db = fromBuffer(table);
  const reading = read(db, 2);
  db.exec('INSERT INTO t VALUES (4, 40); VACUUM');
  db.serialize();
  db.exec('PRAGMA user_version = 7; INSERT INTO t VALUES (5, 50)');
  expect((await reading).flat()).toEqual(['insert t (4, 40)', 'insert t (5, 50)']);
});

test('two of the same buffer have nothing to do with each other', async () => {
  const [one, two] = [fromBuffer(table), fromBuffer(table)];
  const [first, second] = [read(one, 1), read(two, 1)];
  two.exec('DELETE FROM t WHERE id = 2');
  one.exec('DELETE FROM t WHERE id = 1');
  expect([await first, await second]).toEqual([[['delete t (1, 10)']], [['delete t (2, 20)']]]);
});

test('one that is read-only has a snapshot, and its source is that of a database in memory', async () => {
  const db = fromBuffer(table, { readonly: true });
  expect(() => openSource(db, { durability: 'log' })).toThrow(expect.objectContaining({ code: 'ROWTAP_BAD_OPTION' }));
  expect((await read(db, 4, { snapshot: 'initial' })).flat()).toContain('snapshot t (3, 30)');
});

test.each(['wal', 'delete'])('serialize changes nothing for the subscribers of a file that is in journal mode %s', async (mode) => {
  const folder = mkdtempSync(join(tmpdir(), 'rowtap-serialized-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const db = new Database(join(folder, 'test.db'));
  onTestFinished(() => void db.close());
  db.pragma(`journal_mode = ${mode}`);
  const changes = db.changes()[Symbol.asyncIterator]();
  // With a rollback journal nothing has been written yet: the first page is made by a transaction of SQLite's own.
  db.serialize();
  db.exec('CREATE TABLE t (id INTEGER PRIMARY KEY)');
  db.serialize();
  db.exec('BEGIN; INSERT INTO t VALUES (1)');
  db.serialize();
  db.exec('COMMIT');
  const seen = [await changes.next(), await changes.next()].map(({ value }) => brief(value as never));
  expect(seen).toEqual(['create t', 'insert t (1)']);
  await changes.return?.();
});
