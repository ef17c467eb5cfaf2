import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { type Change, Database, listSources, Replica, RowtapError, SqliteError, type Subscription } from 'rowtap';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { allocateSingly, countAllocations } from '../support/allocation-faults.js';
import { turns } from '../support/captured.js';
import { installFaultVfs } from '../support/fault-vfs.js';
import { nativeConnectionOf } from '../support/native-connection.js';
import { allocationPoints, clearAllFaults, countOperations, type FaultPoint, filePoints, type Operations } from './fault-points.js';

beforeAll(installFaultVfs);

/** Only this point, by the name that a failure prints. */
const only = process.env.ROWTAP_FAULT;
/** Where not every point is tried, the first one: a different one at each run. */
const offset = Number(process.env.ROWTAP_FAULT_OFFSET ?? Date.now() % 1000);
/** At CI size one point of so many is tried. */
const strides = process.env.ROWTAP_SOAK === undefined && only === undefined ? { files: 6, allocations: 25 } : { files: 1, allocations: 1 };
const timeoutMs = 3_600_000;

/** Runs without a fault, then with one after the other. */
async function tryAll(
  name: string,
  run: (point: FaultPoint | undefined) => Promise<{ operations: Operations; outcome: string }>,
): Promise<void> {
  // The first run also does what is done once in a process.
  await run(undefined);
  const { operations } = await run(undefined);
  const { held } = countAllocations();
  const failures: string[] = [];
  const outcomes: Record<string, number> = {};
  for (const [points, stride] of [
    [[...filePoints(operations)], strides.files],
    [[...allocationPoints(operations)], strides.allocations],
  ] as const) {
    for (const [at, point] of points.entries()) {
      const full = `${name}/${point.name}`;
      if ((at + offset) % stride !== 0 || (only !== undefined && only !== full)) continue;
      try {
        const { outcome } = await run(point);
        outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
        expect(countAllocations().held, 'what SQLite holds when all is closed').toBe(held);
        expect(listSources(), 'sources that are left').toEqual([]);
      } catch (error) {
        if (only !== undefined) throw error;
        failures.push(`ROWTAP_FAULT='${full}': ${String(error)}`);
        if (failures.length === 20) break;
      }
    }
  }
  console.log(`${name}, ROWTAP_FAULT_OFFSET=${offset}:`, outcomes);
  expect(failures).toEqual([]);
}

/** SQLite's code, or rowtap's; anything else is a failure of the test. */
function codeOf(error: unknown): string {
  if (error instanceof SqliteError || error instanceof RowtapError) return error.code;
  throw error;
}

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'rowtap-copies-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** What a subscription gives, and what ended it. */
class Reading {
  readonly changes: Change[] = [];
  error: unknown;
  readonly #subscription: Subscription;
  readonly #ended: Promise<void>;

  constructor(subscription: Subscription) {
    this.#subscription = subscription;
    this.#ended = this.#read();
  }

  async #read(): Promise<void> {
    try {
      for await (const change of this.#subscription) this.changes.push(change);
    } catch (error) {
      this.error = error;
    }
  }

  get hasGap(): boolean {
    return this.changes.some(({ op }) => op === 'gap');
  }

  async close(): Promise<void> {
    await turns();
    await this.#subscription.close();
    await this.#ended;
  }
}

function rowsOf(db: Database): unknown[] {
  return db.prepare('SELECT * FROM t ORDER BY id').raw().all();
}

function rowsIn(path: string): unknown[] {
  const db = new Database(path, { fileMustExist: true });
  try {
    expect(db.pragma('integrity_check', { simple: true })).toBe('ok');
    return rowsOf(db);
  } finally {
    db.close();
  }
}

const setup = "CREATE TABLE t (id INTEGER PRIMARY KEY, b); INSERT INTO t SELECT value, zeroblob(3000) FROM json_each('[1,2,3,4,5]')";

