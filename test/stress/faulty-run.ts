import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import {
  type Change,
  Database,
  listSources,
  openSource,
  Replica,
  RowtapError,
  type Source,
  SqliteError,
  type SubscribeOptions,
  type Subscription,
} from 'rowtap';
import { expect } from 'vitest';
import { allocateSingly } from '../support/allocation-faults.js';
import { beginArchive, readArchive } from '../support/archive.js';
import { turns } from '../support/captured.js';
import { nativeConnectionOf } from '../support/native-connection.js';
import { clearAllFaults, countOperations, type FaultPoint, type Operations } from './fault-points.js';
import type { FaultScript, FaultStep } from './fault-scripts.js';
import { Thrown } from './thrown.js';

export type JournalMode = 'wal' | 'delete';
/**
 * What goes on beside the script: nobody reads before its end, a snapshot is read, a consumer's positions are written, or the file keeps a log,
 * from which all is read too when the script is over. In the latter three the event loop turns between the steps.
 */
export type Beside = 'nothing' | 'snapshot' | 'consumer' | 'log';

export interface Outcome {
  operations: Operations;
  /** The code with which the subscription ended, or was refused to begin. */
  lostWith: string | undefined;
}

/** What became of a step, for those who repeat it where nothing fails; `refused` by a rule that it broke. */
type Result = 'done' | 'refused' | 'undone' | 'rolled back' | 'open';

const end = 'end_of_script';

/** So that a snapshot has something to read while the script runs. */
const pages = "CREATE TABLE pages AS SELECT zeroblob(4000) AS z FROM json_each('[0' || replace(hex(zeroblob(30)), '0', ',1') || ']')";

/** Runs one script in one journal mode as often as one likes, each time on a new copy of the same file. */
export class FaultyRun {
  readonly #script: FaultScript;
  readonly #mode: JournalMode;
  readonly #beside: Beside;
  readonly #folder = mkdtempSync(join(tmpdir(), 'rowtap-every-fault-'));
  readonly #template = join(this.#folder, 'template');
  #setupChanges: Change[] = [];
  #transactionsWithoutFault: boolean[] | undefined;
  #runs = 0;

  constructor(script: FaultScript, mode: JournalMode, beside: Beside) {
    this.#script = script;
    this.#mode = mode;
    this.#beside = beside;
  }

