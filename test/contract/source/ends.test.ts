/** How subscriptions end, and what a slow one sees: nothing is lost with a log, and nothing hangs. */
import { getSource, listSources, type Subscription } from 'rowtap';
import { describe, expect, test } from 'vitest';
import { brief, turns } from '../../support/captured.js';
import { engines, run } from './engines.js';

describe.each(engines)('$name engine', (engine) => {
  const before = 'CREATE TABLE t (id INTEGER PRIMARY KEY, a)';

  test('a laggard reads on in the log: nothing is lost, and the writer never waits', async () => {
    const file = run(engine, { before });
    const subscription = file.source.subscribe({ maxBuffered: 10_000 });
    for (let commit = 1; commit <= 50; ++commit) {
      file.exec(`INSERT INTO t VALUES (${commit}, zeroblob(5000))`);
      if (commit % 10 === 0) await turns();
    }
    const seen: unknown[] = [];
    for await (const change of subscription) {
      seen.push(change.after?.['id']);
      if (seen.length === 50) break;
      if (seen.length % 10 === 0) await turns();
    }
    expect(seen).toEqual(Array.from({ length: 50 }, (_, index) => index + 1));
    expect(file.source.info().gaps).toBe(0);
  });

  test('one reader lags, the other does not', async () => {
    const file = run(engine, { before });
    const slow = file.source.subscribe();
    const reading = file.read();
    file.exec('INSERT INTO t VALUES (1, 1)', 'UPDATE t SET a = 2');
    expect(await reading.changes()).toHaveLength(2);
    // A mark of the reading is a commit as well.
    expect(file.source.info().subscriptions.map(({ lag }) => lag)).toEqual([3, 0]);
    expect((await slow[Symbol.asyncIterator]().next()).value).toMatchObject({ after: { id: 1, a: 1 } });
  });

  test('close() of a subscription ends whoever waits; twice is fine, and the others go on', async () => {
    const file = run(engine, { before });
    const [closed, other] = [file.source.subscribe(), file.read()];
    const waiting = closed[Symbol.asyncIterator]().next();
    await Promise.all([closed.close(), closed.close()]);
    expect(await waiting).toEqual({ value: undefined, done: true });
    expect(() => closed.ack(1)).toThrow(expect.objectContaining({ code: 'ROWTAP_CLOSED' }));
    file.exec('INSERT INTO t VALUES (1, 1)');
    expect((await other.changes()).map(brief)).toEqual(['insert t (1, 1)']);
  });

  test('leaving the loop, and an aborted signal, close it', async () => {
    const file = run(engine, { before });
    const abort = new AbortController();
    const [left, aborted] = [file.source.subscribe(), file.source.subscribe({ signal: abort.signal })];
    file.exec('INSERT INTO t VALUES (1, 1)');
    for await (const _ of left) break;
    const ended = (async (): Promise<number> => {
      let count = 0;
      for await (const _ of aborted) if (++count === 1) abort.abort();
      return count;
    })();
    expect(await ended).toBe(1);
    expect(file.source.info().subscriptions).toEqual([]);
  });

  test('close() of the source ends everything, and its name is free', async () => {
    const file = run(engine, { before });
    const { source } = file;
    const reading = file.read();
    const consumed = source.consume(() => {}, { consumer: 'c', snapshot: 'never' });
    await Promise.all([source.close(), source.close()]);
    await consumed;
    expect(await reading.ended()).toBeUndefined();
    expect(source.info().state).toBe('closed');
    expect(() => source.subscribe()).toThrow(expect.objectContaining({ code: 'ROWTAP_CLOSED' }));
    expect([getSource(source.name), listSources()]).toEqual([undefined, []]);
    await file.restart();
    expect(getSource(source.name)).toBe(file.source);
  });

  test('a consumer is used by one subscription at a time', async () => {
    const file = run(engine, { before });
    const subscribe = (): Subscription => file.source.subscribe({ consumer: 'c', snapshot: 'never' });
    const first = subscribe();
    expect(subscribe).toThrow(expect.objectContaining({ code: 'ROWTAP_DUPLICATE_CONSUMER' }));
    await expect(file.source.dropConsumer('c')).rejects.toMatchObject({ code: 'ROWTAP_DUPLICATE_CONSUMER' });
    await first.close();
    await subscribe().close();
    await file.source.dropConsumer('c');
    expect(file.source.consumers()).toEqual([]);
  });

  test('a name that is taken, and one database by two names', () => {
    const file = run(engine, { before, name: 'one' });
    expect(() => engine.open(file.db, { name: 'one' })).toThrow(expect.objectContaining({ code: 'ROWTAP_DUPLICATE_SOURCE' }));
  });
});
