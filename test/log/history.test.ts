/** A log that is not the one that was read: an older file in its place, tables that were removed. */
import { copyFileSync } from 'node:fs';
import { Database, type SubscribeOptions } from 'rowtap';
import { describe, expect, test } from 'vitest';
import { brief } from '../support/captured.js';
import { live, logFile, otherProcessSync, Reading } from './lives.js';

test('a consumer that is ahead of the log is told, and goes on with what comes', async () => {
  const path = logFile();
  const first = live(path);
  first.db.exec('CREATE TABLE t (id INTEGER PRIMARY KEY)');
  const subscription = first.source.subscribe({ consumer: 'index', snapshot: 'never', ack: 'manual' });
  first.db.exec('INSERT INTO t VALUES (1); INSERT INTO t VALUES (2)');
  subscription.ack((await new Reading(subscription).take(2)).at(-1) as never);
  await subscription.flush();
  // As in a file whose log is older than its positions.
  first.db.exec('UPDATE _rowtap_checkpoints SET lsn = lsn + 1000');
  await first.close();

  const second = live(path);
  const reading = new Reading(second.source.subscribe({ consumer: 'index', snapshot: 'never' }));
  second.db.exec('INSERT INTO t VALUES (3)');
  const changes = await reading.take(2);
  expect(changes.map(brief)).toEqual(['gap history-changed', 'insert t (3)']);
  void reading.take(1);
  await second.close();
  const third = live(path);
  third.db.exec('INSERT INTO t VALUES (4)');
  const next = await new Reading(third.source.subscribe({ consumer: 'index', snapshot: 'never' })).until(
    ({ after }) => after?.['id'] === 4,
  );
  expect(next.map(({ op }) => op)).not.toContain('gap');
});

test('a file that takes the place of another has another history', async () => {
  const [path, other] = [logFile(), logFile()];
  const first = live(path);
  first.db.exec('CREATE TABLE t (id INTEGER PRIMARY KEY)');
  const subscription = first.source.subscribe({ consumer: 'index', snapshot: 'never', ack: 'manual' });
  first.db.exec('INSERT INTO t VALUES (1)');
  subscription.ack((await new Reading(subscription).take(1)).at(-1) as never);
  await first.close();
  const old = new Database(path);
  old.exec('DROP TABLE _rowtap_log; DROP TABLE _rowtap_meta; PRAGMA wal_checkpoint(TRUNCATE)');
  old.close();
  copyFileSync(path, other);

  const { db, source } = live(other);
  const reading = new Reading(source.subscribe({ consumer: 'index' }));
  db.exec('INSERT INTO t VALUES (2)');
  expect((await reading.take(4)).map(brief)).toEqual(['gap history-changed', 'bootstrap t', 'snapshot t (1)', 'insert t (2)']);
});

/** Another program's backup of an open file, or, the other way round, what `.restore` of SQLite's shell does: all pages are written in one transaction. */
function copyPages(from: string, to: string): void {
  const program = `const { createRequire } = await import('node:module'); const Plain = createRequire(given[1])('better-sqlite3');
    const source = new Plain(path); await source.backup(given[0]); source.close();`;
  otherProcessSync(from, program, to, import.meta.url);
}

describe.each(['wal', 'delete'] as const)('an older content that is put into the open file, in journal mode %s', (mode) => {
  /** A file with the rows 1 and 2, and a backup from before the second; both rows were read. */
  async function readPastBackup(options?: SubscribeOptions): Promise<{ db: Database; reading: Reading; restore: () => void }> {
    const path = logFile();
    const { db, source } = live(path, { mode });
    db.exec('CREATE TABLE t (id INTEGER PRIMARY KEY)');
    const reading = new Reading(source.subscribe(options));
    db.exec('INSERT INTO t VALUES (1)');
    copyPages(path, `${path}.backup`);
    db.exec('INSERT INTO t VALUES (2)');
    expect((await reading.take(2)).map(brief)).toEqual(['insert t (1)', 'insert t (2)']);
    return { db, reading, restore: () => copyPages(`${path}.backup`, path) };
  }

  test('is a commit of another program to whoever keeps up: one gap, by the next commit or without one', async () => {
    const { db, reading, restore } = await readPastBackup();
    restore();
    db.exec('INSERT INTO t VALUES (3)');
    expect((await reading.take(2)).map(brief)).toEqual(['gap external-writer', 'insert t (3)']);
    restore();
    expect((await reading.take(1)).map(brief)).toEqual(['gap external-writer']);
    db.exec('INSERT INTO t VALUES (4)');
    expect((await reading.take(1)).map(brief)).toEqual(['insert t (4)']);
    expect(db.prepare('SELECT id FROM t').pluck().all()).toEqual([1, 4]);
  });

  test('is another history to whoever reads on in the log, and finds it shorter than what it has read', async () => {
    const { db, reading, restore } = await readPastBackup({ maxBuffered: 1 });
    // Too much to wait for it in memory: it reads on in the log, where the older one is by then.
    for (let id = 3; id < 9; id++) db.exec(`INSERT INTO t VALUES (${id})`);
    restore();
    expect((await reading.take(1)).map(brief)).toEqual(['gap history-changed']);
    db.exec('INSERT INTO t VALUES (10)');
    const changes = await reading.until(({ after }) => after?.['id'] === 10);
    expect(changes.filter(({ op }) => op !== 'gap').map(brief)).toEqual(['insert t (10)']);
  });
});

test('a log that somebody drops is made anew, and its readers are told', async () => {
  const { db, source } = live(logFile());
  db.exec('CREATE TABLE t (id INTEGER PRIMARY KEY)');
  const reading = new Reading(source.subscribe({ maxBuffered: 1 }));
  db.exec('INSERT INTO t VALUES (1)');
  await reading.take(1);
  db.exec('DROP TABLE _rowtap_log');
  for (let i = 2; i < 6; i++) db.exec(`INSERT INTO t VALUES (${i})`);
  const seen = await reading.until(({ op }) => op === 'gap');
  expect(brief(seen.at(-1) as never)).toBe('gap history-changed');
  db.exec('INSERT INTO t VALUES (7)');
  expect((await reading.take(1)).map(brief)).toEqual(['insert t (7)']);
});

test('positions that were written without a log are told that they may have missed something', async () => {
  const path = logFile();
  const db = new Database(path);
  db.pragma('journal_mode = WAL');
  db.exec('CREATE TABLE t (id INTEGER PRIMARY KEY)');
  const subscription = db.changes({ consumer: 'index', snapshot: 'never' });
  await subscription.ready;
  await subscription.close();
  db.close();
  const { source } = live(path);
  expect((await new Reading(source.subscribe({ consumer: 'index', snapshot: 'never' })).take(1)).map(brief)).toEqual(['gap restart']);
});
