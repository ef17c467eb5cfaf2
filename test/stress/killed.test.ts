import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Database } from 'rowtap';
import { expect, test } from 'vitest';
import { readState } from './database-state.js';
import { type NamedPoint, namedPoints, shuffled } from './kill-points.js';
import type { Report, Task } from './killed-child.js';
import { type End, KilledProgram, rowtapAddress } from './killed-program.js';
import { LifeHistory } from './life-history.js';
import { numbersPerThread, randomOf, schema } from './numbered-transactions.js';

/** Kills at random moments, four times as many; and how often every named point comes. More than 240 kills, or 2,400 at full size. */
const isFull = process.env.ROWTAP_SOAK !== undefined;
const randomKills = isFull ? 250 : 20;
const rounds = isFull ? 20 : 2;
/** So many lives of one database file, after each of which the next one starts from what the kill has left. */
const livesPerFile = 20;
const seed = Number(process.env.ROWTAP_KILL_SEED ?? Date.now() % 1_000_000);

const program = new KilledProgram<Task, Report>(
  'killed-child.ts',
  'killed-writer.ts',
  'numbered-transactions.ts',
  'database-state.ts',
  '../support/fault-vfs.ts',
);
let files = 0;

/** One database file, and the lives of those who write it. */
class KilledFile {
  readonly #folder = join(program.folder, `${++files}`);
  readonly #path = join(this.#folder, 'original.db');
  readonly #temporary = join(this.#folder, 'temporary');
  readonly #mode: 'wal' | 'delete';
  readonly #threads: number;
  readonly #history = new LifeHistory(seed);
  #lives = 0;
  /** Of the life that has ended last; empty where it was killed before it had found anything. */
  #reports: Report[] = [];

  constructor(mode: 'wal' | 'delete', threads: number) {
    this.#mode = mode;
    this.#threads = threads;
    mkdirSync(this.#temporary, { recursive: true });
    this.#withDatabase((db) => {
      db.pragma(`journal_mode = ${mode}`);
      db.exec(schema);
      this.#history.judge(readState(db), []);
    });
  }

  async live(end: End<NamedPoint>): Promise<void> {
    const isKilled = end !== 'over';
    const point = isKilled && 'point' in end ? end.point : undefined;
    const task: Task = {
      rowtap: rowtapAddress,
      path: this.#path,
      replicaPath: join(this.#folder, 'replica.db'),
      mode: this.#mode,
      seed,
      firstNumber: ++this.#lives * 10 * numbersPerThread,
      // A life that is to be killed has more than it needs for that.
      transactions: isKilled ? 400 : 40,
      threads: this.#threads,
      ...(point === undefined ? {} : { point }),
    };
    const reports: Report[] = [];
    const mostReports = isKilled && 'reports' in end ? end.reports : Number.POSITIVE_INFINITY;
    const ended = await program.live(task, this.#temporary, mostReports, (report) => reports.push(report));
    const [found] = reports;
    const context = JSON.stringify({ seed, life: this.#lives, mode: this.#mode, threads: this.#threads, end });
    try {
      if (found?.kind === 'found') {
        this.#history.judge(found.state, this.#reports);
        this.#reports = reports;
      }
      expect(reports.at(-1)?.kind === 'failed' ? reports.at(-1) : undefined).toBeUndefined();
      expect(ended).toEqual(isKilled ? [null, 'SIGKILL'] : [0, null]);
      expect(readdirSync(this.#temporary), 'no temporary file is left').toEqual([]);
      expect(readdirSync(this.#folder).filter((name) => !ownFiles.test(name))).toEqual([]);
    } catch (error) {
      throw new Error(`${(error as Error).message}\n${context}`, { cause: error });
    }
  }

  /** The last life ends by itself, and what it leaves is judged here. */
  async end(): Promise<void> {
    await this.live('over');
    this.#withDatabase((db) => this.#history.judge(readState(db), this.#reports));
    rmSync(this.#folder, { recursive: true });
  }

  #withDatabase(use: (db: Database) => void): void {
    const db = new Database(this.#path);
    try {
      use(db);
    } finally {
      db.close();
    }
  }
}

const ownFiles = /^(original|replica)\.db(-wal|-shm|-journal)?$|^temporary$/;

async function live(mode: 'wal' | 'delete', threads: number, ends: readonly End<NamedPoint>[]): Promise<void> {
  for (let first = 0; first < ends.length; first += livesPerFile) {
    const file = new KilledFile(mode, threads);
    // So that every later one finds rows, and something to recover.
    await file.live({ reports: 150 });
    for (const end of ends.slice(first, first + livesPerFile)) await file.live(end);
    await file.end();
  }
}

const timeout = isFull ? 3_600_000 : 600_000;
console.log(`ROWTAP_KILL_SEED=${seed}`);

test.each(['wal', 'delete'] as const)('killed at every named point, the next start is whole again: %s mode', { timeout }, async (mode) => {
  const random = randomOf(seed);
  const points = shuffled(namedPoints(mode, rounds, random), random);
  const ends = points.map((point) => ({ point }));
  await live(mode, 0, ends);
});

test.each([
  ['wal', 0],
  ['delete', 0],
  ['wal', 3],
  ['delete', 3],
] as const)('killed at any moment, the next start is whole again: %s mode, %i threads that write', { timeout }, async (mode, threads) => {
  const random = randomOf(seed + threads);
  const ends = Array.from({ length: randomKills }, () => ({ reports: 1 + Math.floor(random() ** 2 * 200) }));
  await live(mode, threads, ends);
});
