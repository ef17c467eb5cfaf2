/** A consumer goes on where it stopped, whoever has written meanwhile, until what it needs has been pruned; then it is told. */
import { Database } from 'rowtap';
import { describe, expect, test, vi } from 'vitest';
import { brief } from '../../support/captured.js';
import { otherProcess } from '../../log/lives.js';
import { engines, type Run, run } from './engines.js';

describe.each(engines)('$name engine', (engine) => {
  describe.each(['wal', 'delete'] as const)('in journal mode %s', (journalMode) => {
    const before = 'CREATE TABLE t (id INTEGER PRIMARY KEY, a)';

    test('what is committed before, between and after two lives comes once, with numbers that grow', async () => {
      const file = run(engine, { before, journalMode });
      const first = file.read({ consumer: 'c' });
      file.exec("INSERT INTO t VALUES (1, 'first')");
      const seen = await first.changes();
      file.exec("INSERT INTO t VALUES (2, 'unread')");
      await first.subscription.flush();
      await file.restart({
        between: (path) => {
          const db = new Database(path);
          db.exec("INSERT INTO t VALUES (3, 'unwatched'); UPDATE t SET a = 'changed' WHERE id = 1");
          db.close();
        },
      });
      await otherProcess(file.path, "new rowtap.Database(path).exec('DELETE FROM t WHERE id = 2').close()");
      file.look();
      const rest = await file.read({ consumer: 'c' }).changes();
      const fresh = rest.filter(({ lsn }) => lsn > (seen.at(-1)?.lsn ?? 0));
      expect(fresh.map(brief)).toEqual([
        "insert t (2, 'unread')",
        "insert t (3, 'unwatched')",
        "update t (1, 'first') > (1, 'changed')",
        "delete t (2, 'unread')",
      ]);
      expect(rest.some(({ op }) => op === 'gap')).toBe(false);
    });
  });

  test('several consumers, each at its own place', async () => {
    const file = run(engine, { before: 'CREATE TABLE t (id)' });
    for (const consumer of ['a', 'b']) await file.source.subscribe({ consumer, snapshot: 'never' }).close();
    file.exec('INSERT INTO t VALUES (1)');
    const reading = file.read({ consumer: 'a' });
    expect(await reading.transactions()).toEqual([['insert t (1)']]);
    await reading.changes();
    await reading.subscription.close();
    await file.restart();
    file.exec('INSERT INTO t VALUES (2)');
    expect((await file.read({ consumer: 'a' }).changes()).map(brief)).toEqual(['insert t (2)']);
    expect((await file.read({ consumer: 'b' }).changes()).map(brief)).toEqual(['insert t (1)', 'insert t (2)']);
    expect(file.source.consumers().map(({ consumer }) => consumer)).toEqual(['a', 'b']);
  });

  test('what was pruned while a consumer was away is announced, and whoever wants a snapshot then gets one', async () => {
    const file = run(engine, { before: 'CREATE TABLE t (id INTEGER PRIMARY KEY)', retention: { maxBytes: 1 } });
    for (const [consumer, snapshot] of [
      ['plain', 'never'],
      ['again', 'when-needed'],
    ] as const) {
      const reading = file.read({ consumer, snapshot });
      await reading.changes();
      await reading.changes();
      await reading.subscription.close();
    }
    const old = file.source.info().lsn;
    file.exec('INSERT INTO t VALUES (1)', 'INSERT INTO t VALUES (2)', 'DELETE FROM t WHERE id = 1');
    await pruned(file);
    file.exec('INSERT INTO t VALUES (3)');
    const plain = await file.read({ consumer: 'plain', snapshot: 'never' }).changes();
    expect(plain[0]).toMatchObject({ op: 'gap', reason: 'log-pruned' });
    expect(plain.map(brief).at(-1)).toBe('insert t (3)');
    const again = file.read({ consumer: 'again', snapshot: 'when-needed' });
    file.exec('INSERT INTO t VALUES (4)');
    const changes = await again.changes();
    expect(changes[0]).toMatchObject({ op: 'gap', reason: 'log-pruned' });
    const rows = changes.slice(changes.findLastIndex(({ op }) => op === 'bootstrap') + 1);
    expect(rows.map(({ after }) => after?.['id'])).toEqual([2, 3, 4]);
    expect(changes.every(({ lsn }) => lsn > old)).toBe(true);
  });
});

/** Nothing is left of what stands in the log now. */
async function pruned(file: Run): Promise<void> {
  const log = file.engine.name === 'trigger' ? '_rowtap_changes' : '_rowtap_log';
  const newest = file.db.prepare(`SELECT max(id) FROM ${log}`).pluck().get();
  await vi.waitFor(
    () => {
      file.exec('INSERT INTO test_marker (step) VALUES (0)');
      expect(file.db.prepare(`SELECT count(*) FROM ${log} WHERE id <= ?`).pluck().get(newest)).toBe(0);
    },
    { timeout: 30_000 },
  );
}
