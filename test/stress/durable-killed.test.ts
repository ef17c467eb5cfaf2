import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Database } from 'rowtap';
import { expect, test } from 'vitest';
import { DurableHistory } from './durable-history.js';
import { type DurablePoint, durablePoints } from './durable-kill-points.js';
import type { DurableReport, DurableTask } from './durable-killed-child.js';
import { readDurableState } from './durable-state.js';
import { schema } from './durable-transactions.js';
import { shuffled } from './kill-points.js';
import { type End, KilledProgram, rowtapAddress } from './killed-program.js';
import { numbersPerThread, randomOf } from './numbered-transactions.js';

// A file with a log, two consumers of it, and kills: each consumer gets what was committed, and nothing else.

type Mode = 'wal' | 'delete';

const isFull = process.env.ROWTAP_SOAK !== undefined;
/** How often every named point comes, and how many kills come at random moments, in each mode. */
const rounds = isFull ? 10 : 2;
const randomKills = isFull ? 300 : 50;
/** Of the process that reads, in each mode; the one that writes is killed about as often beside it. */
const killsOfConsumers = isFull ? 200 : 22;
const livesPerFile = 16;
const atOnce = 3;
const seed = Number(process.env.ROWTAP_KILL_SEED ?? Date.now() % 1_000_000);

const program = new KilledProgram<DurableTask, DurableReport>(
  'durable-killed-child.ts',
  'durable-state.ts',
  'durable-transactions.ts',
  'numbered-transactions.ts',
  '../support/fault-vfs.ts',
);
let files = 0;
let kills = 0;
const met = { repeated: 0, amid: 0, parts: 0, pruned: 0, schemas: 0, transactions: 0 };

/** One file that keeps a log, and the lives of those who write and read it. */
class DurableFile {
  readonly #folder = join(program.folder, `${++files}`);
  readonly #path = join(this.#folder, 'logged.db');
  readonly #temporary = join(this.#folder, 'temporary');
  readonly #mode: Mode;
  readonly #history: DurableHistory;
  #lives = 0;
  /** Of the lives that have ended since a start was judged. */
  #reports: DurableReport[] = [];
  /** Of processes that only write: what a start of another one finds may be older than what they report meanwhile. */
  readonly #reportsOfWriters: DurableReport[] = [];

