import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Change, Database, openSource, type Source, type Subscription } from 'rowtap';
import { expect, onTestFinished, test } from 'vitest';
import { brief, turns } from '../support/captured.js';

function newPath(): string {
  const folder = mkdtempSync(join(tmpdir(), 'rowtap-log-place-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return join(folder, 'test.db');
}

function open(path: string): { db: Database; source: Source } {
  const db = new Database(path);
  onTestFinished(() => void db.close());
  db.exec('PRAGMA journal_mode = WAL; CREATE TABLE IF NOT EXISTS t (a)');
  return { db, source: openSource(db, { durability: 'log' }) };
}

/** All that comes without a commit more. */
async function take(subscription: Subscription): Promise<Change[]> {
  const changes: Change[] = [];
  const reading = (async () => {
    for await (const change of subscription) changes.push(change);
  })();
  await turns();
  await subscription.close();
  await reading;
  return changes;
}

test('an entry of which nothing is delivered is where a reader begins, and is replaced before it reads', async () => {
  const { db, source } = open(newPath());
  const first = source.subscribe({ consumer: 'c', snapshot: 'never' });
  await first.flush();
  db.exec('INSERT INTO t VALUES (1)');
  await first.close();
  // A position is a commit of rowtap's own.
  const other = source.subscribe({ consumer: 'other', snapshot: 'never' });
  await other.flush();
  const again = source.subscribe({ consumer: 'c', snapshot: 'never' });
  db.exec('INSERT INTO t VALUES (2)');
  db.exec('INSERT INTO t VALUES (3)');
  expect((await take(again)).map(brief)).toEqual(['insert t (1)', 'insert t (2)', 'insert t (3)']);
});

test('a consumer that has taken its snapshot, and nothing else, goes on without a gap in the next life', async () => {
  const path = newPath();
  const life = async (): Promise<string[]> => {
    const { db, source } = open(path);
    if (db.prepare('SELECT count(*) FROM t').pluck().get() === 0) db.exec('INSERT INTO t VALUES (1)');
    const subscription = source.subscribe({ consumer: 'c' });
    const changes = await take(subscription);
    await source.close();
    db.close();
    return changes.map(brief);
  };
  expect(await life()).toEqual(['bootstrap t', 'snapshot t (1)']);
  expect(await life()).toEqual([]);
  expect(await life()).toEqual([]);
});

test('a position that is written when the last database has been closed tells nobody of commits by others', async () => {
  const path = newPath();
  const { db, source } = open(path);
  db.exec('INSERT INTO t VALUES (0)');
  const subscription = source.subscribe({ consumer: 'c', snapshot: 'never' });
  await subscription.flush();
  db.exec('BEGIN; INSERT INTO t VALUES (1)');
  // What this writes waits for the transaction.
  await subscription.close();
  db.close();
  await turns();
  const next = open(path);
  const again = next.source.subscribe({ consumer: 'c', snapshot: 'never' });
  next.db.exec('INSERT INTO t VALUES (3)');
  expect((await take(again)).map(brief).filter((text) => text.startsWith('gap'))).toEqual([]);
});
