/** Another program keeps everybody from reading the log. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, onTestFinished, test, vi } from 'vitest';
import { live, logFile, Reading } from './lives.js';

/** A program that has the file locked. Gives what ends its transaction. */
async function lockedElsewhere(path: string): Promise<() => void> {
  const shell = spawn('sqlite3', [path], { stdio: ['pipe', 'pipe', 'inherit'] });
  onTestFinished(() => void shell.kill());
  shell.stdin.write('.timeout 5000\nBEGIN EXCLUSIVE;\nSELECT 1;\n');
  await once(shell.stdout, 'data');
  return () => void shell.stdin.end('COMMIT;\n');
}

test('a reader that is behind waits for the lock, the source says so, and everything comes when it is given back', async () => {
  const path = logFile();
  const { db, source } = live(path, { mode: 'delete' });
  db.exec('CREATE TABLE t (id INTEGER PRIMARY KEY)');
  const reading = new Reading(source.subscribe({ maxBuffered: 1 }));
  for (let i = 0; i < 50; i++) db.exec('INSERT INTO t DEFAULT VALUES');
  const unlock = await lockedElsewhere(path);
  const taken = reading.take(50);
  await vi.waitFor(
    () =>
      expect(source.info()).toMatchObject({
        state: 'degraded',
        error: { code: 'ROWTAP_BUSY', message: expect.stringContaining('locked') },
      }),
    { timeout: 20_000 },
  );
  unlock();
  expect((await taken).map(({ after }) => after?.['id'])).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
  expect(source.info()).toMatchObject({ state: 'running', gaps: 0 });
});

test('a subscription that can not find its place in a locked log is refused, and says what to do', async () => {
  const path = logFile();
  const { db, source } = live(path, { mode: 'delete' });
  const unlock = await lockedElsewhere(path);
  expect(() => source.subscribe()).toThrow(expect.objectContaining({ code: 'ROWTAP_BUSY', message: expect.stringContaining('locked') }));
  unlock();
  const subscription = await vi.waitFor(() => source.subscribe(), { timeout: 20_000 });
  db.exec('CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1)');
  const changes = await new Reading(subscription).take(2);
  expect(changes.map(({ op }) => op)).toEqual(['schema', 'insert']);
});
