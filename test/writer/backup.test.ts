import { copyFileSync, existsSync, linkSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { BackupProgress } from '../../lib/writer/backup.js';
import { Database } from '../../lib/writer/database.js';
import { clearFaults, failFile, installFaultVfs, resultCode } from '../support/fault-vfs.js';
import { runProgram } from './child.js';
import { type Driver, drivers, entries, failureOf, open, temporaryPath } from './drivers.js';

const [rowtap] = drivers as [Driver];
/** A table of so many rows, each on a page of its own. */
const ofPages = (pages: number) => `CREATE TABLE t (id INTEGER PRIMARY KEY, b);
  INSERT INTO t (b) SELECT zeroblob(3000) FROM (WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < ${pages}) SELECT i FROM n)`;

async function rejectionOf(driver: Driver, promise: Promise<unknown>): Promise<string | undefined> {
  try {
    await promise;
  } catch (error) {
    return failureOf(driver, () => {
      throw error;
    });
  }
  return undefined;
}

function contentOf(driver: Driver, path: string, sql = 'SELECT * FROM entries'): unknown[] {
  const db = open(driver, '', path, { readonly: true });
  expect(db.pragma('integrity_check', { simple: true })).toBe('ok');
  const rows = db.prepare(sql).all();
  db.close();
  return rows;
}

describe.each(drivers)('$name: backup', (driver) => {
  it.each(['wal', 'delete'])('copies a database of journal mode %s into a new file', async (mode) => {
    const db = open(driver, `PRAGMA journal_mode = ${mode}; ${entries}`, temporaryPath());
    const path = temporaryPath('copy.db');
    const { totalPages, remainingPages } = await db.backup(path);
    expect([totalPages, remainingPages]).toEqual([db.pragma('page_count', { simple: true }), 0]);
    expect(readdirSync(dirname(path))).toEqual(['copy.db']);
    expect(contentOf(driver, path)).toEqual(db.prepare('SELECT * FROM entries').all());
  });

  it('copies a database in memory, an attached one, and an empty one', async () => {
    const db = open(driver, `${entries} ATTACH ':memory:' AS other; CREATE TABLE other.t (a); INSERT INTO t VALUES (7)`);
    const path = temporaryPath();
    await db.backup(` ${path} `);
    expect(contentOf(driver, path)).toHaveLength(5);
    await db.backup(path, { attached: 'other' });
    expect(contentOf(driver, path, 'SELECT * FROM t')).toEqual([{ a: 7 }]);
    expect(await open(driver).backup(path)).toEqual({ totalPages: 0, remainingPages: 0 });
    expect(contentOf(driver, path, 'SELECT * FROM sqlite_master')).toEqual([]);
  });

  it('takes the place of what the destination held, page size and length included', async () => {
    const path = temporaryPath();
    open(driver, `PRAGMA page_size = 1024; ${ofPages(300)}`, path).close();
    const db = open(driver, entries);
    await db.backup(path);
    expect(contentOf(driver, path)).toHaveLength(5);
    expect(contentOf(driver, path, 'SELECT name FROM sqlite_master')).toEqual([{ name: 'entries' }]);
  });

  it('tells progress what is left, first all of it, and copies as many pages as that returns', async () => {
    const db = open(driver, ofPages(250));
    const total = db.pragma('page_count', { simple: true }) as number;
    const seen: BackupProgress[] = [];
    const wanted = [3.4, 0, 0, -5, 7, undefined, Number.POSITIVE_INFINITY];
    const result = await db.backup(temporaryPath(), {
      progress: (info) => {
        seen.push(info);
        return wanted[seen.length - 1];
      },
    });
    expect(result).toEqual({ totalPages: total, remainingPages: 0 });
    expect(seen.map(({ totalPages }) => totalPages)).toEqual(Array.from({ length: 7 }, () => total));
    expect(seen.map(({ remainingPages }) => total - remainingPages)).toEqual([0, 3, 3, 3, 3, 10, 17]);
  });

  it('copies a hundred pages in a turn, and lets others have their turns between', async () => {
    const db = open(driver, ofPages(450));
    let turns = 0;
    const timer = setInterval(() => {}, 0);
    const count = () => {
      turns++;
      next = setImmediate(count);
    };
    let next = setImmediate(count);
    const copied: number[] = [];
    await db.backup(temporaryPath(), { progress: ({ totalPages, remainingPages }) => void copied.push(totalPages - remainingPages) });
    clearInterval(timer);
    clearImmediate(next);
    expect(copied).toEqual([0, 100, 200, 300, 400]);
    expect(turns).toBeGreaterThanOrEqual(5);
  });

  it('has what the connection itself commits meanwhile, and does not begin anew for it', async () => {
    const db = open(driver, ofPages(300), temporaryPath());
    const path = temporaryPath('copy.db');
    const left: number[] = [];
    await db.backup(path, {
      progress: ({ remainingPages }) => {
        left.push(remainingPages);
        if (left.length > 1) db.exec(`UPDATE t SET b = ${left.length} WHERE id = 1; INSERT INTO t VALUES (${1000 + left.length}, 'new')`);
        return 100;
      },
    });
    expect(left.length).toBeLessThan(6);
    expect(contentOf(driver, path, 'SELECT * FROM t')).toEqual(db.prepare('SELECT * FROM t').all());
  });

  it.each(['wal', 'delete'])('has what another connection commits meanwhile, in journal mode %s', async (mode) => {
    const source = temporaryPath();
    const db = open(driver, `PRAGMA journal_mode = ${mode}; ${ofPages(300)}`, source);
    const other = open(driver, '', source);
    const path = temporaryPath('copy.db');
    let turn = 0;
    await db.backup(path, {
      progress: () => {
        if (++turn < 5) other.prepare('UPDATE t SET b = ? WHERE id = 1').run(turn);
        return 100;
      },
    });
    expect(contentOf(driver, path, 'SELECT b FROM t WHERE id = 1')).toEqual([{ b: 4 }]);
  });

  it.each([
    [[], 'TypeError'],
    [[1], 'TypeError'],
    [[''], 'TypeError'],
    [['  '], 'TypeError'],
    [[':memory:'], 'TypeError'],
    [['copy.db', 'main'], 'TypeError'],
    [['copy.db', null], undefined],
    [['copy.db', { attached: '' }], 'TypeError'],
    [['copy.db', { attached: undefined }], 'TypeError'],
    [['copy.db', { attached: 1 }], 'TypeError'],
    [['copy.db', { progress: 1 }], 'TypeError'],
    [['copy.db', { progress: null }], undefined],
    [['copy.db', { progress: () => 'x' }], 'TypeError'],
    [['copy.db', { progress: () => Number.NaN }], 'TypeError'],
    [['copy.db', { progress: () => null }], 'TypeError'],
    [['missing/copy.db'], 'TypeError'],
  ])('of %j rejects with %s, and leaves no file', async (given, expected) => {
    const db = open(driver, entries);
    const folder = dirname(temporaryPath());
    const parameters = given.map((each) => (typeof each === 'string' && each.endsWith('.db') ? join(folder, each) : each));
    const run = (...all: unknown[]) => (db.backup as (...all: unknown[]) => Promise<unknown>).apply(db, all);
    expect(await rejectionOf(driver, run(...parameters))).toBe(expected);
    expect(readdirSync(folder)).toEqual(expected === undefined ? ['copy.db'] : []);
  });

  it('rejects with what progress throws; a new file is gone then, and an old one is as it was', async () => {
    const db = open(driver, ofPages(300));
    const [fresh, old] = [temporaryPath(), temporaryPath()];
    open(driver, entries, old).close();
    const before = readFileSync(old);
    for (const path of [fresh, old]) {
      let turn = 0;
      const progress = () => {
        if (++turn === 3) throw new RangeError('enough');
        return 100;
      };
      await expect(db.backup(path, { progress })).rejects.toThrow(new RangeError('enough'));
    }
    expect(existsSync(fresh)).toBe(false);
    expect(readFileSync(old).equals(before)).toBe(true);
    expect(readdirSync(dirname(old))).toEqual(['test.db']);
  });

  it('rejects where the destination is a directory, or no database, and changes neither', async () => {
    const db = open(driver, entries);
    const path = temporaryPath();
    writeFileSync(path, 'This is not a database, although it is long enough to be taken for one. '.repeat(20));
    const before = readFileSync(path);
    expect(await rejectionOf(driver, db.backup(path))).toBe('SQLITE_NOTADB');
    expect(readFileSync(path).equals(before)).toBe(true);
    expect(await rejectionOf(driver, db.backup(dirname(path)))).toMatch(/^SQLITE_CANTOPEN/);
    expect(await rejectionOf(driver, db.backup(temporaryPath(), { attached: 'nobody' }))).toBe('SQLITE_ERROR');
  });

  it('refuses pages of another size where the destination is in WAL mode', async () => {
    const path = temporaryPath();
    const holder = open(driver, `PRAGMA page_size = 1024; PRAGMA journal_mode = WAL; ${entries}`, path);
    const db = open(driver, `PRAGMA page_size = 8192; ${ofPages(10)}`);
    expect(await rejectionOf(driver, db.backup(path))).toBe('SQLITE_READONLY');
    expect(holder.prepare('SELECT count(*) FROM entries').pluck().get()).toBe(5);
  });

  it('rejects when the database is closed amid it, or before; what was begun is removed', async () => {
    const db = open(driver, ofPages(300));
    const path = temporaryPath();
    const running = db.backup(path, {
      progress: () => {
        db.close();
        return 100;
      },
    });
    expect(await rejectionOf(driver, running)).toBe('TypeError');
    expect(await rejectionOf(driver, db.backup(path))).toBe('TypeError');
    expect(readdirSync(dirname(path))).toEqual([]);
  });

  it('rejects out of the verbose option', async () => {
    const path = temporaryPath();
    const seen: Promise<string | undefined>[] = [];
    const options = {
      verbose: () =>
        seen.push(
          rejectionOf(
            driver,
            db.backup(path).then(() => 'done'),
          ),
        ),
    };
    const db = open(driver, '', ':memory:', options);
    db.exec('SELECT 1');
    // The other of the two begins a moment later, and finds the database free again.
    expect(await seen[0]).toBe(driver.name === 'rowtap' ? 'TypeError' : undefined);
  });

  it('runs beside an open iterator, a second backup, and a destination that is read', async () => {
    const db = open(driver, ofPages(300), temporaryPath());
    const [one, two] = [temporaryPath(), temporaryPath()];
    const iterator = db.prepare('SELECT id FROM t').pluck().iterate();
    expect(iterator.next().value).toBe(1);
    await Promise.all([db.backup(one), db.backup(two)]);
    expect(iterator.next().value).toBe(2);
    iterator.return?.();
    for (const path of [one, two]) expect(contentOf(driver, path, 'SELECT count(*) AS n FROM t')).toEqual([{ n: 300 }]);
  });
});

describe('rowtap: backup', () => {
  it.each([
    ['the same path', (path: string) => path],
    ['a relative path', (path: string) => relative(process.cwd(), path)],
    ['a hard link', (path: string) => (linkSync(path, `${path}.link`), `${path}.link`)],
    ['a symbolic link', (path: string) => (symlinkSync(path, `${path}.symlink`), `${path}.symlink`)],
    ['its write-ahead log', (path: string) => `${path}-wal`],
    ['the index of that', (path: string) => `${path}-shm`],
  ])('onto the database itself is refused before anything changes: %s', async (_, other) => {
    const path = temporaryPath();
    const db = open(rowtap, `PRAGMA journal_mode = WAL; ${entries}`, path);
    const destination = other(path);
    const files = () => readdirSync(dirname(path)).map((name) => [name, readFileSync(join(dirname(path), name), 'base64')]);
    const before = files();
    await expect(db.backup(destination)).rejects.toThrow(TypeError);
    expect(files()).toEqual(before);
    const attaching = open(rowtap, `ATTACH '${path}' AS other`);
    await expect(attaching.backup(destination, { attached: 'other' })).rejects.toThrow(TypeError);
  });

  it('waits for the transaction that is open on the connection, and has what that commits', async () => {
    const db = open(rowtap, `${entries} BEGIN; DELETE FROM entries WHERE b < 3`);
    const path = temporaryPath();
    // Begun later and not in anybody's way, these two have ended while the first one waits.
    const running = db.backup(path);
    for (let other = 0; other < 2; other++) await open(rowtap, ofPages(300)).backup(temporaryPath());
    db.exec('COMMIT');
    await running;
    expect(contentOf(rowtap, path)).toHaveLength(2);
  });

  it('waits amid the copy as well, and asks progress meanwhile', async () => {
    const db = open(rowtap, ofPages(300));
    const path = temporaryPath();
    let turn = 0;
    await db.backup(path, {
      progress: () => {
        if (++turn === 2) db.exec('BEGIN; DELETE FROM t WHERE id > 10');
        if (turn === 5) db.exec('COMMIT');
        return 100;
      },
    });
    expect(contentOf(rowtap, path, 'SELECT count(*) AS n FROM t')).toEqual([{ n: 10 }]);
  });

  it('ends where the source becomes shorter than what was copied of it', async () => {
    const db = open(rowtap, ofPages(300));
    const path = temporaryPath();
    let turn = 0;
    const result = await db.backup(path, {
      progress: () => {
        if (++turn === 3) db.exec('DELETE FROM t; VACUUM');
        return 100;
      },
    });
    expect(result.remainingPages).toBe(0);
    expect(contentOf(rowtap, path, 'SELECT * FROM t')).toEqual([]);
  });

  it('comes to its end though another connection commits in each turn', async () => {
    const source = temporaryPath();
    const db = open(rowtap, `PRAGMA journal_mode = WAL; ${ofPages(2000)}`, source);
    const update = open(rowtap, '', source).prepare('UPDATE t SET b = ? WHERE id = 1');
    const path = temporaryPath('copy.db');
    const copied: number[] = [];
    await db.backup(path, {
      progress: ({ totalPages, remainingPages }) => {
        copied.push(totalPages - remainingPages);
        update.run(copied.length);
        return undefined;
      },
    });
    expect(copied).toEqual([0, 100, 100, 200, 400, 800, 1600]);
    expect(contentOf(rowtap, path, 'SELECT b FROM t WHERE id = 1')).toEqual([{ b: copied.length }]);
  });

  it('rejects with SQLITE_BUSY where the destination stays locked longer than the timeout, and leaves it as it is', async () => {
    const path = temporaryPath();
    const holder = open(rowtap, `${entries} BEGIN IMMEDIATE`, path);
    const db = open(rowtap, ofPages(10), ':memory:', { timeout: 30 });
    expect(await rejectionOf(rowtap, db.backup(path))).toBe('SQLITE_BUSY');
    holder.exec('ROLLBACK');
    expect(holder.prepare('SELECT count(*) FROM entries').pluck().get()).toBe(5);
    await db.backup(path);
    expect(contentOf(rowtap, path, 'SELECT count(*) AS n FROM t')).toEqual([{ n: 10 }]);
  });

  it('waits for a destination that is locked for a while', async () => {
    const path = temporaryPath();
    const holder = open(rowtap, `${entries} BEGIN IMMEDIATE`, path);
    const db = open(rowtap, ofPages(10));
    const running = db.backup(path);
    await open(rowtap, ofPages(300)).backup(temporaryPath());
    holder.exec('COMMIT');
    await running;
    expect(contentOf(rowtap, path, 'SELECT count(*) AS n FROM t')).toEqual([{ n: 10 }]);
  });

  it('knows no attached database that there is not, and makes no file for it', async () => {
    const path = temporaryPath();
    await expect(open(rowtap).backup(path, { attached: 'nobody' })).rejects.toMatchObject({ message: 'unknown database nobody' });
    expect(existsSync(path)).toBe(false);
    await expect(open(rowtap).backup(`${path}\0x`)).rejects.toThrow(TypeError);
  });

  it.each(['write', 'sync'] as const)(
    'rejects where the destination can not be written (%s), and leaves no part of a copy',
    async (operation) => {
      installFaultVfs();
      const db = new Database(':memory:');
      db.exec(ofPages(300));
      const [fresh, old] = [temporaryPath(), temporaryPath()];
      new Database(old).exec(entries).close();
      copyFileSync(old, `${old}.before`);
      for (const path of [fresh, old]) {
        failFile({ file: 'main', operation, code: operation === 'write' ? resultCode.full : resultCode.ioerrFsync });
        try {
          await expect(db.backup(path)).rejects.toMatchObject({ code: operation === 'write' ? 'SQLITE_FULL' : 'SQLITE_IOERR_FSYNC' });
        } finally {
          clearFaults();
        }
      }
      expect(existsSync(fresh)).toBe(false);
      expect(contentOf(rowtap, old)).toEqual(contentOf(rowtap, `${old}.before`));
      db.close();
    },
  );

  it('removes no other file that has taken the place of the one that it made', async () => {
    const db = open(rowtap, ofPages(300));
    const path = temporaryPath();
    const progress = () => {
      rmSync(path);
      mkdirSync(`${path}.d`);
      writeFileSync(path, 'of somebody else');
      throw new Error('enough');
    };
    await expect(db.backup(path, { progress })).rejects.toThrow('enough');
    expect(readFileSync(path, 'utf8')).toBe('of somebody else');
  });
});

describe('rowtap: a program that ends amid a backup', () => {
  const setUp = `const db = new Database(':memory:'); db.exec(${JSON.stringify(ofPages(300))});`;
  const whole = { code: 0, signal: null, output: '' };

  it('waits for its end where nothing else keeps it running', () => {
    const path = temporaryPath();
    expect(runProgram(`${setUp} void db.backup(path);`, path)).toEqual(whole);
    expect(contentOf(rowtap, path, 'SELECT count(*) AS n FROM t')).toEqual([{ n: 300 }]);
  });

  it.each([
    ['process.exit()', 'process.exit(0)', whole],
    ['SIGKILL', 'process.kill(process.pid, "SIGKILL")', { ...whole, code: null, signal: 'SIGKILL' }],
  ])('by %s leaves no part of a copy, and an old file as it was', (_, end, expected) => {
    // Pages enough that some have been written before the end.
    const program = `const db = new Database(':memory:'); db.exec(${JSON.stringify(ofPages(6000))}); let turn = 0;
      await db.backup(path, { progress: () => { if (++turn === 2) ${end}; return 5900; } });`;
    const [fresh, old] = [temporaryPath(), temporaryPath()];
    open(rowtap, entries, old).close();
    for (const path of [fresh, old]) expect(runProgram(program, path)).toEqual(expected);
    // Opened for writing too: what SQLite finds half done there, it undoes.
    expect(open(rowtap, '', fresh).prepare('SELECT * FROM sqlite_master').all()).toEqual([]);
    expect(open(rowtap, '', old).pragma('integrity_check', { simple: true })).toBe('ok');
    expect(contentOf(rowtap, old)).toHaveLength(5);
  });

  it('in a worker, by being terminated or by itself, harms nobody', () => {
    const path = temporaryPath();
    const worker = `import { parentPort, workerData } from 'node:worker_threads'; const { Database } = await import(workerData.writer); const { path } = workerData;
      ${setUp} let turn = 0; void db.backup(path, { progress: () => { if (++turn === 3) { if (workerData.exits) process.exit(0); parentPort.postMessage('amid'); } return 1; } });`;
    const program = `import { Worker } from 'node:worker_threads'; import { existsSync } from 'node:fs';
      const source = new URL(${JSON.stringify(`data:text/javascript,${encodeURIComponent(worker)}`)});
      const writer = ${JSON.stringify(new URL('../../dist/writer/database.js', import.meta.url).href)};
      for (const exits of [false, true]) {
        const started = new Worker(source, { workerData: { writer, path, exits } });
        if (exits) await new Promise((resolve) => started.once('exit', resolve));
        else { await new Promise((resolve) => started.once('message', resolve)); await started.terminate(); }
        if (existsSync(path)) console.log('left behind');
      }`;
    expect(runProgram(program, path)).toEqual(whole);
  });

  it('forgets one whose database was closed', () => {
    const program = `const turn = () => new Promise((resolve) => setImmediate(resolve));
      for (let round = 0; round < 10; round++) {
        const other = new Database(':memory:'); other.exec(${JSON.stringify(ofPages(300))});
        const running = other.backup(path, { progress: () => 0 }).catch(() => {});
        await turn(); await turn();
        other.close();
        await running;
        globalThis.gc(); await turn();
      }`;
    expect(runProgram(program, temporaryPath(), ['--expose-gc'])).toEqual(whole);
  });
});
