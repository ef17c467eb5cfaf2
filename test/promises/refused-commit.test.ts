import { Database } from 'rowtap';
import { expect, onTestFinished, test } from 'vitest';
import { capture } from '../support/captured.js';

const before = `CREATE TABLE parent (id INTEGER PRIMARY KEY);
  CREATE TABLE child (id INTEGER PRIMARY KEY, p REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)`;

test('a COMMIT that a deferred foreign key refuses loses nothing: the transaction can be mended and committed', async () => {
  const captured = capture({ before });
  captured.db.exec('BEGIN; INSERT INTO child VALUES (1, 7)');
  expect(captured.fails('COMMIT')).toBe('SQLITE_CONSTRAINT_FOREIGNKEY');
  expect(await captured.changes()).toEqual([]);
  expect(captured.fails('COMMIT')).toBe('SQLITE_CONSTRAINT_FOREIGNKEY');
  captured.db.exec('INSERT INTO parent VALUES (7)');
  captured.db.exec('COMMIT');
  expect(await captured.transactions()).toEqual([['insert child (1, 7)', 'insert parent (7)']]);
});

test('or rolled back', async () => {
  const captured = capture({ before });
  captured.db.exec('BEGIN; INSERT INTO child VALUES (1, 7)');
  captured.fails('COMMIT');
  captured.db.exec('ROLLBACK; INSERT INTO parent VALUES (7)');
  expect(await captured.transactions()).toEqual([['insert parent (7)']]);
});

test('the same for RELEASE of the outermost savepoint', async () => {
  const captured = capture({ before });
  captured.db.exec('SAVEPOINT s; INSERT INTO child VALUES (1, 7)');
  expect(captured.fails('RELEASE s')).toBe('SQLITE_CONSTRAINT_FOREIGNKEY');
  captured.db.exec('INSERT INTO parent VALUES (7); RELEASE s');
  expect(await captured.transactions()).toEqual([['insert child (1, 7)', 'insert parent (7)']]);
});

test('a statement of its own with a deferred violation is dropped', async () => {
  const captured = capture({ before });
  expect(captured.fails('INSERT INTO child VALUES (1, 7)')).toBe('SQLITE_CONSTRAINT_FOREIGNKEY');
  expect(captured.db.inTransaction).toBe(false);
  captured.db.exec('INSERT INTO parent VALUES (1)');
  expect(await captured.transactions()).toEqual([['insert parent (1)']]);
});

test('in rollback-journal mode a reader makes COMMIT busy; it can be tried again', async () => {
  const captured = capture({ where: 'delete', before });
  captured.db.pragma('busy_timeout = 0');
  const reader = new Database(captured.path, { readonly: true });
  onTestFinished(() => void reader.close());
  captured.db.exec('INSERT INTO parent VALUES (1)');
  reader.exec('BEGIN');
  reader.prepare('SELECT * FROM parent').all();
  captured.db.exec('BEGIN; INSERT INTO parent VALUES (2)');
  expect(captured.fails('COMMIT')).toBe('SQLITE_BUSY');
  expect(await captured.transactions()).toEqual([['insert parent (1)']]);
  reader.exec('COMMIT');
  captured.db.exec('INSERT INTO parent VALUES (3); COMMIT');
  expect(await captured.transactions()).toEqual([['insert parent (2)', 'insert parent (3)']]);
});

test('the same refusal drops a statement of its own', async () => {
  const captured = capture({ where: 'delete', before });
  captured.db.pragma('busy_timeout = 0');
  const reader = new Database(captured.path, { readonly: true });
  onTestFinished(() => void reader.close());
  reader.exec('BEGIN');
  reader.prepare('SELECT * FROM parent').all();
  expect(captured.fails('INSERT INTO parent VALUES (2)')).toBe('SQLITE_BUSY');
  reader.exec('COMMIT');
  captured.db.exec('INSERT INTO parent VALUES (3)');
  expect(await captured.transactions()).toEqual([['insert parent (3)']]);
});

test('a lock held by another writer refuses a statement, and nothing of it appears', async () => {
  const captured = capture({ before });
  captured.db.pragma('busy_timeout = 0');
  const other = new Database(captured.path);
  onTestFinished(() => void other.close());
  other.exec('BEGIN IMMEDIATE');
  expect(captured.fails('INSERT INTO parent VALUES (1)')).toBe('SQLITE_BUSY');
  other.exec('COMMIT');
  captured.db.exec('INSERT INTO parent VALUES (2)');
  expect(await captured.transactions()).toEqual([['insert parent (2)']]);
});
