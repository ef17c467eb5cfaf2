import { readFileSync } from 'node:fs';
import { Database } from 'rowtap';
import { expect, test } from 'vitest';
import { newPath } from '../snapshot/database-file.js';
import { type PowerLossLife, runUntilPowerLoss } from '../support/power-loss.js';
import { judge, PowerLossTransactions, settings, transactionsOf } from '../support/power-loss-transactions.js';
import { printedSeed, seededRandom } from '../support/seeded-random.js';

// That the disk of the tests loses what was not synced, and nothing else: SQLite keeps its promises on it, and without syncs it can't.
// Many more points of the same: test/stress/power-loss.test.ts.

const seed = printedSeed();
const cutsOfSetting = 4;

/** Small ones, so that nothing moves the WAL into the file meanwhile. */
const fiveSmall = new PowerLossTransactions([
  'CREATE TABLE ledger (n INTEGER PRIMARY KEY); CREATE TABLE t (id INTEGER PRIMARY KEY)',
  ...[1, 2, 3, 4].map((n) => `INSERT INTO ledger VALUES (${n})`),
]);

const left = { all: 5, 'all-but-last': 4, prefix: 0, nothing: 0 };

test.each(settings)('what is acknowledged with $journal, $synchronous and lost in a power cut: $keeps is kept', async (setting) => {
  const cut = { cutAt: Number.POSITIVE_INFINITY, mode: 'all', seed } as const;
  expect(await fiveSmall.runUntil(cut, setting, false)).toMatchObject({ acknowledged: 5, recovered: left[setting.keeps] });
});

test.each([
  ['before', 1],
  ['after', 2],
] as const)('a cut at a named point: %s the second journal is deleted, %i transactions are there', async (moment, recovered) => {
  // PRAGMA journal_mode tries to delete one that is not there.
  const cutAt = { at: { file: 'journal', operation: 'delete' }, after: 2, moment } as const;
  const setting = { journal: 'delete', synchronous: 'extra', keeps: 'all' } as const;
  expect(await fiveSmall.runUntil({ cutAt, mode: 'all', seed }, setting)).toMatchObject({ acknowledged: 1, recovered });
});

test('what the script throws is thrown', async () => {
  const script = () => {
    throw new Error('out of scripts');
  };
  const run = { script, path: newPath(), argument: null, cutAt: 0, mode: 'all', seed } as const;
  await expect(runUntilPowerLoss(run)).rejects.toThrow('out of scripts');
});

const rewrite = ({ rowtap, path, acknowledge }: PowerLossLife<null>): void => {
  const db = new rowtap.Database(path);
  db.exec("PRAGMA synchronous = OFF; UPDATE t SET body = body || 'new'; DELETE FROM t WHERE id % 3 = 0");
  acknowledge(db.prepare('SELECT count(*) FROM t').pluck().get());
  db.exec('VACUUM; INSERT INTO t SELECT id + 1000, body || body FROM t; DELETE FROM t WHERE id < 1000; VACUUM');
};

/** The file before and after some of it was overwritten, cut off and appended, without a sync, and the power was cut. */
async function rewritten(mode: 'all' | 'some', seed: number): Promise<{ before: Buffer; after: Buffer }> {
  const path = newPath();
  const db = new Database(path);
  db.exec('CREATE TABLE t (id INTEGER PRIMARY KEY, body)');
  for (let id = 0; id < 60; id++) db.exec(`INSERT INTO t VALUES (${id}, printf('%.*c', 1500, 'x'))`);
  db.close();
  const before = readFileSync(path);
  const cut = { cutAt: Number.POSITIVE_INFINITY, mode, seed, sectorBytes: 512 } as const;
  expect((await runUntilPowerLoss({ script: rewrite, path, argument: null, ...cut })).acknowledged).toEqual([40]);
  return { before, after: readFileSync(path) };
}

test('where all is lost, each byte is as it was at the last sync, and the size', async () => {
  const { before, after } = await rewritten('all', seed);
  expect(after.equals(before)).toBe(true);
});

test('where some is lost, the seed says what', async () => {
  const seeds = [seed, seed, seed + 1, seed + 2, seed + 3];
  const [first, second, ...others] = await Promise.all(seeds.map((each) => rewritten('some', each)));
  expect(second?.after.equals(first?.after as Buffer)).toBe(true);
  expect(others.some(({ after }) => !after.equals(first?.after as Buffer))).toBe(true);
});

const transactions = new PowerLossTransactions(transactionsOf(seed, 8));

test.each(settings)('power cuts at some points with $journal, $synchronous', async (setting) => {
  const random = seededRandom(seed);
  const { operations = 0 } = await transactions.runUntil({ cutAt: Number.POSITIVE_INFINITY, mode: 'some', seed }, setting);
  expect(operations).toBeGreaterThan(50);
  for (let run = 0; run < cutsOfSetting; run++) {
    const cut = {
      cutAt: { after: random(operations), moment: run % 3 === 0 ? 'amid' : 'before' },
      mode: run % 2 === 0 ? 'some' : 'all',
      sectorBytes: run % 4 < 2 ? 512 : 4096,
      seed: seed + run,
    } as const;
    const aftermath = await transactions.runUntil(cut, setting);
    judge(aftermath, setting, JSON.stringify({ ...cut, ...setting, transactions: seed, ...aftermath }));
  }
});

const inThreads = async ({ rowtap, path, argument, acknowledge }: PowerLossLife<{ rowtap: string }>): Promise<void> => {
  const { Worker } = process.getBuiltinModule('node:worker_threads');
  const db = new rowtap.Database(path);
  db.exec('PRAGMA journal_mode = WAL; CREATE TABLE t (id INTEGER PRIMARY KEY, body)');
  const program = `
    const { parentPort, workerData: { rowtap, path, first } } = require('node:worker_threads');
    import(rowtap).then(({ Database }) => {
      const db = new Database(path);
      db.exec('PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 30');
      for (let id = first; id < first + 40; id++) {
        db.exec("INSERT INTO t VALUES (" + id + ", printf('%.*c', 3000, 'x'))");
        parentPort.postMessage(id);
      }
      db.close();
    });`;
  const workers = [0, 1000, 2000].map((first) => new Worker(program, { eval: true, workerData: { ...argument, path, first } }));
  for (const worker of workers) worker.on('message', acknowledge);
  await Promise.all(workers.map((worker) => new Promise((resolve) => worker.once('exit', resolve))));
};

test('what several connections in several threads have committed is there', async () => {
  const random = seededRandom(seed);
  const rowtap = new URL('../../dist/index.js', import.meta.url).href;
  let total = 0;
  for (let run = 0; run < 5; run++) {
    const path = newPath();
    const cut = { cutAt: 100 + random(300), mode: run % 2 === 0 ? 'some' : 'all', seed: seed + run } as const;
    const { acknowledged } = await runUntilPowerLoss<number, { rowtap: string }>({ script: inThreads, path, argument: { rowtap }, ...cut });
    const db = new Database(path);
    expect(db.pragma('integrity_check', { simple: true })).toBe('ok');
    expect(db.prepare('SELECT id FROM t').pluck().all(), JSON.stringify(cut)).toEqual(expect.arrayContaining(acknowledged));
    total += acknowledged.length;
    db.close();
  }
  expect(total).toBeGreaterThan(0);
});
