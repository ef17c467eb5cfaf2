import { hostname } from 'node:os';
import { openSource } from 'rowtap';
import { expect, test } from 'vitest';
import { openUncaptured } from '../../lib/writer/database.js';
import { newDatabase, newPath } from '../snapshot/database-file.js';
import { Child } from './child.js';

/** Reads as "c" and says what it reads; what it is told to acknowledge it does, or it closes. */
const reader = `
  const db = new Database(path);
  const subscription = db.changes({ consumer: 'c', snapshot: 'never', ack: 'manual' });
  const iterator = subscription[Symbol.asyncIterator]();
  db.exec('INSERT INTO t DEFAULT VALUES');
  let { value: change } = await iterator.next();
  while (change.op === 'gap') ({ value: change } = await iterator.next());
  say(change.lsn);
  for (;;) {
    const told = await heard();
    if (told === 'close') {
      await subscription.close();
      say('closed');
      continue;
    }
    subscription.ack(change);
    say(await subscription.flush().then(() => 'flushed', ({ code }) => code));
    say(await iterator.next().then(({ value }) => value?.op, ({ code }) => code));
  }`;

const schema = 'CREATE TABLE t (id INTEGER PRIMARY KEY)';
const inUse = (pid: number) =>
  expect.objectContaining({
    code: 'ROWTAP_DUPLICATE_CONSUMER',
    message: expect.stringContaining(`another process (${pid} on host ${hostname()})`),
  });

/** A database, and a child that reads it as "c". */
async function setUp() {
  const path = newPath();
  const db = newDatabase(schema, path);
  const child = new Child(reader, path);
  const lsn = (await child.said()) as number;
  const subscribe = () => openSource(db, { name: path }).subscribe({ consumer: 'c', snapshot: 'never', ack: 'manual' });
  const stored = () => db.prepare('SELECT lsn FROM _rowtap_checkpoints').pluck().get();
  return { path, db, child, lsn, subscribe, stored };
}

test('a consumer that another process reads is refused, and taken at once when that process was killed', async () => {
  const { db, child, subscribe } = await setUp();
  const source = openSource(db, { name: 'mine' });
  expect(() => source.subscribe({ consumer: 'c' })).toThrow(inUse(child.pid));
  expect(source.consumers()).toEqual([
    expect.objectContaining({ consumer: 'c', isActive: true, owner: { host: hostname(), pid: child.pid } }),
  ]);
  await expect(source.dropConsumer('c')).rejects.toEqual(inUse(child.pid));
  await child.kill();
  expect(source.consumers()).toEqual([expect.not.objectContaining({ owner: expect.anything() })]);
  await subscribe().close();
});

test('it is taken at once when that process has closed it, and refused there as long as it is read here', async () => {
  const { path, child, subscribe } = await setUp();
  child.tell('close');
  expect(await child.said()).toBe('closed');
  const subscription = subscribe();
  const second = new Child(
    `const db = new Database(path);
     try { db.changes({ consumer: 'c' }) } catch ({ code, message }) { say([code, message.includes(String(process.ppid))]) }`,
    path,
  );
  expect(await second.said()).toEqual(['ROWTAP_DUPLICATE_CONSUMER', true]);
  await subscription.close();
});

test('a live process whose lease has run out reads it no more when it was taken over, and writes nothing', async () => {
  const { path, child, lsn, subscribe, stored } = await setUp();
  const before = stored();
  expect(before).toBeLessThan(lsn);
  const other = openUncaptured(path);
  other.exec('UPDATE _rowtap_checkpoints SET lease_until_ms = 0');
  other.close();
  const subscription = subscribe();
  child.tell('ack');
  expect(await child.said()).toBe('ROWTAP_DUPLICATE_CONSUMER');
  expect(await child.said()).toBe('ROWTAP_DUPLICATE_CONSUMER');
  expect(stored()).toBe(before);
  await subscription.close();
});
