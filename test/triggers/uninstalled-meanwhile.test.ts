/** Triggers that are removed while somebody follows them. */
import { channelSignal, Database, installTriggers, openSource, type Source, type SubscribeOptions, uninstallTriggers } from 'rowtap';
import { expect, onTestFinished, test } from 'vitest';
import { logFile } from '../log/lives.js';

function open(): { db: Database; source: Source; look(): void; next(options?: SubscribeOptions): () => Promise<unknown> } {
  const db = new Database(logFile());
  db.exec('PRAGMA journal_mode = WAL; CREATE TABLE t (a)');
  installTriggers(db);
  const wake = channelSignal();
  const source = openSource(db, { engine: 'trigger', wake });
  onTestFinished(async () => {
    await source.close();
    db.close();
  });
  const next = (options?: SubscribeOptions): (() => Promise<unknown>) => {
    const iterator = source.subscribe(options)[Symbol.asyncIterator]();
    return async () => (await iterator.next()).value;
  };
  return { db, source, look: () => wake.wake(), next };
}

const notInstalled = expect.objectContaining({ code: 'ROWTAP_NOT_INSTALLED' }) as Error;

test.each(['waits', 'has not read all'] as const)('who %s is told', async (how) => {
  const { db, source, look, next } = open();
  const one = next({ consumer: 'c', snapshot: 'never' });
  const waiting = how === 'waits' ? one() : undefined;
  if (waiting === undefined) {
    db.exec('INSERT INTO t VALUES (1)');
    look();
  }
  uninstallTriggers(db);
  if (waiting !== undefined) look();
  await expect(waiting ?? one()).rejects.toEqual(notInstalled);
  expect(source.info()).toMatchObject({ state: 'degraded', error: { code: 'ROWTAP_NOT_INSTALLED' } });
  expect(() => source.subscribe()).toThrow(notInstalled);
  expect(() => source.subscribe({ tables: ['t'] })).toThrow(notInstalled);
});

test('and installed again before anybody looked: a gap says so, and the numbers grow', async () => {
  const { db, look, next } = open();
  const one = next();
  db.exec('INSERT INTO t VALUES (1)');
  look();
  const first = (await one()) as { lsn: number };
  db.exec('INSERT INTO t VALUES (2)');
  uninstallTriggers(db);
  installTriggers(db);
  db.exec('INSERT INTO t VALUES (3)');
  look();
  const gap = (await one()) as { lsn: number };
  expect(gap).toMatchObject({ op: 'gap', reason: 'history-changed' });
  expect(gap.lsn).toBeGreaterThan(first.lsn);
  expect(await one()).toMatchObject({ op: 'insert', after: { a: 3 } });
});
