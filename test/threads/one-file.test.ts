import { linkSync, mkdirSync, symlinkSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Database } from 'rowtap';
import { expect, test } from 'vitest';
import { newPath } from '../snapshot/database-file.js';
import { brief } from '../support/captured.js';
import { runProgram } from './program.js';
import { Thread } from './thread.js';

const setup = 'CREATE TABLE t (id INTEGER PRIMARY KEY, spelling TEXT)';

/** Commits once through each of the spellings, here and in another thread, and gives what one subscription has seen and what it should have. */
async function commitThroughEach(spellings: string[], path: string, journalMode: string): Promise<[seen: string[], expected: string[]]> {
  using db = opened(path);
  db.database.pragma(`journal_mode = ${journalMode}`);
  db.database.exec(setup);
  const changes = db.database.changes();
  const expected: string[] = [];
  for (const spelling of spellings) {
    using other = opened(spelling);
    other.database.prepare('INSERT INTO t VALUES (?, ?)').run(expected.length, spelling);
    expected.push(`insert t (${expected.length}, '${spelling}')`);
    const insert = `const db = new Database(path); db.prepare('INSERT INTO t VALUES (?, ?)').run(data.id, path);`;
    expect(await new Thread(insert, spelling, { id: expected.length }).exited).toBe(0);
    expected.push(`insert t (${expected.length}, '${spelling}')`);
  }
  const seen: string[] = [];
  for await (const change of changes) {
    seen.push(brief(change));
    if (seen.length === expected.length) break;
  }
  return [seen, expected];
}

function opened(path: string): Disposable & { database: Database } {
  const database = new Database(path);
  return { database, [Symbol.dispose]: () => void database.close() };
}

test('a relative path, an absolute one and symbolic links are one source, in every thread, in the order of the commits', async () => {
  const path = newPath();
  const folder = dirname(path);
  mkdirSync(join(folder, 'inner'));
  symlinkSync('test.db', join(folder, 'link.db'));
  symlinkSync('..', join(folder, 'inner', 'up'));
  const spellings = [path, relative(process.cwd(), path), join(folder, 'link.db'), join(folder, 'inner', 'up', 'test.db')];
  const [seen, expected] = await commitThroughEach([...spellings, `${folder}/inner/../test.db`], path, 'wal');
  expect(seen).toEqual(expected);
});

test('so is a hard link, where SQLite allows one', async () => {
  const path = newPath();
  const link = join(dirname(path), 'hard-link.db');
  opened(path)[Symbol.dispose]();
  linkSync(path, link);
  // Not in WAL mode: there each name would have a WAL of its own.
  const [seen, expected] = await commitThroughEach([path, link], path, 'delete');
  expect(seen).toEqual(expected);
});

test('so is a file: URI, where SQLITE_USE_URI allows those', async () => {
  const path = newPath();
  const program = `
    const uri = data.uri;
    const db = new Database(path);
    db.pragma('journal_mode = WAL');
    db.exec('${setup}');
    const changes = db.changes();
    const other = new Database(uri);
    other.exec("INSERT INTO t VALUES (1, 'uri')");
    db.exec("INSERT INTO t VALUES (2, 'path')");
    await new Promise((resolve) => start('inserting', uri).on('exit', resolve));
    other.exec("INSERT INTO t VALUES (4, 'uri')");
    db.close();
    other.close();
    for await (const { op, after } of changes) console.log(op, after.id, after.spelling);`;
  const inserting = `new Database(path).exec("INSERT INTO t VALUES (3, 'uri in a thread')")`;
  const ended = await runProgram(program, path, {
    threads: { inserting },
    data: { uri: `${pathToFileURL(path).href}?mode=rw` },
    env: { SQLITE_USE_URI: '1' },
  });
  expect(ended).toEqual({ code: 0, output: 'insert 1 uri\ninsert 2 path\ninsert 3 uri in a thread\ninsert 4 uri\n' });
});
