import { Database, openSource, RowtapError, type Source } from 'rowtap';
import { expect, onTestFinished, test } from 'vitest';
import { brief, turns } from '../support/captured.js';
import { LoggedFile } from '../support/logged-file.js';

const before = 'CREATE TABLE t (id INTEGER PRIMARY KEY, a)';

interface LoggedEntry {
  id: bigint;
  lsn: bigint;
  entry: Buffer;
}

/** Three transactions, the second one of several parts. */
async function makeLog(): Promise<{ db: Database; entries: LoggedEntry[] }> {
  const file = await LoggedFile.make({ before });
  const db = file.open();
  const entriesSql = 'SELECT id, id >> 11 AS lsn, entry FROM _rowtap_log WHERE id > ? ORDER BY id';
  const last = db.prepare('SELECT max(id) FROM _rowtap_log').pluck().safeIntegers().get();
  db.exec("INSERT INTO t VALUES (1, 'first')");
  db.exec("INSERT INTO t SELECT value + 10, randomblob(90000) FROM json_each('[1,2,3,4,5,6,7,8,9]')");
  db.exec("INSERT INTO t VALUES (3, 'third')");
  return { db, entries: db.prepare(entriesSql).safeIntegers().all(last) as LoggedEntry[] };
}

/** In a life of its own: what a consumer of that name gets, and what ends it. */
async function read(
  path: string,
  options: { consumer?: string; snapshot: 'never' | 'always' },
): Promise<{ texts: string[]; error: unknown }> {
  const db = new Database(path);
  onTestFinished(() => void db.close());
  db.prepare('SELECT * FROM t').all();
  const source: Source = openSource(db, { name: `reading ${options.consumer}`, durability: 'log' });
  const texts: string[] = [];
  const errors: unknown[] = [];
  const subscription = source.subscribe({ ...options, ack: 'manual' });
  const reading = (async () => {
    try {
      for await (const change of subscription) texts.push(brief(change).slice(0, 40));
    } catch (reason) {
      errors.push(reason);
    }
  })();
  await turns();
  db.exec("INSERT INTO t VALUES (99, 'later')");
  for (let turn = 0; turn < 1000 && errors.length === 0 && texts.at(-1) !== "insert t (99, 'later')"; turn++) await turns();
  await subscription.close();
  await reading;
  await source.close();
  db.close();
  return { texts, error: errors[0] };
}

/** Neither of what made the file, nor of what has asked how it ends. */
const isOfTest = (text: string): boolean => !/ end_of_archive|^create t$/.test(text);

test('a flipped byte: what stands before it is delivered, then ROWTAP_CORRUPT_LOG with its lsn', async () => {
  const { db, entries } = await makeLog();
  const third = entries.at(-1) as LoggedEntry;
  for (const at of [0, 9, 20, third.entry.length - 1]) {
    const damaged = Buffer.from(third.entry);
    damaged[at] = (damaged[at] as number) ^ 0x10;
    db.prepare('UPDATE _rowtap_log SET entry = ? WHERE id = ?').run(damaged, third.id);
    const { texts, error } = await read(db.name, { consumer: 'archive', snapshot: 'never' });
    expect(
      texts.filter(isOfTest).map((text) => text.slice(0, 12)),
      `byte ${at}`,
    ).toEqual(['insert t (1,', ...Array.from({ length: 9 }, (_, n) => `insert t (${11 + n}`)]);
    expect(error).toBeInstanceOf(RowtapError);
    expect(error).toMatchObject({ code: 'ROWTAP_CORRUPT_LOG', retryable: false });
    expect(String(error)).toContain(String(third.lsn));
    db.exec('DELETE FROM t WHERE id = 99');
  }
});

test('with snapshot "always" a consumer goes on behind it', async () => {
  const { db, entries } = await makeLog();
  db.prepare("UPDATE _rowtap_log SET entry = x'00' WHERE id = ?").run((entries[0] as LoggedEntry).id);
  const { texts, error } = await read(db.name, { consumer: 'archive', snapshot: 'always' });
  expect(error).toBeUndefined();
  expect(texts.filter((text) => text.startsWith('snapshot t'))).toHaveLength(11);
  expect(texts.at(-1)).toBe("insert t (99, 'later')");
});

test('a table that was described by nothing that is there', async () => {
  const { db, entries } = await makeLog();
  db.exec("UPDATE _rowtap_schema SET description = description || 'x'");
  const { error } = await read(db.name, { consumer: 'archive', snapshot: 'never' });
  expect(error).toMatchObject({ code: 'ROWTAP_CORRUPT_LOG' });
  expect(entries.length).toBeGreaterThan(3);
});

test('a transaction of which a part is gone is a gap in its place, and never delivered in part', async () => {
  const { db, entries } = await makeLog();
  const parts = entries.filter(({ lsn }) => lsn === entries[1]?.lsn);
  for (const { id } of [parts.at(-1) as LoggedEntry, parts[0] as LoggedEntry]) {
    db.prepare('DELETE FROM _rowtap_log WHERE id = ?').run(id);
    const { texts, error } = await read(db.name, { consumer: 'archive', snapshot: 'never' });
    expect(error).toBeUndefined();
    expect(texts.filter(isOfTest).filter((text) => !/99/.test(text))).toEqual([
      "insert t (1, 'first')",
      'gap log-pruned',
      "insert t (3, 'third')",
    ]);
    db.exec('DELETE FROM t WHERE id = 99');
  }
});

test('a log that is emptied is a gap, and goes on', async () => {
  const { db } = await makeLog();
  db.exec('DELETE FROM _rowtap_log WHERE 1');
  const { texts, error } = await read(db.name, { consumer: 'archive', snapshot: 'never' });
  expect(error).toBeUndefined();
  expect(texts[0]).toMatch(/^gap (log-pruned|history-changed)$/);
  expect(texts.at(-1)).toBe("insert t (99, 'later')");
});
