/**
 * A program that is killed. It opens the database, tells what the lives before it have left, subscribes (with a name, for a replica in a file of
 * its own, and without one) and writes numbered transactions until it is killed, or until it has written as many as it was told to.
 *
 * Each report is a line, written synchronously to a blocking pipe: what was reported before the kill arrives.
 */
import { once } from 'node:events';
import { writeSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import type * as Rowtap from 'rowtap';
import { clearFaults, countFileOperations, installFaultVfs, killAt } from '../support/fault-vfs.js';
import { consumer, type DatabaseState, readState } from './database-state.js';
import type { NamedPoint, Scope } from './kill-points.js';
import {
  type ChangeImage,
  imageOf,
  numberedTransaction,
  numbersPerThread,
  randomOf,
  type Row,
  type Step,
  type TableName,
} from './numbered-transactions.js';

export interface Task {
  /** The library, compiled. */
  rowtap: string;
  path: string;
  replicaPath: string;
  mode: 'wal' | 'delete';
  seed: number;
  firstNumber: number;
  transactions: number;
  /** Threads that write, each with its own connection and numbers; 0: the main thread does. */
  threads: number;
  point?: NamedPoint;
}

export type Report =
  | { kind: 'found'; state: DatabaseState }
  | { kind: 'subscribed'; lsn: number; isSnapshot: boolean }
  /** COMMIT has returned. */
  | { kind: 'committed'; n: number }
  | { kind: 'received'; by: 'named' | 'plain'; lsn: number; changes: ChangeImage[] }
  /** About to be acknowledged. */
  | { kind: 'acknowledging'; lsn: number }
  /** Everything up to it was acknowledged, and that is on disk. */
  | { kind: 'flushed'; lsn: number }
  /** The replica has applied everything that is committed. */
  | { kind: 'verified'; isEqual: boolean; seq: number }
  | { kind: 'failed'; message: string }
  /** Everything is written, received, compared and closed. */
  | { kind: 'over' };

const task = JSON.parse(process.argv[2] as string) as Task;
const { Database: Opened, Replica } = (await import(task.rowtap)) as typeof Rowtap;

function report(line: Report): void {
  const bytes = Buffer.from(`${JSON.stringify(line)}\n`);
  for (let written = 0; written < bytes.length; ) written += writeSync(1, bytes, written);
}

function fail(error: unknown): never {
  report({ kind: 'failed', message: error instanceof Error ? `${error.stack}` : String(error) });
  process.exit(1);
}

let passes = task.point?.after ?? 0;

/** The operations of this one synchronous action count for the kill, if it is meant to come in this scope. */
function within<T>(scope: Scope, action: () => T): T {
  const { point } = task;
  if (point?.scope !== scope) return action();
  clearFaults();
  for (const file of point.files) killAt({ file, operation: point.operation, moment: point.moment, after: passes });
  try {
    return action();
  } finally {
    if (scope !== 'hook-read') passes -= Math.max(...point.files.map((file) => countFileOperations()[`${file}.${point.operation}`] ?? 0));
    clearFaults();
  }
}

function changeImage({ op, table, before, after }: Rowtap.Change): ChangeImage {
  const image = (row: object | null) => (table === null ? null : imageOf(table as TableName, row as Row | null));
  return [op, table ?? '', image(before), image(after)];
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

class Life {
  readonly #db: Rowtap.Database;
  readonly #replicaDb = new Opened(task.replicaPath);
  readonly #replica = new Replica(this.#replicaDb);
  readonly #plain: Rowtap.Subscription;
  readonly #named: Rowtap.Subscription;
  readonly #count;
  /** How far in the ledger each has come. */
  readonly #received = { named: 0, plain: 0 };
  #isInSnapshot = false;

  constructor() {
    this.#db = within('open', () => {
      const db = new Opened(task.path);
      const state = readState(db);
      report({ kind: 'found', state });
      this.#received.plain = state.ledger.length;
      // In WAL mode it begins with a snapshot.
      if (task.mode === 'delete') this.#received.named = state.ledger.length;
      return db;
    });
    // Temporary files in memory: what goes to one is rowtap's. The WAL is moved into the file often.
    this.#db.exec('PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY; PRAGMA wal_autocheckpoint = 40');
    this.#replicaDb.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL');
    this.#count = this.#db.prepare('SELECT count(*) FROM ledger').pluck();
    this.#plain = this.#db.changes({ maxTransactionMemory: 100_000 });
    // A snapshot beside live writes needs WAL mode.
    const snapshot = task.mode === 'wal' ? 'when-needed' : 'never';
    this.#named = within('subscribe', () => this.#db.changes({ consumer, snapshot, ack: 'manual' }));
  }

  async run(): Promise<void> {
    const { lsn, snapshot } = await this.#named.ready;
    report({ kind: 'subscribed', lsn, isSnapshot: snapshot });
    this.#isInSnapshot = snapshot;
    const reading = [this.#readNamed(), this.#readPlain()].map((each) => each.catch(fail));
    await (task.threads === 0 ? this.#writeHere() : this.#writeInThreads());
    await this.#compare();
    await this.#named.flush();
    await this.#named.close();
    await this.#plain.close();
    await Promise.all(reading);
    this.#db.close();
    this.#replicaDb.close();
    report({ kind: 'over' });
  }

  async #readNamed(): Promise<void> {
    void this.#named.bootstrapped.then(
      () => (this.#isInSnapshot = false),
      () => {},
    );
    const iterator = this.#named.transactions()[Symbol.asyncIterator]();
    for (let taken = 0; ; taken++) {
      const { value } = await within(this.#isInSnapshot ? 'snapshot' : 'spilled', () => iterator.next());
      if (value === undefined) return;
      this.#note('named', value);
      if (task.mode === 'wal') within('apply', () => this.#replica.apply(value));
      report({ kind: 'acknowledging', lsn: value.lsn });
      this.#named.ack(value.lsn);
      if (taken % 4 !== 0) continue;
      const isOfSnapshot = this.#isInSnapshot;
      // What is to be written is written before `flush` returns its promise, where nothing of this thread has a transaction open.
      within('position', () => this.#named.flush())
        .then(() => !isOfSnapshot && report({ kind: 'flushed', lsn: value.lsn }))
        .catch(fail);
    }
  }

  async #readPlain(): Promise<void> {
    for await (const transaction of this.#plain.transactions()) this.#note('plain', transaction);
  }

  #note(by: 'named' | 'plain', transaction: Rowtap.Transaction): void {
    const changes = [...(transaction as Iterable<Rowtap.Change>)].map(changeImage);
    report({ kind: 'received', by, lsn: transaction.lsn, changes });
    for (const [, table, , after] of changes) {
      if (table === 'ledger' && after !== null) this.#received[by] = Math.max(this.#received[by], after[0] as number);
    }
  }

  async #compare(): Promise<void> {
    const seq = this.#count.get() as number;
    while (this.#isInSnapshot || Math.min(this.#received.named, this.#received.plain) < seq) await turn();
    if (task.mode === 'wal') report({ kind: 'verified', isEqual: this.#replica.verify(this.#db).equal, seq });
  }

  async #writeHere(): Promise<void> {
    const random = randomOf(task.firstNumber);
    for (let written = 0; written < task.transactions; written++) {
      this.#write(task.firstNumber + written);
      if (random() < 0.5) await turn();
      if (written % 40 === 5) await this.#compare();
    }
  }

  #write(n: number): void {
    const { isRolledBack, steps } = numberedTransaction(task.seed, n);
    this.#db.exec('BEGIN IMMEDIATE');
    for (const step of steps) this.#run(step);
    if (isRolledBack) {
      within('rollback', () => this.#db.exec('ROLLBACK'));
    } else {
      within('commit', () => this.#db.exec('COMMIT'));
      report({ kind: 'committed', n });
    }
  }

  #run({ kind, table, sql, parameters }: Step): void {
    const statement = this.#db.prepare(sql);
    const isColdRead = kind === 'remove' && table === 'large' && task.point?.scope === 'hook-read';
    if (isColdRead) this.#db.exec('PRAGMA shrink_memory');
    within(isColdRead ? 'hook-read' : 'hook', () => statement.run(...parameters));
  }

  async #writeInThreads(): Promise<void> {
    const workers = Array.from({ length: task.threads }, (_, thread) => {
      const firstNumber = task.firstNumber + thread * numbersPerThread;
      return new Worker(new URL('./killed-writer.js', import.meta.url), { workerData: { ...task, firstNumber } });
    });
    await Promise.all(workers.map((worker) => once(worker, 'exit')));
  }
}

process.on('unhandledRejection', fail);
installFaultVfs();
await new Life().run().catch(fail);
