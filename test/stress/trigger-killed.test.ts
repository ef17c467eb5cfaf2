/** Other programs write the file while a consumer follows, is killed, and starts again: its replica is the same in the end. */
import { type ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { Database, installTriggers, Replica } from 'rowtap';
import { expect, onTestFinished, test, vi } from 'vitest';

const isFull = process.env.ROWTAP_SOAK !== undefined;
const seed = Number(process.env.ROWTAP_KILL_SEED ?? Date.now() % 1_000_000);
const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const rowtap = new URL('../../dist/index.js', import.meta.url).href;

/** Rows of every kind of table, and what the shell does to them again and again. */
const schema = `
  CREATE TABLE kept (id INTEGER PRIMARY KEY, a, b UNIQUE, s TEXT AS (a || 'x') STORED, v AS (id * 2));
  CREATE TABLE pair (k TEXT, n INT, v, PRIMARY KEY (n DESC, k)) WITHOUT ROWID;
  CREATE TABLE bare (x, y);
  CREATE TABLE marker (id INTEGER PRIMARY KEY)`;

/** Starts them anew for as long as they are wanted. */
class Writer {
  #isStopped = false;
  #round = 0;
  #running: ChildProcess | undefined;
  readonly done: Promise<void>;
  readonly #start: (round: number) => ChildProcess;

  constructor(start: (round: number) => ChildProcess) {
    this.#start = start;
    this.done = this.#run();
  }

  stop(): Promise<void> {
    this.#isStopped = true;
    return this.done;
  }

  kill(): void {
    this.#isStopped = true;
    this.#running?.kill('SIGKILL');
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      this.#running = this.#start(++this.#round);
      const [code] = (await once(this.#running, 'exit')) as [number | null];
      if (!this.#isStopped) expect(code).toBe(0);
    }
  }
}

function startShell(path: string): (round: number) => ChildProcess {
  return (round) => {
    const shell = spawn('sqlite3', ['-bail', path], { stdio: ['pipe', 'ignore', 'inherit'] });
    const base = (round % 50) * 7;
    const statements = Array.from({ length: 40 }, (_, i) => {
      const id = 100 + ((base + i) % 60);
      return `BEGIN IMMEDIATE; REPLACE INTO kept (id, a, b) VALUES (${id}, ${round}, ${id * 1000}); UPDATE kept SET id = id + 1000 WHERE id = ${id}
        AND NOT EXISTS (SELECT 1 FROM kept WHERE id = ${id + 1000}); DELETE FROM kept WHERE id > 1000 AND id % 3 = ${i % 3};
        INSERT INTO bare SELECT id, ${i} FROM kept LIMIT 3; ${i % 7 === 0 ? 'ROLLBACK' : 'COMMIT'};
        DELETE FROM bare WHERE y = ${i} AND rowid % 2 = 0;`;
    });
    shell.stdin.end(`.timeout 60000\nPRAGMA recursive_triggers = ON;\nPRAGMA synchronous = OFF;\n${statements.join('\n')}\n`);
    return shell;
  };
}

function startFollower(path: string, replicaPath: string): ChildProcessByStdio<null, Readable, null> {
  return spawn(process.execPath, [here('trigger-follower.mjs'), rowtap, path, replicaPath], { stdio: ['ignore', 'pipe', 'inherit'] });
}

// With a rollback journal those who write keep each other, and who follows, waiting.
test.each([
  ['wal', isFull ? 500 : 50],
  ['delete', isFull ? 200 : 12],
] as const)(
  `journal mode %s: a replica is equal after %d kills while the shell and a Python script write (seed ${seed})`,
  async (mode, kills) => {
    const folder = mkdtempSync(join(tmpdir(), 'rowtap-trigger-killed-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const [path, replicaPath] = [join(folder, 'written.db'), join(folder, 'replica.db')];
    const db = new Database(path);
    db.pragma('journal_mode = WAL');
    db.exec(schema);
    installTriggers(db);
    // A snapshot needs WAL mode; what follows it does not.
    const first = startFollower(path, replicaPath);
    const taken = (): unknown => db.prepare('SELECT snapshot_lsn FROM _rowtap_checkpoints').pluck().get();
    await vi.waitFor(() => expect(taken()).toBeTypeOf('number'), { timeout: 60_000 });
    first.kill('SIGKILL');
    for await (const _line of createInterface({ input: first.stdout }));
    db.pragma(`journal_mode = ${mode}`);
    db.close();

    const shell = new Writer(startShell(path));
    const python = new Writer((round) =>
      spawn('python3', [here('trigger-writer.py'), path, String(seed + round), '60'], { stdio: 'inherit' }),
    );
    onTestFinished(() => {
      shell.kill();
      python.kill();
    });

    let transactions = 0;
    for (let kill = 0; kill < kills; kill++) {
      const follower = startFollower(path, replicaPath);
      let left = 1 + ((seed + kill * 7) % 6);
      for await (const _line of createInterface({ input: follower.stdout })) {
        ++transactions;
        if (--left === 0) follower.kill('SIGKILL');
      }
      // Whatever ended it has closed its output.
      expect(left, 'it went on until it was killed').toBeLessThanOrEqual(0);
    }
    await Promise.all([shell.stop(), python.stop()]);

    const last = new Database(path);
    onTestFinished(() => void last.close());
    last.exec('INSERT INTO marker VALUES (1)');
    const follower = startFollower(path, replicaPath);
    onTestFinished(() => void follower.kill('SIGKILL'));
    const target = new Database(replicaPath);
    onTestFinished(() => void target.close());
    const hasMarker = (): boolean => target.prepare('SELECT 1 FROM marker').get() !== undefined;
    for await (const _line of createInterface({ input: follower.stdout })) if (hasMarker()) break;
    follower.kill('SIGKILL');
    expect(hasMarker(), 'it went on until it had everything').toBe(true);
    const verification = new Replica(target).verify(last);
    expect(verification.tables.filter(({ missing, extra, different }) => missing + extra + different > 0)).toEqual([]);
    expect(verification.equal).toBe(true);
    expect(verification.tables.reduce((sum, { rows }) => sum + rows, 0)).toBeGreaterThan(20);
    process.stdout.write(`trigger-killed ${mode}: ${kills} kills, ${transactions} transactions\n`);
  },
  900_000,
);
