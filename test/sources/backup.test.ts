/** What a backup is to those who listen: to its source nothing, to its destination a commit of another program. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Database } from 'rowtap';
import { describe, expect, onTestFinished, test } from 'vitest';
import { live, logFile, Reading } from '../log/lives.js';
import { brief, capture } from '../support/captured.js';
import { openPlain } from '../support/plain-database.js';

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'rowtap-backup-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const rows = (count: number) => `CREATE TABLE t (id INTEGER PRIMARY KEY, b);
  INSERT INTO t (b) SELECT zeroblob(3000) FROM (WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < ${count}) SELECT i FROM n)`;

const modes = ['wal', 'delete'] as const;

test.each([...modes, 'memory'] as const)(
  'subscribers of the source see what is committed meanwhile, by whomever of ours, and no gap (%s)',
  async (where) => {
    const source = capture({ where, before: rows(300) });
    const { db } = source;
    const other = where === 'memory' ? db : new Database(source.path);
    onTestFinished(() => void other.close());
    const path = join(temporaryFolder(), 'copy.db');
    let turn = 0;
    await db.backup(path, {
      progress: () => {
        turn++;
        if (turn === 2) db.exec("INSERT INTO t VALUES (1001, 'own')");
        if (turn === 3) other.exec("INSERT INTO t VALUES (1002, 'other')");
        if (turn === 4) db.exec("BEGIN; INSERT INTO t VALUES (1003, 'late')");
        if (turn === 6) db.exec('COMMIT');
        return turn < 8 ? 20 : 1000;
      },
    });
    const expected = [["insert t (1001, 'own')"], ["insert t (1002, 'other')"], ["insert t (1003, 'late')"]];
    expect(await source.transactions()).toEqual(expected);
    const copy = new Database(path, { readonly: true });
    onTestFinished(() => void copy.close());
    expect(copy.prepare('SELECT b FROM t WHERE id > 1000 ORDER BY id').pluck().all()).toEqual(['own', 'other', 'late']);
  },
);

test('the positions of consumers of the source are written meanwhile', async () => {
  const source = capture({ where: 'delete', before: rows(300) });
  const { db } = source;
  const consumer = db.changes({ consumer: 'c', snapshot: 'never', ack: 'manual' });
  const reading = new Reading(consumer);
  db.exec("INSERT INTO t VALUES (1001, 'x')");
  consumer.ack((await reading.take(1))[0] as never);
  let isFlushed = false;
  const path = join(temporaryFolder(), 'copy.db');
  const backup = db.backup(path, { progress: () => (isFlushed ? 1000 : 1) });
  await consumer.flush();
  isFlushed = true;
  await backup;
  expect(new Database(path).prepare('SELECT count(*) FROM _rowtap_checkpoints').pluck().get()).toBe(1);
});

describe.each(modes)('a backup onto a file that is captured, in journal mode %s', (mode) => {
  test.each(modes)('of a source in mode %s: a gap without a next commit, one before it, and what comes then', async (sourceMode) => {
    const destination = capture({ where: mode, before: "CREATE TABLE t (id INTEGER PRIMARY KEY, b); INSERT INTO t VALUES (1, 'old')" });
    const original = new Database(join(temporaryFolder(), 'original.db'));
    onTestFinished(() => void original.close());
    original.pragma(`journal_mode = ${sourceMode}`);
    original.exec("CREATE TABLE t (id INTEGER PRIMARY KEY, b); INSERT INTO t VALUES (7, 'new')");
    const changes = new Reading(destination.db.changes());
    destination.db.exec("INSERT INTO t VALUES (2, 'old')");
    expect((await changes.take(1)).map(brief)).toEqual(["insert t (2, 'old')"]);

    await original.backup(destination.path);
    expect((await changes.take(1)).map(brief)).toEqual(['gap external-writer']);
    expect(destination.db.prepare('SELECT * FROM t').all()).toEqual([{ id: 7, b: 'new' }]);

    await original.backup(destination.path);
    destination.db.exec("INSERT INTO t VALUES (8, 'after')");
    expect((await changes.take(2)).map(brief)).toEqual(['gap external-writer', "insert t (8, 'after')"]);
    destination.db.exec("INSERT INTO t VALUES (9, 'after')");
    expect((await changes.take(1)).map(brief)).toEqual(["insert t (9, 'after')"]);
  });

  test.each(modes)('that keeps a log, of a source in mode %s without one: its readers are told as well', async (sourceMode) => {
    const { db, source } = live(logFile(), { mode });
    db.exec('CREATE TABLE t (id INTEGER PRIMARY KEY, b)');
    const original = new Database(join(temporaryFolder(), 'original.db'));
    onTestFinished(() => void original.close());
    original.pragma(`journal_mode = ${sourceMode}`);
    original.exec("CREATE TABLE t (id INTEGER PRIMARY KEY, b); INSERT INTO t VALUES (7, 'new')");
    const changes = new Reading(source.subscribe());
    db.exec("INSERT INTO t VALUES (2, 'old')");
    expect((await changes.take(1)).map(brief)).toEqual(["insert t (2, 'old')"]);
    await original.backup(db.name);
    expect((await changes.take(1))[0]).toMatchObject({ op: 'gap' });
    db.exec("INSERT INTO t VALUES (8, 'after')");
    const next = await changes.until(({ op }) => op === 'insert');
    expect(next.filter(({ op }) => op !== 'gap').map(brief)).toEqual(["insert t (8, 'after')"]);
  });

  test('that fails is nothing to its subscribers', async () => {
    const destination = capture({ where: mode, before: "CREATE TABLE t (id INTEGER PRIMARY KEY, b); INSERT INTO t VALUES (1, 'old')" });
    const original = new Database(':memory:');
    onTestFinished(() => void original.close());
    original.exec(rows(300));
    let turn = 0;
    const progress = (): number => {
      if (++turn === 3) throw new Error('enough');
      return 50;
    };
    await expect(original.backup(destination.path, { progress })).rejects.toThrow('enough');
    destination.db.exec("INSERT INTO t VALUES (2, 'still')");
    expect(await destination.transactions()).toEqual([["insert t (2, 'still')"]]);
  });
});

test('a durable consumer goes on in a backup where it stood when that was made, and the original goes another way', async () => {
  const { db, source, close } = live(logFile());
  db.exec('CREATE TABLE t (id INTEGER PRIMARY KEY)');
  const subscription = source.subscribe({ consumer: 'index', snapshot: 'never', ack: 'manual' });
  const reading = new Reading(subscription);
  db.exec('INSERT INTO t VALUES (1); INSERT INTO t VALUES (2)');
  const [first] = await reading.take(2);
  subscription.ack(first as never);
  await subscription.flush();
  const path = join(temporaryFolder(), 'copy.db');
  await db.backup(path);
  db.exec('INSERT INTO t VALUES (3)');
  subscription.ack((await reading.take(1))[0] as never);
  await subscription.flush();
  await close();

  const copy = live(path);
  const again = new Reading(copy.source.subscribe({ consumer: 'index', snapshot: 'never' }));
  copy.db.exec('INSERT INTO t VALUES (4)');
  expect((await again.take(2)).map(brief)).toEqual(['insert t (2)', 'insert t (4)']);
});

test('a durable consumer whose position is from after the backup is told that the history is another', async () => {
  const { db, source, close } = live(logFile());
  db.exec('CREATE TABLE t (id INTEGER PRIMARY KEY)');
  const subscription = source.subscribe({ consumer: 'index', snapshot: 'never', ack: 'manual' });
  const reading = new Reading(subscription);
  const acknowledge = async (): Promise<void> => {
    subscription.ack((await reading.take(1))[0] as never);
    await subscription.flush();
  };
  db.exec('INSERT INTO t VALUES (1)');
  await acknowledge();
  const path = join(temporaryFolder(), 'copy.db');
  await db.backup(path);
  db.exec('INSERT INTO t VALUES (2)');
  await acknowledge();
  const lsn = db.prepare('SELECT lsn FROM _rowtap_checkpoints').pluck().get();
  await close();
  // The positions were saved later than the rows.
  const plain = openPlain(path);
  plain.exec(`UPDATE _rowtap_checkpoints SET lsn = ${String(lsn)}`);
  plain.close();

  const restored = live(path);
  const again = new Reading(restored.source.subscribe({ consumer: 'index', snapshot: 'never' }));
  restored.db.exec('INSERT INTO t VALUES (3)');
  expect((await again.take(2)).map(brief)).toEqual(['gap history-changed', 'insert t (3)']);
});
