import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Change, Database, openSource, type Source } from 'rowtap';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { beginArchive, readArchive } from '../support/archive.js';
import { brief } from '../support/captured.js';
import { installFaultVfs } from '../support/fault-vfs.js';
import { allocationPoints, clearAllFaults, countOperations, type FaultPoint, filePoints, type Operations } from './fault-points.js';

beforeAll(installFaultVfs);

const end = 'end_of_reading';
/** What a subscription may end with where its log can't be read: SQLite's words, or that memory is short. */
const told = /^(SQLITE_(NOMEM|IOERR|CANTOPEN|READONLY)|ROWTAP_BUSY|RangeError)/;

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

interface Reading {
  changes: string[];
  error: unknown;
  operations: Operations;
}

/** From its beginning, with that fault; until the end, or what ends it. */
async function read(path: string, point: FaultPoint | undefined): Promise<Reading> {
  const db = new Database(path, { timeout: 0 });
  let source: Source | undefined;
  const changes: Change[] = [];
  let error: unknown;
  try {
    db.prepare('SELECT * FROM t').all();
    source = openSource(db, { durability: 'log' });
    clearAllFaults();
    point?.arm();
    for await (const change of source.subscribe({ consumer: 'archive', snapshot: 'never', ack: 'manual' })) {
      changes.push(change);
      if (change.table === end && change.op === 'insert') break;
    }
  } catch (reason) {
    error = reason;
  } finally {
    const operations = countOperations();
    clearAllFaults();
    await source?.close();
    db.close();
    // biome-ignore lint/correctness/noUnsafeFinally: what was thrown is kept.
    return { changes: changes.map(brief), error, operations };
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
    let ended = 0;
    let tried = 0;
    const step = process.env.ROWTAP_SOAK === undefined ? 7 : 1;
    const points = [...filePoints(operations), ...allocationPoints(operations)];
    for (let at = Date.now() % step; at < points.length; at += step) {
      const point = points[at] as FaultPoint;
      // A log that is locked for ever is asked for ever.
      if (/busy\.on\./.test(point.name)) continue;
      const { changes, error } = await read(path, point);
      tried++;
      if (error === undefined) {
        if (changes.length !== all.length || changes.some((text, at) => text !== all[at])) failures.push(`${point.name}: not all of it`);
        continue;
      }
      ended++;
      const { code, name } = error as { code?: string; name: string };
      if (!told.test(code ?? name)) failures.push(`${point.name}: ${String(error)}`);
      if (changes.some((text, at) => text !== all[at])) failures.push(`${point.name}: something was left out before ${String(error)}`);
    }
    console.log(`${mode}: ${tried} tried, ${ended} ended with an error`);
    expect(failures).toEqual([]);
    expect(ended).toBeGreaterThan(0);
    // It was read, and nothing else.
    expect((await readArchive(path)).map(brief).slice(0, all.length)).toEqual(all);
  },
  600_000,
);
