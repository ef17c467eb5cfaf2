/**
 * A program with a durable log that is killed: it writes numbered transactions, or reads them as two named consumers, or both, until it is killed
 * or done.
 *
 * `outside` has its effects in a file: a line for each change, on the disk before it is acknowledged. `inside` has them in tables of the same
 * database, and acknowledges in the transaction that writes them.
 *
 * Each report is a line, written synchronously to a blocking pipe: what was reported before the kill arrives.
 */
import { fsyncSync, openSync, writeSync } from 'node:fs';
import type * as Rowtap from 'rowtap';
import { clearFaults, countFileOperations, installFaultVfs, killAt } from '../support/fault-vfs.js';
import type { DurablePoint, DurableScope } from './durable-kill-points.js';
import { type DurableState, readDurableState } from './durable-state.js';
import { changeImage, durableTransaction, effectTables, mirrored } from './durable-transactions.js';
import { type ChangeImage, randomOf } from './numbered-transactions.js';

export interface DurableTask {
  /** The library, compiled. */
  rowtap: string;
  path: string;
  outsidePath: string;
  life: number;
  seed: number;
  firstNumber: number;
  transactions: number;
  /** What this process does. `consume` goes on until it is killed. */
  role: 'all' | 'write' | 'consume';
  /** What has been reported of the journal before. */
  knownJournal: number;
  point?: DurablePoint;
}

export type DurableReport =
  | { kind: 'found'; state: DurableState }
  /** Both consumers are there. */
  | { kind: 'begun' }
  /** COMMIT has returned. */
  | { kind: 'committed'; n: number }
  /** So many changes have had their effect inside the database. */
  | { kind: 'effects'; count: number }
  | { kind: 'failed'; message: string }
  | { kind: 'over' };

/** A line of the file outside: a change, or what is about to be acknowledged, or what was flushed. */
export type OutsideLine =
  | { life: number; lsn: number; index: number; image: ChangeImage }
  | { life: number; acknowledging: [lsn: number, index: number] }
  | { life: number; flushed: [lsn: number, index: number] };

type WithoutLife<Line> = Line extends OutsideLine ? Omit<Line, 'life'> : never;

const task = JSON.parse(process.argv[2] as string) as DurableTask;
const { Database: Opened, openSource } = (await import(task.rowtap)) as typeof Rowtap;
const random = randomOf(Math.imul(task.seed, 31) + task.life);
const isLikely = (share: number): boolean => random() < share;

function put(file: number, line: object): void {
  const bytes = Buffer.from(`${JSON.stringify(line)}\n`);
  for (let written = 0; written < bytes.length; ) written += writeSync(file, bytes, written);
}

const report = (line: DurableReport): void => put(1, line);

function fail(error: unknown): never {
  report({ kind: 'failed', message: error instanceof Error ? `${error.stack}` : String(error) });
  process.exit(1);
}

let passes = task.point?.after ?? 0;

function arm({ files, operation, moment }: DurablePoint): void {
  clearFaults();
  for (const file of files) killAt({ file, operation, moment, after: passes });
}