  get #setup(): string {
    return `${this.#script.setup}; CREATE TABLE ${end} (n INTEGER PRIMARY KEY)${this.#beside === 'snapshot' ? `; ${pages}` : ''}`;
  }

  async begin(): Promise<void> {
    const db = new Database(this.#template);
    if (this.#script.encoding !== undefined) db.exec(`PRAGMA encoding = '${this.#script.encoding}'`);
    db.exec(`PRAGMA journal_mode = ${this.#mode}`);
    const reading = new Reading(db.changes());
    db.exec(this.#setup);
    db.close();
    await reading.ended;
    this.#setupChanges = reading.changes;
    if (this.#beside === 'log') await beginArchive(this.#template);
  }

  close(): void {
    rmSync(this.#folder, { recursive: true });
  }

  /** Runs the script with that fault, or without any, and goes on as an application would. */
  async run(point: FaultPoint | undefined): Promise<Outcome> {
    const path = join(this.#folder, `${++this.#runs}`);
    copyFileSync(this.#template, path);
    const db = new Database(path, { timeout: 0 });
    const target = new Database(':memory:');
    const reader = this.#script.equip === undefined ? undefined : new Database(path, { timeout: 0 });
    try {
      allocateSingly(nativeConnectionOf(db));
      if (reader !== undefined) {
        allocateSingly(nativeConnectionOf(reader));
        this.#script.equip?.(db, reader);
      }
      db.exec(`PRAGMA synchronous = FULL; ${(this.#script.settings ?? '').replace('{path}', path)}`);
      const source = openSource(db, { durability: this.#beside === 'log' ? 'log' : 'live' });
      const options = subscribeOptions[this.#beside];
      const reading = new Reading(source.subscribe(options));
      clearAllFaults();
      point?.arm();
      const results = await this.#runSteps(db, reading, point === undefined);
      if (this.#beside === 'consumer' || this.#beside === 'log') expectNamedTrouble(source);
      const operations = countOperations();
      clearAllFaults();

      if (db.inTransaction) this.#goOn(db, results);
      if (this.#script.finish !== undefined) db.exec(this.#script.finish);
      await reading.turnOn();
      db.exec(`INSERT INTO ${end} VALUES (1)`);
      await reading.until(end);
      const { lostWith } = reading;
      const fresh = new Database(path);
      try {
        if (lostWith === undefined) {
          const replica = new Replica(target);
          if (this.#beside !== 'snapshot') replica.apply(this.#setupChanges);
          replica.apply(reading.changes);
          expect(replica.verify(fresh), 'the stream against the database').toMatchObject({ equal: true });
        } else {
          expect(this.#allowedCodes(), `what has ended the subscription: ${String(reading.error)}`).toContain(lostWith);
        }
        this.#expectSteps(fresh, results);
        if (this.#beside === 'consumer') await expectConsumerGoesOn(db, source, reading);
        if (this.#beside === 'log') await this.#expectLog(path, fresh, lostWith);
      } finally {
        fresh.close();
      }
      await reading.close();
      if (lostWith !== undefined) {
        await source.close();
        await expectNewSource(db);
      }
      return { operations, lostWith };
    } finally {
      clearAllFaults();
      reader?.close();
      db.close();
      target.close();
      await turns();
      for (const suffix of ['', '-wal', '-shm', '-journal', '-other', '-other-wal', '-other-shm', '-other-journal']) {
        rmSync(path + suffix, { force: true });
      }
      expect(listSources(), 'sources that are left').toEqual([]);
    }
  }

  async #runSteps(db: Database, reading: Reading, isFaultless: boolean): Promise<Result[]> {
    const results: Result[] = [];
    const transactions: boolean[] = [];
    for (const step of this.#script.steps) {
      const wasInTransaction = db.inTransaction;
      try {
        runStep(db, step);
        results.push('done');
      } catch (error) {
        if (!(error instanceof SqliteError || error instanceof RowtapError || error instanceof Thrown)) throw error;
        expect(error, "a refused commit is told in SQLite's words").not.toMatchObject({ code: 'SQLITE_CONSTRAINT_COMMITHOOK' });
        results.push(resultOf(error, step, wasInTransaction, db.inTransaction));
      }
      transactions.push(db.inTransaction);
      const expected = this.#transactionsWithoutFault?.[results.length - 1];
      if (results.every((result) => result === 'done'))
        expect(db.inTransaction, `in a transaction after ${String(step)}`).toBe(expected ?? db.inTransaction);
      if (this.#beside !== 'nothing') await reading.turnOn();
      if (this.#beside === 'consumer') void reading.subscription.flush().catch(() => {});
    }
    if (isFaultless) this.#transactionsWithoutFault = transactions;
    return results;
  }

  /** By turns: what the script has left open is committed, or rolled back. */
  #goOn(db: Database, results: Result[]): void {
    if (this.#runs % 2 === 0) succeeds(() => db.exec('COMMIT'));
    if (!db.inTransaction) return;
    db.exec('ROLLBACK');
    results.push('rolled back');
  }

  /** What somebody reads there who comes later is what the database holds; or it says what the subscription has said. */
  async #expectLog(path: string, fresh: Database, lostWith: string | undefined): Promise<void> {
    const changes = await readArchive(path);
    if (changes.some(({ op }) => op === 'gap')) return expect(lostWith, 'a gap in the log alone').toBeDefined();
    const target = new Database(':memory:');
    try {
      const replica = new Replica(target);
      replica.apply(this.#setupChanges);
      replica.apply(changes);
      expect(replica.verify(fresh), 'the log against the database').toMatchObject({ equal: true });
    } finally {
      target.close();
    }
  }

  #allowedCodes(): string[] {
    // A COMMIT that `exec` has kept takes no memory. Who then has to read in the log what was lost on the way takes some, and says that there is none.
    const allowed = this.#beside === 'log' ? ['gap', 'SQLITE_NOMEM'] : ['ROWTAP_CAPTURE_LOST'];
    // No hook announces VACUUM's commit: where it fails behind it, nobody knows that it was ours.
    if (this.#script.steps.includes('VACUUM')) allowed.push('gap');
    if (this.#beside === 'snapshot') allowed.push(...snapshotCodes);
    return allowed;
  }

  /** What a step said that it had done is there, and what it said that it had not is not: the steps are repeated where nothing fails. */
  #expectSteps(fresh: Database, results: readonly Result[]): void {
    if (results.includes('open')) return;
    const model = new Database(':memory:');
    const reader = new Database(':memory:');
    try {
      model.exec("ATTACH DATABASE ':memory:' AS other; CREATE TABLE other.o (x)");
      model.exec(this.#setup);
      if (this.#script.equip !== undefined) {
        reader.exec(this.#setup);
        this.#script.equip(model, reader);
      }
      for (const [at, result] of results.entries()) {
        const step = this.#script.steps[at];
        if (result === 'rolled back' && model.inTransaction) model.exec('ROLLBACK');
        if (step === undefined || (result !== 'done' && result !== 'refused')) continue;
        const isDone = succeeds(() => runStep(model, step));
        // A statement that fails amid its writing leaves SQLite's count of deferred violations as it is, and the COMMIT is refused.
        if (!isDone && result === 'done') expect.fail(`${String(step)} was done, and can not be repeated`);
        if (isDone && result === 'refused') return;
      }
      if (model.inTransaction) model.exec('COMMIT');
      model.exec(`INSERT INTO ${end} VALUES (1)`);
      expect(new Replica(model).verify(fresh), 'the database against what its statements said').toMatchObject({ equal: true });
    } finally {
      model.close();
      reader.close();
    }
  }
}

const subscribeOptions: Record<Beside, SubscribeOptions> = {
  nothing: {},
  snapshot: { snapshot: 'initial' },
  consumer: { consumer: 'c', snapshot: 'never' },
  log: {},
};

/** A snapshot tells in SQLite's words what has become of its connection. */
const snapshotCodes = [
  'SQLITE_NOMEM',
  'SQLITE_IOERR_NOMEM',
  'SQLITE_IOERR_READ',
  'SQLITE_IOERR_LOCK',
  'SQLITE_IOERR_SHMLOCK',
  'SQLITE_CANTOPEN',
];

/** What a subscription gives, kept until it may be applied. */
class Reading {
  readonly subscription: Subscription;
  readonly ended: Promise<void>;
  readonly changes: Change[] = [];
  error: unknown;
  #isEnded = false;

  constructor(subscription: Subscription) {
    this.subscription = subscription;
    this.ended = this.#read();
  }

  get lostWith(): string | undefined {
    if (this.error !== undefined) return String((this.error as { code?: unknown }).code);
    return this.changes.some(({ op }) => op === 'gap') ? 'gap' : undefined;
  }

  async #read(): Promise<void> {
    try {
      for await (const change of this.subscription) this.changes.push(change);
    } catch (error) {
      this.error = error;
    }
    this.#isEnded = true;
  }

  turnOn(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
  }

  async until(table: string): Promise<void> {
    for (let turn = 0; turn < 10_000 && !this.#isEnded; turn++) {
      const last = this.changes.at(-1);
      if (last?.table === table && last.op === 'insert') return;
      // A log that is locked just now is asked again after a while.
      await (turn < 100 ? this.turnOn() : pause(1));
    }
    if (!this.#isEnded) expect.fail('the last commit never came');
    expect(this.error, 'a subscription that has ended says why').toBeDefined();
  }

  async close(): Promise<void> {
    await this.subscription.close();
    await this.ended;
  }
}

/** A statement that broke a rule does the same where nothing fails. Of a commit that could not be written it is not known what became. */
function resultOf(error: unknown, step: FaultStep, wasInTransaction: boolean, isInTransaction: boolean): Result {
  const code = String((error as { code?: unknown }).code);
  if (code.startsWith('SQLITE_CONSTRAINT') || code === 'SQLITE_ERROR') return 'refused';
  // What the script's own function throws is thrown, whatever SQLite has met with while it undid the statement.
  if (error instanceof Thrown && wasInTransaction === isInTransaction) return 'refused';
  const isCommit = typeof step === 'string' && /^(COMMIT|RELEASE)/.test(step);
  if (typeof step !== 'string' || isCommit || !wasInTransaction)
    return isInTransaction === wasInTransaction && wasInTransaction && !isCommit ? 'undone' : 'open';
  return isInTransaction ? 'undone' : 'rolled back';
}

function runStep(db: Database, step: FaultStep): void {
  if (typeof step === 'string') db.exec(step);
  else step(db);
}

function succeeds(act: () => void): boolean {
  try {
    act();
    return true;
  } catch {
    return false;
  }
}

function expectNamedTrouble(source: Source): void {
  const { state, error } = source.info();
  expect(['running', 'degraded']).toContain(state);
  expect(error?.code !== undefined, 'a degraded source names what is wrong').toBe(state === 'degraded');
}

/** Its positions can be written by now, and it goes on where it was. */
async function expectConsumerGoesOn(db: Database, source: Source, reading: Reading): Promise<void> {
  const last = reading.changes.at(-1);
  if (reading.lostWith !== undefined || last === undefined) return;
  reading.subscription.ack(last);
  await reading.subscription.flush();
  expect(source.info(), 'the source when the faults are gone').toMatchObject({ state: 'running' });
  await reading.close();
  const again = new Reading(source.subscribe({ consumer: 'c', snapshot: 'never' }));
  db.exec(`INSERT INTO ${end} VALUES (2)`);
  await again.until(end);
  expect(again.lostWith).toBeUndefined();
  expect(
    again.changes.filter(({ op }) => op !== 'insert'),
    'what comes before the next commit',
  ).toEqual([]);
  await again.close();
}

async function expectNewSource(db: Database): Promise<void> {
  db.pragma('journal_mode = wal');
  const target = new Database(':memory:');
  const reading = new Reading(openSource(db).subscribe({ snapshot: 'initial' }));
  db.exec(`INSERT INTO ${end} VALUES (3)`);
  await reading.until(end);
  expect(reading.lostWith).toBeUndefined();
  const replica = new Replica(target);
  replica.apply(reading.changes);
  expect(replica.verify(db), 'the new source').toMatchObject({ equal: true });
  await reading.close();
  target.close();
}
