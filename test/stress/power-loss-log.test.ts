import { rmSync } from 'node:fs';
import { type Change, Database, openSource, Replica, type Transaction } from 'rowtap';
import { expect, test } from 'vitest';
import { newPath } from '../snapshot/database-file.js';
import { type PowerLossLife, type PowerLossRun, runUntilPowerLoss } from '../support/power-loss.js';
import { type Setting, settings } from '../support/power-loss-transactions.js';
import { printedSeed } from '../support/seeded-random.js';

// A file that keeps a log, after a power cut: what the log tells is what the tables hold, and a consumer's effect in the same database is what its
// position says.

const seed = printedSeed();
const isFull = process.env.ROWTAP_SOAK !== undefined;
const transactions = isFull ? 16 : 8;
/** So many points further on each time, from one that the seed gives. */
const step = isFull ? 1 : 40;
/** Of each point: with all lost, and so many times with some. */
const draws = isFull ? 3 : 1;

interface Task {
  journal: Setting['journal'];
  synchronous: Setting['synchronous'];
  transactions: number;
}

/** `keeper` begins before there is anything and never acknowledges, so the log is kept from its first entry on. */
async function write({ rowtap, path, argument, acknowledge }: PowerLossLife<Task>): Promise<void> {
  const db = new rowtap.Database(path);
  db.exec(`PRAGMA synchronous = ${argument.synchronous}; PRAGMA page_size = 1024; PRAGMA journal_mode = ${argument.journal};
    PRAGMA wal_autocheckpoint = 40; PRAGMA cache_size = 12`);
  const source = rowtap.openSource(db, { durability: 'log' });
  const keeper = source.subscribe({ consumer: 'keeper', snapshot: 'never', ack: 'manual' });
  await keeper.flush();
  db.exec(`CREATE TABLE ledger (n INTEGER PRIMARY KEY); CREATE TABLE t (id INTEGER PRIMARY KEY, n, body); CREATE INDEX i ON t (n, id);
    CREATE TABLE journal (seq INTEGER PRIMARY KEY, lsn INTEGER, "index" INTEGER, UNIQUE (lsn, "index"))`);
  const once = source.subscribe({ consumer: 'once', snapshot: 'never', ack: 'manual', excludeTables: ['journal'] });
  await once.flush();
  const changes = once[Symbol.asyncIterator]();
  const journal = db.prepare('INSERT INTO journal (lsn, "index") VALUES (?, ?)');
  const handle = db.transaction((change: Change) => {
    journal.run(change.lsn, change.index);
    once.ack(change);
  });
  for (let n = 0; n < argument.transactions; n++) {
    db.exec(`BEGIN; INSERT INTO ledger VALUES (${n});
      WITH RECURSIVE ids (id) AS (SELECT ${n * 100} UNION ALL SELECT id + 1 FROM ids LIMIT 4)
        INSERT INTO t (id, n, body) SELECT id, ${n}, printf('%.*c', ${n % 3 === 2 ? 3000 : 300}, char(97 + id % 26)) FROM ids;
      UPDATE t SET n = ${n}, body = body || 'u' WHERE id % 3 = ${n % 3}; DELETE FROM t WHERE id % 7 = ${n % 7}; COMMIT`);
    acknowledge(n);
    if (n % 3 === 1) db.exec(`ALTER TABLE t ADD COLUMN c${n} DEFAULT ${n}`);
    // Not all of the transaction: the next ones find it in the middle.
    for (let handled = 0; handled < 6; handled++) handle((await changes.next()).value as Change);
  }
  await keeper.flush();
  db.close();
}

const isMarker = (change: Change): boolean => change.op === 'insert' && change.table === 'ledger' && change.after?.['n'] === -1;

