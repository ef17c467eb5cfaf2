import { hostname } from 'node:os';
import { Database, openSource } from 'rowtap';
import { expect, onTestFinished, test } from 'vitest';
import { openUncaptured } from '../../lib/writer/database.js';
import { newDatabase, newPath } from '../snapshot/database-file.js';
import { Child } from './child.js';

const schema = 'CREATE TABLE t (id INTEGER PRIMARY KEY)';
const code = (name: string) => expect.objectContaining({ code: name });
const here = { host: hostname(), pid: process.pid };

test.each([
  ['a file', undefined],
  ['memory', ':memory:'],
])('consumers are listed and dropped: %s', async (_, path = newPath()) => {
  const source = openSource(newDatabase(schema, path), { name: 'listed' });
  expect(source.consumers()).toEqual([]);
  const before = Date.now();
  const [b, a] = [source.subscribe({ consumer: 'b', snapshot: 'never' }), source.subscribe({ consumer: 'a', snapshot: 'never' })];
  const { lsn } = await a.ready;
  const active = { lsn, updatedAt: expect.any(Number), isActive: true, owner: here };
  expect(source.consumers()).toEqual(['a', 'b'].map((consumer) => ({ consumer, ...active })));
  expect(source.consumers()[0]?.updatedAt).toBeGreaterThanOrEqual(before);
  await expect(source.dropConsumer('a')).rejects.toEqual(code('ROWTAP_DUPLICATE_CONSUMER'));
  await a.close();
  expect(source.consumers()[0]).toEqual({ consumer: 'a', lsn, updatedAt: expect.any(Number), isActive: false });
  await source.dropConsumer('a');
  expect(source.consumers()).toMatchObject([{ consumer: 'b' }]);
  for (const unknown of ['a', 'never was']) await expect(source.dropConsumer(unknown)).rejects.toEqual(code('ROWTAP_BAD_OPTION'));
  for (const wrong of ['', undefined, 1]) await expect(source.dropConsumer(wrong as string)).rejects.toEqual(code('ROWTAP_BAD_OPTION'));
  // It begins as a new one.
  const again = source.subscribe({ consumer: 'a', snapshot: 'initial' });
  expect(await again.ready).toMatchObject({ snapshot: true });
  await Promise.all([again.close(), b.close()]);
  await source.close();
  expect(() => source.consumers()).toThrow(code('ROWTAP_CLOSED'));
  await expect(source.dropConsumer('b')).rejects.toEqual(code('ROWTAP_CLOSED'));
});

test('a consumer is dropped when the database is busy no more, and its name is taken meanwhile', async () => {
  const path = newPath();
  const db = newDatabase(schema, path);
  const source = openSource(db);
  await source.subscribe({ consumer: 'c', snapshot: 'never' }).close();
  const other = openUncaptured(path);
  onTestFinished(() => void other.close());
  other.exec('BEGIN IMMEDIATE');
  const dropping = source.dropConsumer('c');
  expect(() => source.subscribe({ consumer: 'c' })).toThrow(code('ROWTAP_DUPLICATE_CONSUMER'));
  expect(source.consumers()).toMatchObject([{ consumer: 'c' }]);
  other.exec('COMMIT');
  await dropping;
  expect(source.consumers()).toEqual([]);
  await source.subscribe({ consumer: 'c', snapshot: 'never' }).close();

  db.exec('BEGIN');
  const waiting = source.dropConsumer('c');
  db.exec('COMMIT');
  await waiting;
  expect(source.consumers()).toEqual([]);
});

test('a source that closes ends the wait for it', async () => {
  const db = newDatabase(schema, newPath());
  const source = openSource(db);
  await source.subscribe({ consumer: 'c', snapshot: 'never' }).close();
  db.exec('BEGIN');
  const dropping = source.dropConsumer('c');
  await source.close();
  await expect(dropping).rejects.toEqual(code('ROWTAP_CLOSED'));
});

test('a consumer that ends while it can not be written is dropped for good', async () => {
  const db = newDatabase(schema, newPath());
  const source = openSource(db);
  const keeping = source.subscribe({ consumer: 'keeping', snapshot: 'never', ack: 'manual' });
  db.exec('BEGIN');
  await source.subscribe({ consumer: 'c', snapshot: 'never' }).close();
  const dropping = source.dropConsumer('c');
  db.exec('COMMIT');
  await dropping;
  await keeping.flush();
  await keeping.close();
  expect(source.consumers()).toMatchObject([{ consumer: 'keeping' }]);
});

test('a read-only database lists them and drops none; what somebody has damaged is listed', async () => {
  const path = newPath();
  const db = newDatabase(schema, path);
  const source = openSource(db);
  await source.subscribe({ consumer: 'c', snapshot: 'never' }).close();
  await source.close();
  db.exec("UPDATE _rowtap_checkpoints SET lsn = 'x', updated_ms = 'x', owner = 'x', lease_until_ms = 9e15");
  db.close();
  const readonly = new Database(path, { readonly: true });
  onTestFinished(() => void readonly.close());
  const readonlySource = openSource(readonly);
  expect(readonlySource.consumers()).toEqual([{ consumer: 'c', lsn: 0, updatedAt: 0, isActive: false }]);
  await expect(readonlySource.dropConsumer('c')).rejects.toEqual(code('ROWTAP_BAD_OPTION'));
});

test('one that another process has left by kill -9 is dropped', async () => {
  const path = newPath();
  const source = openSource(newDatabase(schema, path));
  const child = new Child(`new Database(path).changes({ consumer: 'c', snapshot: 'never' }); say('open'); await heard()`, path);
  expect(await child.said()).toBe('open');
  await child.kill();
  await source.dropConsumer('c');
  expect(source.consumers()).toEqual([]);
});