/** The operations of this one synchronous action count for the kill, if it is meant to come in this scope. */
function within<T>(scope: DurableScope, action: () => T): T {
  const { point } = task;
  if (point?.scope !== scope) return action();
  arm(point);
  try {
    return action();
  } finally {
    passes -= Math.max(...point.files.map((file) => countFileOperations()[`${file}.${point.operation}`] ?? 0));
    clearFaults();
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** With a rollback journal another process, on a busy machine for seconds, may keep everybody from reading just then, or leave behind what has to be rolled back. */
async function unlessLocked<T>(act: () => T): Promise<T> {
  for (;;) {
    try {
      return act();
    } catch (error) {
      if (!/^(ROWTAP_BUSY|SQLITE_BUSY|SQLITE_READONLY_ROLLBACK)/.test(String((error as { code?: string }).code))) throw error;
      await pause(5);
    }
  }
}

const takenBack = Symbol('taken back');

class Life {
  readonly #db: Rowtap.Database;
  readonly #source: Rowtap.Source;
  readonly #outside = task.role === 'write' ? 1 : openSync(task.outsidePath, 'a');
  /** How far in the ledger each has come. */
  readonly #reached = { outside: 0, inside: 0 };

  private constructor(db: Rowtap.Database, source: Rowtap.Source) {
    this.#db = db;
    this.#source = source;
  }

  static async begin(): Promise<Life> {
    const db = within('open', () => {
      const opened = new Opened(task.path, { timeout: 60_000 });
      if (task.role !== 'write') {
        const state = readDurableState(opened, task.knownJournal);
        report({ kind: 'found', state });
      } else opened.pragma('schema_version');
      return opened;
    });
    db.exec(
      'PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY; PRAGMA wal_autocheckpoint = 40; PRAGMA cache_size = 20; PRAGMA cache_spill = 20',
    );
    const options = { durability: 'log', maxTransactionMemory: 100_000, excludeTables: effectTables } as const;
    return new Life(db, await unlessLocked(() => within('source', () => openSource(db, options))));
  }

  async run(): Promise<void> {
    // A subscription keeps no process running.
    const keepAlive = setInterval(() => {}, 1000);
    const reading = task.role === 'write' ? [] : await this.#beginReading();
    report({ kind: 'begun' });
    if (task.role !== 'consume') await this.#write();
    if (task.role !== 'write') await this.#untilRead();
    if (task.point?.scope === 'prune') await this.#untilPruned(task.point);
    await this.#source.close();
    await Promise.all(reading);
    this.#db.close();
    clearInterval(keepAlive);
    report({ kind: 'over' });
  }

  async #beginReading(): Promise<Promise<void>[]> {
    const options = { snapshot: 'never', ack: 'manual', maxBuffered: 50_000 } as const;
    // Both consumers are there before anything is written, and `consume` does not tell when it is.
    const isNamed = task.point?.scope === 'position' || task.point?.scope === 'subscribe';
    const isConsume = task.role === 'all' && task.life > 2 && !isNamed && isLikely(0.3);
    // The last line of the life before may have been cut.
    writeSync(this.#outside, '\n');
    const subscribe = (consumer: string): Promise<Rowtap.Subscription> =>
      unlessLocked(() => within('subscribe', () => this.#source.subscribe({ ...options, consumer })));
    const outside = isConsume ? undefined : await subscribe('outside');
    const inside = await subscribe('inside');
    await Promise.all([outside?.flush(), inside.flush()]);
    const reading = [outside === undefined ? this.#consumeOutside() : this.#readOutside(outside), this.#readInside(inside)];
    for (const each of reading) each.catch(fail);
    return reading;
  }

  async #readOutside(subscription: Rowtap.Subscription): Promise<void> {
    // Sometimes it comes late, and finds what was written in the log.
    if (isLikely(0.3)) await pause(100 * random());
    const iterator = subscription[Symbol.asyncIterator]();
    for (;;) {
      const { value: change, done } = await within('replay', () => iterator.next());
      if (done === true) return;
      this.#noteOutside(change);
      if (!isLikely(0.3)) continue;
      const at: [number, number] = [change.lsn, change.index];
      this.#sync({ acknowledging: at });
      subscription.ack(change);
      if (!isLikely(0.2)) continue;
      within('position', () => subscription.flush())
        .then(() => put(this.#outside, { life: task.life, flushed: at }))
        .catch(fail);
    }
  }

  #consumeOutside(): Promise<void> {
    const handler = (changes: Rowtap.Change[]): void => {
      for (const change of changes) this.#noteOutside(change);
      const { lsn, index } = changes.at(-1) as Rowtap.Change;
      this.#sync({ acknowledging: [lsn, index] });
    };
    const options = { consumer: 'outside', snapshot: 'never', maxBatchSize: 7, maxBuffered: 50_000 } as const;
    return this.#source.consume(handler, options);
  }

  #noteOutside(change: Rowtap.Change): void {
    const { lsn, index } = change;
    this.#putOutside({ lsn, index, image: changeImage(change) });
    this.#reach('outside', change);
  }

  #putOutside(line: WithoutLife<OutsideLine>): void {
    put(this.#outside, { life: task.life, ...line });
  }

  #sync(line: WithoutLife<OutsideLine>): void {
    this.#putOutside(line);
    fsyncSync(this.#outside);
  }

  async #readInside(subscription: Rowtap.Subscription): Promise<void> {
    if (isLikely(0.3)) await pause(100 * random());
    const db = isLikely(0.5) ? this.#db : await this.#openSecond();
    const write = this.#effectWriter(db, subscription);
    const iterator = subscription[Symbol.asyncIterator]();
    let waiting: Rowtap.Change[] = [];
    for (let atOnce = 1; ; ) {
      const { value: change, done } = await within('replay', () => iterator.next());
      if (done === true) break;
      waiting.push(change);
      // A schema event is never the last one here.
      if (waiting.length < atOnce && !('last' in change && change.last)) continue;
      within('effect', () => write(waiting));
      report({ kind: 'effects', count: waiting.length });
      for (const each of waiting) this.#reach('inside', each);
      waiting = [];
      atOnce = 1 + Math.floor(random() * 6);
    }
    if (db !== this.#db) db.close();
  }

  /** A transaction of it is one of the application's because a source was opened with it. */
  async #openSecond(): Promise<Rowtap.Database> {
    const db = new Opened(task.path, { timeout: 60_000 });
    await unlessLocked(() => openSource(db, { name: 'second', durability: 'log' }));
    return db;
  }

  #effectWriter(db: Rowtap.Database, subscription: Rowtap.Subscription): (changes: Rowtap.Change[]) => void {
    const journal = db.prepare('INSERT INTO journal (lsn, "index", image) VALUES (?, ?, ?)');
    const removeAll = db.prepare('DELETE FROM mirror WHERE name = ?');
    const remove = db.prepare('DELETE FROM mirror WHERE name = ? AND key = ?');
    const insert = db.prepare('INSERT OR REPLACE INTO mirror VALUES (?, ?, ?)');
    const handle = (changes: Rowtap.Change[]): void => {
      for (const change of changes) {
        const image = changeImage(change);
        journal.run(change.lsn, change.index, JSON.stringify(image));
        const { name, isEmptied, removed, put: added } = mirrored(image);
        if (isEmptied) removeAll.run(name);
        else if (removed !== undefined) remove.run(name, removed);
        if (added !== undefined) insert.run(name, added.key, added.image);
      }
      subscription.ack(changes.at(-1) as Rowtap.Change);
    };
    const handleInVain = db.transaction((changes: Rowtap.Change[]) => {
      handle(changes);
      throw takenBack;
    });
    const unlessTakenBack = (error: unknown): void => {
      if (error !== takenBack) throw error;
    };
    const inVain = (changes: Rowtap.Change[]): void => {
      try {
        handleInVain.immediate(changes);
      } catch (error) {
        unlessTakenBack(error);
      }
    };
    const inEarnest = db.transaction((changes: Rowtap.Change[]) => {
      // In a savepoint, here.
      if (isLikely(0.1)) inVain(changes);
      handle(changes);
    });
    return (changes) => {
      if (isLikely(0.1)) inVain(changes);
      inEarnest.immediate(changes);
    };
  }

  #reach(consumer: 'outside' | 'inside', { table, after }: Rowtap.Change): void {
    if (table === 'ledger' && after !== null) this.#reached[consumer] = after['seq'] as number;
  }

  async #write(): Promise<void> {
    for (let written = 0; written < task.transactions; written++) {
      this.#writeOne(task.firstNumber + written);
      if (task.role === 'write') await pause(4);
      else if (isLikely(0.5)) await turn();
    }
  }

  #writeOne(n: number): void {
    const { isRolledBack, schemaSql, steps } = durableTransaction(task.seed, n);
    this.#db.exec('BEGIN IMMEDIATE');
    if (schemaSql !== undefined) this.#db.exec(schemaSql);
    for (const { sql, parameters } of steps) {
      const statement = this.#db.prepare(sql);
      within('hook', () => statement.run(...parameters));
    }
    if (isRolledBack) {
      within('rollback', () => this.#db.exec('ROLLBACK'));
    } else {
      within('commit', () => this.#db.exec('COMMIT'));
      report({ kind: 'committed', n });
    }
  }

  /** Up to what is committed. */
  async #untilRead(): Promise<void> {
    const count = this.#db.prepare('SELECT count(*) FROM ledger').pluck();
    while (task.role === 'consume' || Math.min(this.#reached.outside, this.#reached.inside) < (count.get() as number)) await pause(5);
  }

  /** Nothing else writes now. */
  async #untilPruned(point: DurablePoint): Promise<void> {
    // Positions are gathered for a moment before they are written.
    await pause(300);
    arm(point);
    await pause(20_000);
    clearFaults();
  }
}

process.on('unhandledRejection', fail);
installFaultVfs();
try {
  await (await Life.begin()).run();
} catch (error) {
  fail(error);
}