/** What has been recovered: the transactions that are there, or undefined where nothing had begun. */
async function recover(path: string, context: string): Promise<number[] | undefined> {
  const db = new Database(path);
  try {
    expect(db.pragma('integrity_check', { simple: true }), context).toBe('ok');
    const has = (table: string): boolean => db.prepare('SELECT 1 FROM sqlite_schema WHERE name = ?').get(table) !== undefined;
    const begun = has('_rowtap_checkpoints') ? (db.prepare('SELECT consumer FROM _rowtap_checkpoints').pluck().all() as string[]) : [];
    if (!begun.includes('keeper')) {
      expect(has('ledger'), `nothing was written before the consumer was there: ${context}`).toBe(false);
      return undefined;
    }
    if (!has('journal')) return [];
    const ledger = db.prepare('SELECT n FROM ledger ORDER BY n').pluck().all() as number[];
    // What recovery has left can be gone on with; and behind this row nothing more is to come.
    const source = openSource(db, { durability: 'log' });
    db.exec('INSERT INTO ledger VALUES (-1)');
    const logged = await replay(db, source.subscribe({ consumer: 'keeper', snapshot: 'never', ack: 'manual' }).transactions(), context);
    if (begun.includes('once')) {
      const handled = db.prepare(`SELECT lsn || ' ' || "index" FROM journal ORDER BY seq`).pluck().all() as string[];
      const rest: string[] = [];
      for await (const change of source.subscribe({ consumer: 'once', snapshot: 'never', ack: 'manual', excludeTables: ['journal'] })) {
        rest.push(`${change.lsn} ${change.index}`);
        if (isMarker(change)) break;
      }
      expect([...handled, ...rest], `each change has its effect once: ${context}`).toEqual(
        logged.slice(logged.length - handled.length - rest.length),
      );
      expect(handled.length + rest.length).toBeGreaterThanOrEqual(ledger.length + 1);
    }
    await source.close();
    return ledger;
  } finally {
    db.close();
  }
}

/** Builds the tables from the log, and compares. Gives the places of all changes but the journal's, whose commits are others'. */
async function replay(db: Database, log: AsyncIterable<Transaction>, context: string): Promise<string[]> {
  const target = new Database(':memory:');
  const replica = new Replica(target);
  const places: string[] = [];
  for await (const transaction of log) {
    const changes: Change[] = [...(transaction as Iterable<Change>)];
    expect(
      changes.filter(({ op }) => op === 'gap'),
      context,
    ).toEqual([]);
    replica.apply(transaction);
    places.push(...changes.filter(({ table }) => table !== 'journal').map(({ lsn, index }) => `${lsn} ${index}`));
    if (changes.some(isMarker)) break;
  }
  const { equal, tables } = replica.verify(db);
  expect({ equal, tables: equal ? [] : tables }, `the log is the tables: ${context}`).toEqual({ equal: true, tables: [] });
  target.close();
  return places;
}

type Cut = Pick<PowerLossRun<Task>, 'cutAt' | 'mode' | 'seed' | 'sectorBytes'>;

/** Whether the script came to its end before the cut. */
async function cutAndRecover(cut: Cut, { journal, synchronous, keeps }: Setting): Promise<{ isOver: boolean; isLoss: boolean }> {
  const path = newPath();
  const argument = { journal, synchronous, transactions };
  const { acknowledged, operations } = await runUntilPowerLoss<number, Task>({ script: write, path, argument, ...cut });
  const context = JSON.stringify({ ...cut, journal, synchronous, acknowledged: acknowledged.length });
  const recovered = (await recover(path, context)) ?? [];
  expect(recovered, `the first so many of them: ${context}`).toEqual(recovered.map((_, n) => n));
  // The one whose COMMIT had not returned may be there.
  expect(recovered.length, context).toBeLessThanOrEqual(acknowledged.length + 1);
  const least = keeps === 'all' ? acknowledged.length : keeps === 'all-but-last' ? acknowledged.length - 1 : 0;
  expect(recovered.length, `acknowledged transactions are there: ${context}`).toBeGreaterThanOrEqual(least);
  for (const end of ['', '-wal', '-shm', '-journal']) rmSync(path + end, { force: true });
  return { isOver: operations !== undefined, isLoss: recovered.length < acknowledged.length };
}

test.each(settings.filter(({ keeps }) => keeps !== 'nothing'))(
  'after a power cut with $journal, $synchronous the log and the tables agree',
  { timeout: 3_600_000 },
  async (setting) => {
    let cuts = 0;
    let losses = 0;
    const startMs = performance.now();
    for (let after = seed % step, isOver = false; !isOver; after += step) {
      const drawn = Array.from({ length: draws + 1 }, (_, draw) => {
        const moment: 'amid' | 'before' = (after + draw) % 3 === 0 ? 'amid' : 'before';
        const sectorBytes = (after + draw) % 2 === 0 ? 512 : 4096;
        return { cutAt: { after, moment }, sectorBytes, mode: draw === 0 ? 'all' : 'some', seed: seed + after * draws + draw } as const;
      });
      const ends = await Promise.all(drawn.map((cut) => cutAndRecover(cut, setting)));
      isOver = ends.some((end) => end.isOver);
      cuts += ends.length;
      losses += ends.filter(({ isLoss }) => isLoss).length;
    }
    expect(cuts).toBeGreaterThan(20);
    console.log(
      `${setting.journal}, ${setting.synchronous}: ${cuts} cuts in ${Math.round(performance.now() - startMs)} ms, ${losses} with a loss`,
    );
  },
);
