/** A source on a database that is open read-only, beside another process that writes, and has a source of its own. */
import { type Change, channelSignal, Database, installTriggers, openSource, uninstallTriggers } from 'rowtap';
import { expect, onTestFinished, test, vi } from 'vitest';
import { logFile, otherProcess } from '../log/lives.js';

test('each snapshot that is taken meanwhile, with the changes behind it, gives the rows that there are in the end', async () => {
  const path = logFile();
  const writer = new Database(path);
  writer.exec(`PRAGMA journal_mode = WAL; CREATE TABLE t (id INTEGER PRIMARY KEY, a);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200) INSERT INTO t SELECT i, 0 FROM n`);
  installTriggers(writer);
  writer.close();
  const db = new Database(path, { readonly: true });
  const source = openSource(db, { engine: 'trigger' });
  onTestFinished(async () => {
    await source.close();
    db.close();
  });
  const writing = otherProcess(
    path,
    `const db = new rowtap.Database(path);
     const signal = rowtap.channelSignal();
     const source = rowtap.openSource(db, { engine: 'trigger', wake: signal });
     for (let n = 1; n <= 1500; ++n) {
       db.exec('BEGIN; UPDATE t SET a = ' + n + ' WHERE id = ' + (1 + n * 7 % 200) + '; INSERT INTO t (a) VALUES (' + n + '); COMMIT');
       if (n % 3 === 0) signal.wake();
     }
     await source.close();
     db.close()`,
  );
  const ended = { isSo: false };
  void writing.then(() => (ended.isSo = true));
  const followed: Followed[] = [];
  while (!ended.isSo) {
    if (followed.length < 100) followed.push(new Followed(source.subscribe({ snapshot: 'always' })));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await writing;
  const rows = db.prepare('SELECT id, a FROM t ORDER BY id').raw().all();
  await vi.waitFor(
    () => {
      for (const { wrong, sorted } of followed) expect([wrong, sorted()]).toEqual([[], rows]);
    },
    { timeout: 20_000 },
  );
});

test('a log that is made anew is a gap, and its changes come', async () => {
  const path = logFile();
  const writer = new Database(path);
  writer.exec('PRAGMA journal_mode = WAL; CREATE TABLE t (id INTEGER PRIMARY KEY, a)');
  installTriggers(writer);
  const db = new Database(path, { readonly: true });
  const signal = channelSignal();
  const source = openSource(db, { engine: 'trigger', wake: signal });
  onTestFinished(async () => {
    await source.close();
    db.close();
    writer.close();
  });
  const changes = source.subscribe()[Symbol.asyncIterator]();
  const commit = (sql: string): void => {
    writer.exec(sql);
    signal.wake();
  };
  commit('INSERT INTO t VALUES (1, 1)');
  const first = (await changes.next()).value as Change;
  expect(first).toMatchObject({ op: 'insert', after: { id: 1 } });
  uninstallTriggers(writer);
  installTriggers(writer);
  signal.wake();
  commit('INSERT INTO t VALUES (2, 2)');
  const gap = (await changes.next()).value as Change;
  expect(gap).toMatchObject({ op: 'gap', reason: 'history-changed' });
  expect(gap.lsn).toBeGreaterThan(first.lsn);
  expect((await changes.next()).value).toMatchObject({ op: 'insert', after: { id: 2 } });
});

/** What a subscription says that the rows of the table are. */
class Followed {
  /** Gaps, and changes of rows that are not there as they should be. */
  readonly wrong: Change[] = [];
  readonly #rows = new Map<unknown, unknown>();

  constructor(changes: AsyncIterable<Change>) {
    void this.#follow(changes);
  }

  readonly sorted = (): unknown[] => [...this.#rows].sort(([a], [b]) => Number(a) - Number(b));

  async #follow(changes: AsyncIterable<Change>): Promise<void> {
    for await (const change of changes) {
      if (change.op === 'bootstrap') continue;
      const isExpected = 'key' in change && this.#rows.get(change.key?.['id']) === change.before?.['a'];
      if (!isExpected) this.wrong.push(change);
      if ('key' in change) this.#rows.set(change.key?.['id'], change.after?.['a']);
    }
  }
}
