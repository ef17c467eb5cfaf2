import { rmSync } from 'node:fs';
import { Database } from 'rowtap';
import { expect } from 'vitest';
import { newPath } from '../snapshot/database-file.js';
import { type PowerLossLife, type PowerLossRun, runUntilPowerLoss } from './power-loss.js';
import { seededRandom } from './seeded-random.js';

/** How SQLite was told to write, and what it then promises of the transactions whose COMMIT has returned. */
export interface Setting {
  journal: 'wal' | 'delete' | 'truncate' | 'persist';
  synchronous: 'off' | 'normal' | 'full' | 'extra';
  /**
   * - `all`: each is there.
   * - `all-but-last`: the last one may be gone. FULL does not sync the folder when it has deleted the journal; EXTRA does
   *   (https://www.sqlite.org/pragma.html#pragma_synchronous).
   * - `prefix`: some of the last ones may be gone.
   * - `nothing`: the file itself may be damaged.
   */
  keeps: 'all' | 'all-but-last' | 'prefix' | 'nothing';
}

export const settings: readonly Setting[] = [
  { journal: 'wal', synchronous: 'full', keeps: 'all' },
  { journal: 'wal', synchronous: 'normal', keeps: 'prefix' },
  { journal: 'wal', synchronous: 'off', keeps: 'nothing' },
  { journal: 'delete', synchronous: 'extra', keeps: 'all' },
  { journal: 'delete', synchronous: 'full', keeps: 'all-but-last' },
  { journal: 'truncate', synchronous: 'full', keeps: 'all' },
  { journal: 'persist', synchronous: 'full', keeps: 'all' },
  { journal: 'delete', synchronous: 'off', keeps: 'nothing' },
];

/** SQL of transactions that touch many pages, of which the file grows, shrinks and is reused. The first creates the tables. */
export function transactionsOf(seed: number, count: number): string[] {
  const random = seededRandom(seed);
  const first =
    'CREATE TABLE ledger (n INTEGER PRIMARY KEY); CREATE TABLE t (id INTEGER PRIMARY KEY, n, body); CREATE INDEX i ON t (n, id)';
  const numbered = Array.from({ length: count - 1 }, (_, n) => {
    const grow = `WITH RECURSIVE ids (id) AS (SELECT ${n * 100} UNION ALL SELECT id + 1 FROM ids LIMIT ${1 + random(6)})
      INSERT INTO t SELECT id, ${n}, printf('%.*c', ${random(2000)}, char(97 + id % 26)) FROM ids`;
    const update = `UPDATE t SET n = ${n}, body = body || 'u' WHERE id % ${2 + random(3)} = 0`;
    const shrink = `DELETE FROM t WHERE id % ${2 + random(4)} = 1`;
    return `INSERT INTO ledger VALUES (${n}); ${[grow, update, shrink].filter((_, at) => at === n % 2 || random(2) === 0).join('; ')}`;
  });
  return [first, ...numbered];
}

/** All that the tables hold, as text. */
function contentOf(db: Database): string {
  const isThere = db.prepare("SELECT count(*) FROM sqlite_schema WHERE type = 'table'").pluck().get();
  if (isThere === 0) return 'nothing';
  return JSON.stringify([db.prepare('SELECT * FROM ledger').all(), db.prepare('SELECT * FROM t ORDER BY id').all()]);
}

/** What the tables hold after none of the transactions, after the first, and so on. */
function contentsAfter(transactions: readonly string[]): string[] {
  const db = new Database(':memory:');
  const contents = [contentOf(db)];
  for (const sql of transactions) {
    db.exec(sql);
    contents.push(contentOf(db));
  }
  db.close();
  return contents;
}

interface Task {
  options: string;
  transactions: string[];
  isClosed: boolean;
}

function write({ rowtap, path, argument, acknowledge }: PowerLossLife<Task>): void {
  const db = new rowtap.Database(path);
  db.exec(argument.options);
  for (const sql of argument.transactions) {
    db.exec(`BEGIN; ${sql}; COMMIT`);
    acknowledge(sql);
  }
  if (argument.isClosed) db.close();
}

/** Recovers the file: after how many of the transactions it is, or whether it is none of their states. */
function recover(path: string, contents: readonly string[]): number | 'damaged' {
  const db = new Database(path);
  try {
    if (db.pragma('integrity_check', { simple: true }) !== 'ok') return 'damaged';
    const after = contents.indexOf(contentOf(db));
    return after < 0 ? 'damaged' : after;
  } catch {
    return 'damaged';
  } finally {
    db.close();
  }
}

export interface Aftermath {
  acknowledged: number;
  recovered: number | 'damaged';
  /** Where the script came to its end. */
  operations: number | undefined;
}

type Cut = Pick<PowerLossRun<Task>, 'cutAt' | 'mode' | 'seed'> & Pick<Partial<PowerLossRun<Task>>, 'sectorBytes'>;

export class PowerLossTransactions {
  readonly #transactions: string[];
  readonly #contents: string[];

  constructor(transactions: string[]) {
    this.#transactions = transactions;
    this.#contents = contentsAfter(transactions);
  }

  /** In a new file, which the transactions' process creates. `isClosed`: that it also closes it, which moves a WAL into the file. */
  async runUntil(cut: Cut, { journal, synchronous }: Setting, isClosed = true): Promise<Aftermath> {
    const path = newPath();
    // The file is cut behind the journal's end. Where nobody syncs that end, the cut can last and the journal come back, which does not hold what
    // was cut off: then a file that is cut at each commit is damaged.
    const autoVacuum = journal === 'delete' && synchronous === 'full' ? 'NONE' : 'FULL';
    // A small cache, so that pages reach the file before the COMMIT.
    const options = `PRAGMA synchronous = ${synchronous}; PRAGMA page_size = 1024; PRAGMA auto_vacuum = ${autoVacuum}; PRAGMA journal_mode = ${journal};
      PRAGMA wal_autocheckpoint = 40; PRAGMA cache_size = 12`;
    const argument = { options, transactions: this.#transactions, isClosed };
    const { acknowledged, operations } = await runUntilPowerLoss({ script: write, path, argument, ...cut });
    const recovered = recover(path, this.#contents);
    for (const end of ['', '-wal', '-shm', '-journal']) rmSync(path + end, { force: true });
    return { acknowledged: acknowledged.length, recovered, operations };
  }
}

/** That the promise was kept. */
export function judge({ acknowledged, recovered }: Aftermath, { keeps }: Setting, context: string): void {
  if (keeps === 'nothing') return;
  expect(recovered, `whole after a cut: ${context}`).not.toBe('damaged');
  // The one whose COMMIT had not returned may be there.
  expect(recovered, context).toBeLessThanOrEqual(acknowledged + 1);
  const least = keeps === 'all' ? acknowledged : keeps === 'all-but-last' ? acknowledged - 1 : 0;
  expect(recovered, `acknowledged transactions are there: ${context}`).toBeGreaterThanOrEqual(least);
}

export const isLoss = ({ acknowledged, recovered }: Aftermath): boolean => recovered === 'damaged' || recovered < acknowledged;