  constructor(mode: Mode) {
    this.#mode = mode;
    mkdirSync(this.#temporary, { recursive: true });
    this.#history = new DurableHistory(seed, this.#outsidePath);
    const db = new Database(this.#path);
    db.pragma(`journal_mode = ${mode}`);
    db.exec(schema);
    db.close();
  }

  get #outsidePath(): string {
    return join(this.#folder, 'outside');
  }

  async live(role: DurableTask['role'], end: End<DurablePoint>): Promise<void> {
    const life = ++this.#lives;
    const isKilled = end !== 'over';
    const task: DurableTask = {
      rowtap: rowtapAddress,
      path: this.#path,
      outsidePath: this.#outsidePath,
      life,
      seed,
      firstNumber: life * numbersPerThread,
      // A life that is to be killed has more than it needs for that, but where it is pruned and nothing is written.
      transactions: !isKilled || ('point' in end && end.point.scope === 'prune') ? 20 : 400,
      role,
      knownJournal: this.#history.journalLength,
      ...(isKilled && 'point' in end ? { point: end.point } : {}),
    };
    const context = JSON.stringify({ seed, life, mode: this.#mode, role, end });
    try {
      const ended = await program.live(task, this.#temporary, mostReports(role, end), (report) => this.#take(report, task));
      expect(ended).toEqual(isKilled ? [null, 'SIGKILL'] : [0, null]);
    } catch (error) {
      throw new Error(`${(error as Error).message}\n${context}`, { cause: error });
    }
    if (isKilled) kills++;
  }

  /** The last life ends by itself, and what it leaves is judged here. */
  async end(): Promise<void> {
    await this.live('all', 'over');
    const db = new Database(this.#path);
    this.#history.judge(readDurableState(db, this.#history.journalLength), ++this.#lives, [...this.#reports, ...this.#reportsOfWriters]);
    db.close();
    this.#history.judgeEnd();
    expect(readdirSync(this.#folder).filter((name) => !ownFiles.test(name))).toEqual([]);
    const { parts, ...counts } = this.#history.met;
    met.parts = Math.max(met.parts, parts);
    for (const name of ['repeated', 'amid', 'pruned', 'schemas'] as const) met[name] += counts[name];
    met.transactions += this.#history.transactions;
    rmSync(this.#folder, { recursive: true });
  }

  #take(report: DurableReport, { role, life }: DurableTask): void {
    if (report.kind === 'failed') throw new Error(report.message);
    if (role === 'write') this.#reportsOfWriters.push(report);
    else if (report.kind !== 'found') this.#reports.push(report);
    else this.#history.judge(report.state, life, this.#reports.splice(0));
  }
}

/** A process that reads may not come to its point, where the one that writes holds the lock just then. */
function mostReports(role: DurableTask['role'], end: End<DurablePoint>): number {
  if (end !== 'over' && 'reports' in end) return end.reports;
  return role === 'consume' ? 150 : Number.POSITIVE_INFINITY;
}

const ownFiles = /^logged\.db(-wal|-shm|-journal)?$|^temporary$|^outside$/;

/** One process that does everything: one file after the other, several at once. */
async function liveAlone(mode: Mode, ends: End<DurablePoint>[], making: DurablePoint[]): Promise<void> {
  const chain = async (): Promise<void> => {
    for (let own = ends.splice(0, livesPerFile); own.length > 0; own = ends.splice(0, livesPerFile)) {
      const file = new DurableFile(mode);
      const point = making.pop();
      if (point !== undefined) await file.live('all', { point });
      // So that every later one finds rows, and something to recover.
      await file.live('all', { reports: 60 });
      for (const end of own) await file.live('all', end);
      await file.end();
    }
  };
  await Promise.all(Array.from({ length: atOnce }, chain));
}

/** A process that writes and one that reads, each killed and started again without regard to the other. */
async function liveApart(mode: Mode, ends: Record<'write' | 'consume', () => End<DurablePoint>>): Promise<void> {
  const file = new DurableFile(mode);
  await file.live('all', { reports: 40 });
  const over = new AbortController();
  const writing = (async () => {
    while (!over.signal.aborted) await file.live('write', ends.write());
  })();
  const reading = (async () => {
    try {
      for (let life = 0; life < killsOfConsumers; life++) await file.live('consume', ends.consume());
    } finally {
      over.abort();
    }
  })();
  await Promise.all([writing, reading]);
  await file.end();
}

const timeout = isFull ? 3_600_000 : 600_000;
const modes = ['wal', 'delete'] as const;
console.log(`ROWTAP_KILL_SEED=${seed}`);

test.each(modes)('killed at every named point, each consumer has had what was committed: %s mode', { timeout }, async (mode) => {
  const random = randomOf(seed);
  const { writer, consumers, pruning, making } = durablePoints(mode, rounds, random);
  const points = shuffled([...writer, ...consumers, ...pruning], random);
  await liveAlone(
    mode,
    points.map((point) => ({ point })),
    making,
  );
});

test.each(modes)('killed at any moment, each consumer has had what was committed: %s mode', { timeout }, async (mode) => {
  const random = randomOf(seed + 1);
  const ends = Array.from({ length: randomKills }, () => ({ reports: 1 + Math.floor(random() ** 2 * 150) }));
  await liveAlone(mode, ends, []);
});

test.each(modes)('consumers in another process than the writer, either killed: %s mode', { timeout }, async (mode) => {
  const random = randomOf(seed + 2);
  const { writer, consumers } = durablePoints(mode, rounds, random);
  const points = shuffled(consumers, random);
  const end = (list: DurablePoint[]): End<DurablePoint> => {
    const point = random() < 0.5 ? list.pop() : undefined;
    return point === undefined ? { reports: 1 + Math.floor(random() ** 2 * 60) } : { point };
  };
  // Killed between the two copies of the WAL index's header, a writer leaves an index that is recovered beneath the process that goes on; SQLite
  // counts commits anew then, and that nobody else had committed can't be told: a gap, which is not to be tested here.
  const pointsOfWriter = shuffled(
    writer.filter(({ operation }) => operation !== 'shmBarrier'),
    random,
  );
  await liveApart(mode, { write: () => end(pointsOfWriter), consume: () => end(points) });
});

test('there were as many kills as that takes', () => {
  console.log(`${kills} kills: ${JSON.stringify(met)}`);
  expect(kills).toBeGreaterThanOrEqual(300);
  expect(met.parts, 'a transaction was cut into parts').toBeGreaterThan(1);
  for (const name of ['repeated', 'amid', 'pruned', 'schemas'] as const) expect(met[name], name).toBeGreaterThan(0);
});
