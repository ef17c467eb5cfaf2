import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type Change, Database, openSource, type Source } from 'rowtap';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { beginArchive, readArchive } from '../support/archive.js';
import { brief } from '../support/captured.js';
import { installFaultVfs } from '../support/fault-vfs.js';
import { allocationPoints, clearAllFaults, countOperations, type FaultPoint, filePoints, type Operations } from './fault-points.js';

beforeAll(installFaultVfs);

/** Where not every point is tried, the first one: a different one at each run. */
const offset = Number(process.env.ROWTAP_FAULT_OFFSET ?? Date.now() % 1000);
/** At CI size one point of so many is tried. */
const stride = process.env.ROWTAP_SOAK === undefined ? 15 : 1;
const end = 'end_of_reading';
const quickTurns = 100;
/** What a subscription may end with where its log can't be read: SQLite's words, that it is locked, or that memory is short. */
const told = /^(SQLITE_(NOMEM|IOERR|CANTOPEN)|ROWTAP_BUSY|RangeError)/;

/** Transactions of one row, of several parts, of several schemas. */
async function newLog(mode: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'rowtap-log-reads-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'test.db');
  new Database(path).exec(`PRAGMA journal_mode = ${mode}`).close();
  await beginArchive(path);
  const db = new Database(path);
  db.exec('CREATE TABLE t (id INTEGER PRIMARY KEY, a)');
  for (let id = 1; id <= 5; id++) db.prepare('INSERT INTO t VALUES (?, ?)').run(id, 'row');
  db.exec("INSERT INTO t SELECT value + 10, randomblob(90000) FROM json_each('[1,2,3,4,5,6,7,8]')");
  db.exec('ALTER TABLE t ADD COLUMN b; UPDATE t SET b = id; CREATE TABLE u (x); INSERT INTO u VALUES (1)');
  db.exec(`CREATE TABLE ${end} (n); INSERT INTO ${end} VALUES (1)`);
  db.close();
  return path;
}

interface Outcome {
  changes: string[];
  /** What has ended it. */
  error: unknown;
  /** It had come to no end while the fault lasted, and the source has said that something is wrong. */
  hasWaited: boolean;
  operations: Operations;
}

/** From its beginning, with that fault, until the end, or what ends it. Where it waits for the fault to go, and the source says so, the fault goes. */
async function read(path: string, point: FaultPoint | undefined): Promise<Outcome> {
  const db = new Database(path, { timeout: 0 });
  db.prepare('SELECT * FROM t').all();
  const source = openSource(db, { durability: 'log' });
  clearAllFaults();
  point?.arm();
  const changes: Change[] = [];
  const state: { isOver: boolean; error?: unknown } = { isOver: false };
  const reading = readAll(source, changes)
    .catch((error: unknown) => {
      state.error = error;
    })
    .finally(() => {
      state.isOver = true;
    });
  // The source is asked when most have ended: to answer, it reads the file too.
  for (let turn = 0; !state.isOver && (turn < quickTurns || source.info().state !== 'degraded'); turn++) await pause(1);
  const hasWaited = !state.isOver;
  const operations = countOperations();
  clearAllFaults();
  await reading;
  await source.close();
  db.close();
  return { changes: changes.map(brief), error: state.error, hasWaited, operations };
}

async function readAll(source: Source, changes: Change[]): Promise<void> {
  for await (const change of source.subscribe({ consumer: 'archive', snapshot: 'never', ack: 'manual' })) {
    changes.push(change);
    if (change.table === end && change.op === 'insert') return;
  }
}

test.each(['wal', 'delete'])(
  'whatever fails while the log is read, nothing is left out, and what ends the reading says so: %s',
  async (mode) => {
    const path = await newLog(mode);
    await read(path, undefined);
    const { changes: all, operations } = await read(path, undefined);
    expect(all.at(-1)).toBe(`insert ${end} (1)`);
    expect(all.some((text) => text.startsWith('gap'))).toBe(false);
    const failures: string[] = [];
    const counts = { tried: 0, ended: 0, waited: 0 };
    const points = [...filePoints(operations), ...allocationPoints(operations)];
    for (const [at, point] of points.entries()) {
      if ((at + offset) % stride !== 0) continue;
      const { changes, error, hasWaited } = await read(path, point);
      counts.tried++;
      if (hasWaited) counts.waited++;
      if (changes.some((text, index) => text !== all[index])) failures.push(`${point.name}: something was left out, or came twice`);
      if (error === undefined) {
        if (changes.length !== all.length) failures.push(`${point.name}: not all of it`);
        continue;
      }
      counts.ended++;
      const { code, name } = error as { code?: string; name: string };
      if (!told.test(code ?? name)) failures.push(`${point.name}: ${String(error)}`);
    }
    console.log(`${mode}, ROWTAP_FAULT_OFFSET=${offset}:`, counts);
    expect(failures).toEqual([]);
    expect(counts.ended).toBeGreaterThan(0);
    // It was read, and nothing else.
    expect((await readArchive(path)).map(brief).slice(0, all.length)).toEqual(all);
  },
  3_600_000,
);
