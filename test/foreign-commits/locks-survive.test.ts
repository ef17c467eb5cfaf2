import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Database, openSource } from 'rowtap';
import { expect, onTestFinished, test } from 'vitest';
import { turns } from '../support/captured.js';

const rowtap = new URL('../../dist/index.js', import.meta.url).href;

/** Another program, which tries to take the write lock whenever it is asked, and says what came of it. */
class OtherProgram {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;

  constructor(path: string) {
    const source = `
      const [, rowtap, path] = process.argv;
      const { Database } = await import(rowtap);
      const db = new Database(path, { timeout: 0 });
      for await (const _ of process.stdin) {
        try {
          db.exec('BEGIN IMMEDIATE; ROLLBACK');
          console.log('taken');
        } catch ({ code }) {
          console.log(code);
        }
      }`;
    this.#child = spawn(process.execPath, ['--input-type=module', '-e', source, rowtap, path]);
    this.#child.stderr.pipe(process.stderr);
    this.#lines = createInterface(this.#child.stdout)[Symbol.asyncIterator]();
  }

  async tries(): Promise<string> {
    this.#child.stdin.write('try\n');
    return (await this.#lines.next()).value as string;
  }

  async end(): Promise<void> {
    this.#child.stdin.end();
    if (this.#child.exitCode === null) await once(this.#child, 'exit');
  }
}

for (const mode of ['wal', 'delete'] as const) {
  // Closing any descriptor of a file drops every lock that this process holds on it
  // (https://www.sqlite.org/howtocorrupt.html#_posix_advisory_locks_canceled_by_a_separate_thread_doing_close_).
  test(`the application's write lock survives all that rowtap opens and closes (${mode})`, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'rowtap-test-'));
    const path = join(folder, 'test.db');
    const db = new Database(path);
    const second = new Database(path, { timeout: 0 });
    db.pragma(`journal_mode = ${mode}`);
    db.exec('CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1), (2), (3)');
    second.prepare('SELECT * FROM t').all();
    const other = new OtherProgram(path);
    onTestFinished(async () => {
      await other.end();
      db.close();
      second.close();
      rmSync(folder, { recursive: true });
    });
    expect(await other.tries(), 'while nobody holds it').toBe('taken');

    // Begun before the lock is taken, to be ended while it is held.
    const consumer = db.changes({ consumer: 'c', snapshot: 'never' });
    const reading = consumer[Symbol.asyncIterator]();
    db.exec('INSERT INTO t VALUES (4)');
    await reading.next();
    const begun = mode === 'wal' ? [1, 2].map(() => db.changes({ snapshot: 'always' })) : [];
    for (const snapshot of begun) await snapshot[Symbol.asyncIterator]().next();

    db.exec('BEGIN IMMEDIATE; INSERT INTO t VALUES (5)');
    const done: string[] = [];
    const after = async (what: string, act: () => unknown): Promise<void> => {
      try {
        await act();
      } catch (error) {
        // Many things cannot be done while somebody writes; what matters is what trying them leaves behind.
        const { code } = error as { code: string };
        expect(code, what).toMatch(/^(?:SQLITE_(?:BUSY|LOCKED|ERROR)|ROWTAP_(?:BUSY|NOT_WAL))/);
      }
      await turns();
      expect(await other.tries(), `after ${what}`).toBe('SQLITE_BUSY');
      done.push(what);
    };
    await after('nothing', () => {});
    await after('a source opened and closed', () => openSource(second, { name: 'second' }).close());
    await after('the tables listed', () => openSource(second, { name: 'third', tables: ['t'] }).info());
    await after('a subscription, and the look for commits of others with it', async () => {
      const subscription = second.changes();
      await turns();
      await subscription.close();
    });
    await after('a snapshot read to its end', async () => {
      let rows = 0;
      for await (const change of db.changes({ snapshot: 'only' })) if (change.op === 'snapshot') rows += 1;
      expect(rows).toBe(4);
    });
    await after('a snapshot cancelled', async () => {
      for await (const change of db.changes({ snapshot: 'always' })) if (change.op === 'snapshot') break;
    });
    await after('an older snapshot closed', () => begun[0]?.close());
    await after('another one aborted by its end', () => begun[1]?.close());
    await after('a new consumer', () => second.changes({ consumer: 'new', snapshot: 'never' }).close());
    await after('positions due', () => {
      consumer.ack(db.prepare('SELECT 1').pluck().get() === 1 ? openSource(second, { name: 'fourth' }).info().lsn : 0);
      consumer.flush().catch(() => {});
    });
    await after('a WAL checkpoint', () => second.pragma('wal_checkpoint(TRUNCATE)'));
    await after('a connection closed', () => new Database(path, { timeout: 0 }).close());
    await after('a consumer closed', () => consumer.close());
    expect(done).toHaveLength(13);

    db.exec('COMMIT');
    expect(await other.tries(), 'when it is given back').toBe('taken');
    expect(db.pragma('integrity_check', { simple: true })).toBe('ok');
  });
}