/** The stream, after the changes that made the file, against the database. */
function expectEqual(before: readonly Change[], reading: Reading, db: Database): void {
  const target = new Database(':memory:');
  try {
    const replica = new Replica(target);
    replica.apply(before);
    replica.apply(reading.changes);
    expect(replica.verify(db), 'the stream against the database').toMatchObject({ equal: true });
  } finally {
    target.close();
  }
}

/** Makes a file, and gives the changes that did. */
async function changesOf(path: string, sql: string): Promise<Change[]> {
  const db = new Database(path);
  const reading = new Reading(db.changes());
  db.exec(sql);
  db.close();
  await reading.close();
  return reading.changes;
}

describe.each(['wal', 'delete'])('a backup, in %s mode,', (mode) => {
  test.each(['a new file', 'an old file', 'a file that is written and subscribed to'])(
    'into %s: it is whole, or it fails and changes nothing',
    async (destination) => {
      const folder = newFolder();
      const template = join(folder, 'template');
      const former = join(folder, 'former');
      const isNew = destination === 'a new file';
      const isOpen = destination.endsWith('subscribed to');
      const changes = await changesOf(template, `PRAGMA journal_mode = ${mode}; ${setup}`);
      const formerChanges = await changesOf(former, `PRAGMA journal_mode = ${mode}; ${setup}; UPDATE t SET b = 'former'`);
      const formerRows = rowsIn(former);
      let runs = 0;

      await tryAll(`${mode}/${destination}`, async (point) => {
        const path = join(folder, `${++runs}`);
        const copyPath = `${path}-copy`;
        copyFileSync(template, path);
        if (!isNew) copyFileSync(former, copyPath);
        const db = new Database(path, { timeout: 0 });
        const copy = isOpen ? new Database(copyPath, { timeout: 0 }) : undefined;
        try {
          const reading = new Reading(db.changes());
          const copyReading = copy === undefined ? undefined : new Reading(copy.changes());
          for (const each of [db, copy]) if (each !== undefined) allocateSingly(nativeConnectionOf(each));
          clearAllFaults();
          point?.arm();
          let outcome = 'whole';
          let turn = 0;
          try {
            const progress = (): number => {
              turn++;
              try {
                if (turn < 4) db.prepare('UPDATE t SET b = ? WHERE id = ?').run(`${turn}`, turn);
                if (turn === 4) db.exec('INSERT INTO t (b) VALUES (zeroblob(9000))');
              } catch (error) {
                codeOf(error);
              }
              return 3;
            };
            await db.backup(copyPath, { progress });
          } catch (error) {
            outcome = codeOf(error);
          }
          const operations = countOperations();
          clearAllFaults();

          expect(db.inTransaction).toBe(false);
          // Where the folder could not be synced, the journal is deleted all the same, which is what makes a transaction last.
          const isCommitted =
            outcome === 'whole' || (!isNew && outcome === 'SQLITE_IOERR_DIR_FSYNC' && !isDeepStrictEqual(rowsIn(copyPath), formerRows));
          if (isCommitted) expect(rowsIn(copyPath), 'the copy').toEqual(rowsOf(db));
          else if (!isNew) expect(rowsIn(copyPath), 'what was there before').toEqual(formerRows);
          else if (existsSync(copyPath)) outcome += ', and the empty file could not be removed';
          if (copy !== undefined && copyReading !== undefined) {
            copy.exec("INSERT INTO t (b) VALUES ('after')");
            await turns();
            if (isCommitted) expect(copyReading.hasGap, 'a gap in the stream of the destination').toBe(true);
            if (!copyReading.hasGap && copyReading.error === undefined) expectEqual(formerChanges, copyReading, copy);
            await copyReading.close();
          }
          db.exec("INSERT INTO t (b) VALUES ('after')");
          await turns();
          if (reading.error === undefined) expectEqual(changes, reading, db);
          else outcome += `; the subscriber: ${codeOf(reading.error)}`;
          await db.backup(copyPath);
          expect(rowsIn(copyPath)).toEqual(rowsOf(db));
          await reading.close();
          return { operations, outcome };
        } finally {
          clearAllFaults();
          db.close();
          copy?.close();
          await turns();
          for (const each of [path, copyPath])
            for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(each + suffix, { force: true });
        }
      });
    },
    timeoutMs,
  );

  test(
    'serialize gives all of it, or an error',
    async () => {
      const folder = newFolder();
      const path = join(folder, 'test.db');
      new Database(path).exec(`PRAGMA journal_mode = ${mode}; ${setup}`).close();
      const expected = rowsIn(path);
      await tryAll(`${mode}/serialize`, async (point) => {
        // Another connection, so that the WAL and its index stay.
        const writer = new Database(path).exec('UPDATE t SET b = b WHERE id = 1');
        const db = new Database(path, { timeout: 0 });
        try {
          allocateSingly(nativeConnectionOf(db));
          clearAllFaults();
          point?.arm();
          let outcome = 'whole';
          let content: Buffer | undefined;
          try {
            content = db.serialize();
          } catch (error) {
            outcome = codeOf(error);
          }
          const operations = countOperations();
          clearAllFaults();
          expect(db.inTransaction).toBe(false);
          for (const each of [content, db.serialize()]) {
            if (each === undefined) continue;
            const copy = new Database(each);
            expect(rowsOf(copy)).toEqual(expected);
            copy.close();
          }
          // No lock is left.
          writer.exec('UPDATE t SET b = b WHERE id = 1; BEGIN EXCLUSIVE; COMMIT');
          return await Promise.resolve({ operations, outcome });
        } finally {
          clearAllFaults();
          db.close();
          writer.close();
        }
      });
    },
    timeoutMs,
  );
});

