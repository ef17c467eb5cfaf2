import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { anySignal, channelSignal, Database, fileSignal, installTriggers, openSource, type Signal, timerSignal } from 'rowtap';
import { describe, expect, onTestFinished, test, vi } from 'vitest';

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'rowtap-signals-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Started, and what it has said. */
function listen(signal: Signal): { wakes: number; errors: string[]; signal: Signal } {
  const heard = { wakes: 0, errors: [] as string[], signal };
  signal.start(
    () => void ++heard.wakes,
    ({ message }) => void heard.errors.push(message),
  );
  onTestFinished(() => signal[Symbol.asyncDispose]());
  return heard;
}

/** One that says what it is told to. */
class Puppet implements Signal {
  wake = (): void => {};
  fail = (_error: Error): void => {};
  isDisposed = false;

  start(wake: () => void, fail: (error: Error) => void): void {
    this.wake = wake;
    this.fail = fail;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.isDisposed = true;
    return Promise.resolve();
  }
}

describe('fileSignal', () => {
  test.each(['', '-wal', '-journal'])('wakes when the file%s is written, and for no other file', async (suffix) => {
    const folder = newFolder();
    const heard = listen(fileSignal(join(folder, 'a.db')));
    writeFileSync(join(folder, 'b.db'), 'other');
    writeFileSync(join(folder, `c.db${suffix}`), 'other');
    const before = heard.wakes;
    writeFileSync(join(folder, `a.db${suffix}`), 'new');
    await vi.waitFor(() => expect(heard.wakes).toBeGreaterThan(before));
    expect([before, heard.errors]).toEqual([0, []]);
  });

  test('fails where the folder is not there', async () => {
    const heard = listen(fileSignal(join(newFolder(), 'none', 'a.db')));
    await vi.waitFor(() => expect(heard.errors).toHaveLength(1));
  });

  test('says nothing behind its end', async () => {
    const folder = newFolder();
    const heard = listen(fileSignal(join(folder, 'a.db')));
    const other = listen(fileSignal(join(folder, 'a.db')));
    await heard.signal[Symbol.asyncDispose]();
    writeFileSync(join(folder, 'a.db'), 'new');
    await vi.waitFor(() => expect(other.wakes).toBeGreaterThan(0));
    expect(heard.wakes).toBe(0);
  });
});

test('timerSignal wakes again and again, until its end', async () => {
  const heard = listen(timerSignal(1));
  await vi.waitFor(() => expect(heard.wakes).toBeGreaterThan(2));
  await heard.signal[Symbol.asyncDispose]();
  const { wakes } = heard;
  const other = listen(timerSignal(1));
  await vi.waitFor(() => expect(other.wakes).toBeGreaterThan(2));
  expect(heard.wakes).toBe(wakes);
});

test('channelSignal wakes when it is told to, between its start and its end', async () => {
  const signal = channelSignal();
  signal.wake();
  const heard = listen(signal);
  signal.wake();
  signal.wake();
  await signal[Symbol.asyncDispose]();
  signal.wake();
  expect(heard.wakes).toBe(2);
});

test('anySignal wakes with each, loses those that fail, and fails with the last of them', async () => {
  const [a, b] = [new Puppet(), new Puppet()];
  const heard = listen(anySignal(a, b));
  a.wake();
  b.wake();
  expect(heard.wakes).toBe(2);
  a.fail(new Error('a is lost'));
  expect([a.isDisposed, b.isDisposed, heard.errors]).toEqual([true, false, []]);
  b.wake();
  expect(heard.wakes).toBe(3);
  b.fail(new Error('b is lost'));
  b.fail(new Error('again'));
  expect(heard.errors).toEqual(['b is lost']);
});

test('bad input', () => {
  for (const make of [() => timerSignal(0), () => timerSignal(2 ** 31), () => timerSignal(1.5), () => anySignal(), () => fileSignal('')]) {
    expect(make).toThrow(expect.objectContaining({ code: 'ROWTAP_BAD_OPTION' }) as Error);
  }
});

describe('a source of the trigger engine', () => {
  function newSource(wake: Signal) {
    const folder = newFolder();
    mkdirSync(join(folder, 'data'));
    const db = new Database(join(folder, 'data', 'test.db'));
    db.exec('CREATE TABLE t (id INTEGER PRIMARY KEY)');
    installTriggers(db);
    const source = openSource(db, { engine: 'trigger', wake });
    onTestFinished(async () => {
      await source.close();
      db.close();
    });
    return { db, source };
  }

  test('looks when it is woken: it drains what is there first, and waits then', async () => {
    const signal = channelSignal();
    const { db, source } = newSource(signal);
    const iterator = source.subscribe()[Symbol.asyncIterator]();
    const first = iterator.next();
    db.exec('INSERT INTO t VALUES (1)');
    signal.wake();
    expect((await first).value).toMatchObject({ op: 'insert', key: { id: 1 } });
    db.exec('INSERT INTO t VALUES (2); INSERT INTO t VALUES (3)');
    signal.wake();
    expect((await iterator.next()).value).toMatchObject({ key: { id: 2 } });
    expect((await iterator.next()).value).toMatchObject({ key: { id: 3 } });
  });

  test('shows that its signal has failed, and goes on by a timer', async () => {
    const signal = new Puppet();
    const { db, source } = newSource(signal);
    const iterator = source.subscribe()[Symbol.asyncIterator]();
    signal.fail(new Error('the watcher is gone'));
    expect(source.info()).toMatchObject({
      state: 'degraded',
      error: { code: 'ROWTAP_SIGNAL_FAILED', message: expect.stringContaining('the watcher is gone') },
    });
    expect(signal.isDisposed).toBe(true);
    db.exec('INSERT INTO t VALUES (1)');
    expect((await iterator.next()).value).toMatchObject({ op: 'insert', key: { id: 1 } });
  });

  test('disposes of its signal when it is closed', async () => {
    const signal = new Puppet();
    const { source } = newSource(signal);
    await source.close();
    expect(signal.isDisposed).toBe(true);
    signal.wake();
    expect(source.info().state).toBe('closed');
  });
});
