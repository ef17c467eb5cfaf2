import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect, onTestFinished, test } from 'vitest';
import { newDatabase, newPath } from '../snapshot/database-file.js';
import { ledgerOf, ledgerSchema } from '../support/ledger.js';
import { printedSeed } from '../support/seeded-random.js';

/** Of each connection; there are eight. */
const transactions = Number(process.env.ROWTAP_STRESS_TRANSACTIONS ?? (process.env.ROWTAP_SOAK === undefined ? 1500 : 20_000));

const schema = `${ledgerSchema};
  CREATE TABLE r (id INTEGER PRIMARY KEY, u UNIQUE, v);
  CREATE TABLE w (k TEXT PRIMARY KEY, v) WITHOUT ROWID;
  CREATE TABLE k (a, b);
  CREATE TABLE child (id INTEGER PRIMARY KEY, parent REFERENCES r (id) ON DELETE CASCADE ON UPDATE SET NULL);
  CREATE TABLE log (text);
  CREATE TRIGGER r_insert AFTER INSERT ON r WHEN new.id % 5 = 0 BEGIN INSERT INTO log VALUES (new.v); END;
  CREATE TRIGGER w_delete AFTER DELETE ON w BEGIN DELETE FROM log WHERE rowid % 2 = 0; END;`;

function start(program: string, data: Record<string, unknown>): Worker {
  const rowtap = new URL('../../dist/index.js', import.meta.url).href;
  const worker = new Worker(new URL(program, import.meta.url), { workerData: { rowtap, ...data } });
  onTestFinished(async () => void (await worker.terminate()));
  return worker;
}

/** Rejects with what the thread throws. */
async function said<Message>(worker: Worker): Promise<Message> {
  return ((await once(worker, 'message')) as [Message])[0];
}

interface Followed {
  last: number;
  changes: number;
  verification: { equal: boolean; tables: { rows: number; missing: number; extra: number; different: number }[] };
}

test(
  `four threads with two writers each commit ${8 * transactions} random transactions, and a fifth one follows them`,
  async () => {
    const seed = printedSeed();
    const path = newPath();
    const db = newDatabase(schema, path);
    const reader = start('./threads-reader.mjs', { path });
    await said(reader);
    const followed = said<Followed>(reader);
    const writers = [0, 1, 2, 3].map((number) =>
      start('./threads-writer.mjs', { path, seed: seed + number, transactions, name: `writer-${number}` }),
    );
    const outcomes = await Promise.race([Promise.all(writers.map((writer) => said<Record<string, number>>(writer))), followed]);
    if (!Array.isArray(outcomes)) expect.fail(`the reader has ended before the writers: ${JSON.stringify(outcomes)}`);
    const total = (outcome: string): number => outcomes.reduce((sum, counted) => sum + (counted[outcome] ?? 0), 0);
    console.log(JSON.stringify(outcomes));
    expect(total('committed')).toBe(8 * transactions);
    expect(ledgerOf(db)).toBe(8 * transactions);
    // They did meet each other.
    expect(total('locked') + total('SQLITE_BUSY') + total('SQLITE_BUSY_SNAPSHOT')).toBeGreaterThan(0);
    expect(total('visit')).toBeGreaterThan(0);
    reader.postMessage(ledgerOf(db));
    const { last, verification } = await followed;
    expect(last).toBe(8 * transactions);
    expect(verification.equal, JSON.stringify(verification.tables)).toBe(true);
    expect(db.pragma('integrity_check', { simple: true })).toBe('ok');
  },
  60_000 + transactions * 400,
);