test(
  'a database from a Buffer: it opens or says why not, and its stream is what it holds',
  async () => {
    const path = join(newFolder(), 'origin');
    const changes = await changesOf(path, setup);
    const origin = new Database(path);
    const content = origin.serialize();
    origin.close();
    const steps = [
      "INSERT INTO t (b) VALUES ('one'), (zeroblob(20000))",
      'BEGIN',
      "UPDATE t SET b = 'two' WHERE id < 3",
      'SAVEPOINT s',
      'DELETE FROM t WHERE id = 4',
      'ROLLBACK TO s',
      'CREATE TABLE u AS SELECT * FROM t',
      'COMMIT',
      'DELETE FROM u',
      'VACUUM',
    ];
    await tryAll('buffer', async (point) => {
      clearAllFaults();
      point?.arm();
      let outcome = '';
      let db: Database | undefined;
      try {
        try {
          db = new Database(content);
        } catch (error) {
          outcome = `not opened: ${codeOf(error)}`;
          const operations = countOperations();
          clearAllFaults();
          db = new Database(content);
          expect(rowsOf(db)).toHaveLength(5);
          return { operations, outcome };
        }
        let reading: Reading | undefined;
        try {
          reading = new Reading(db.changes());
        } catch (error) {
          outcome = `not subscribed: ${codeOf(error)}; `;
        }
        for (const step of steps) {
          try {
            db.exec(step);
          } catch (error) {
            codeOf(error);
          }
          await turns();
        }
        const operations = countOperations();
        clearAllFaults();
        if (db.inTransaction) db.exec('ROLLBACK');
        db.exec("INSERT INTO t (b) VALUES ('after')");
        await turns();
        if (reading === undefined) return { operations, outcome };
        const isTold = reading.error !== undefined || reading.hasGap;
        outcome += reading.error === undefined ? (reading.hasGap ? 'gap' : 'whole') : codeOf(reading.error);
        await reading.close();
        if (!isTold) expectEqual(changes, reading, db);
        return { operations, outcome };
      } finally {
        clearAllFaults();
        db?.close();
        await turns();
      }
    });
  },
  timeoutMs,
);
