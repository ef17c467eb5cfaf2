import { appendFileSync, mkdtempSync, rmSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { ForeignLook } from '../../lib/binding/native.js';
import { ForeignCommits } from '../../lib/sources/foreign-commits.js';

/** Looks at a file that is only touched; `looks` counts the connections. */
function watched() {
  const folder = mkdtempSync(join(tmpdir(), 'rowtap-looks-'));
  const path = join(folder, 'some.db');
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'Date'] });
  onTestFinished(() => {
    vi.useRealTimers();
    rmSync(folder, { recursive: true });
  });
  const seen = { looks: 0, open: 0, isPutOff: false, failure: undefined as Error | undefined, gone: [] as string[] };
  const write = (): void => {
    appendFileSync(path, 'x');
    utimesSync(path, new Date(), new Date());
  };
  write();
  const hub = {
    checkForeignCommits: () => {
      if (seen.failure !== undefined) throw seen.failure;
      return seen.isPutOff ? ForeignLook.putOff : ForeignLook.done;
    },
  };
  const connect = () => {
    ++seen.looks;
    ++seen.open;
    return { native: {} as never, close: () => void --seen.open };
  };
  const commits = new ForeignCommits({ path, hub, connect, tell: () => true, onGone: ({ code }) => void seen.gone.push(code) });
  return { path, seen, write, commits, wait: (ms: number) => vi.advanceTimersByTime(ms) };
}

test('one look for each time that the file was written to, and one more while its time may not have settled', () => {
  const { seen, write, commits, wait } = watched();
  commits.start();
  wait(2000);
  expect(seen.looks).toBe(2);
  write();
  wait(2000);
  expect(seen).toEqual({ looks: 3, open: 0, isPutOff: false, failure: undefined, gone: [] });
  commits.stop();
});

test('none when nobody subscribes any more, and none after the writers were closed, even if somebody still reads', () => {
  const { seen, write, commits, wait } = watched();
  commits.start();
  commits.start();
  commits.stop();
  wait(2000);
  commits.end();
  const { looks } = seen;
  write();
  wait(2000);
  expect(seen.looks).toBe(looks);
  commits.stop();
});

test('a look that fails is repeated and reported, except for a lock', () => {
  const { seen, commits, wait } = watched();
  commits.start();
  wait(2000);
  seen.failure = Object.assign(new Error('disk I/O error'), { code: 'SQLITE_IOERR_READ' });
  commits.start();
  expect(commits.error()).toEqual({ code: 'SQLITE_IOERR_READ', message: 'disk I/O error' });
  seen.failure = Object.assign(new Error('database is locked'), { code: 'SQLITE_BUSY' });
  wait(400);
  seen.failure = undefined;
  wait(400);
  expect(commits.error()).toBeUndefined();
  expect(seen.open).toBe(0);
});

test('a look that was put off is made as soon as it can be', () => {
  const { seen, commits, wait } = watched();
  commits.start();
  wait(2000);
  const { looks } = seen;
  seen.isPutOff = true;
  commits.start();
  wait(500);
  expect(seen.looks).toBe(looks + 3);
  seen.isPutOff = false;
  wait(2000);
  expect(seen.looks).toBe(looks + 4);
});

test('a file that is gone is told once, and ends the looks; nobody can begin after that', () => {
  const { path, seen, commits, wait } = watched();
  commits.start();
  rmSync(path);
  wait(5000);
  expect(seen.gone).toEqual(['ROWTAP_FILE_GONE']);
  expect(commits.error()).toBeUndefined();
  expect(() => commits.start()).toThrow(expect.objectContaining({ code: 'ROWTAP_FILE_GONE' }));
});
