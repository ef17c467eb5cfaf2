import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { Database, SqliteError } from '../../lib/index.js';

/** Those that have to give the same answers: rowtap's writer, and a better-sqlite3 that it stands in for. */
export interface Driver {
  name: string;
  Database: typeof Database;
  SqliteError: typeof SqliteError;
  /** The major version of better-sqlite3, for where its versions differ; undefined: rowtap's writer. */
  version?: number;
}

/** Version 12, which `make test` builds, or what the variable names: `make test` runs these tests once more on version 13, which wants Node 22. */
const folder = process.env.BETTER_SQLITE3 ?? 'better-sqlite3';
const require = createRequire(import.meta.url);
const betterSqlite3 = require(folder) as typeof Database & { SqliteError: typeof SqliteError };
const version = Number.parseInt((require(`${folder}/package.json`) as { version: string }).version, 10);

export const drivers: Driver[] = [
  { name: 'rowtap', Database, SqliteError },
  { name: `better-sqlite3 ${version}`, Database: betterSqlite3, SqliteError: betterSqlite3.SqliteError, version },
];

/** The path of a file that does not exist, in a folder that is removed when the test has finished. */
export function temporaryPath(name = 'test.db'): string {
  const folder = mkdtempSync(join(tmpdir(), 'rowtap-writer-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, name);
}

/** A database in memory, in a file of its own, or from a buffer, with `sql` run in it. Closed when the test has finished. */
export function open(driver: Driver, sql = '', path: string | Buffer = ':memory:', options = {}): Database {
  const db = new driver.Database(path, options);
  onTestFinished(() => {
    db.close();
  });
  if (sql !== '') db.exec(sql);
  return db;
}

/** Five rows, one of each kind of value. */
export const entries = `
  CREATE TABLE entries (a TEXT, b INTEGER, c REAL, d BLOB, e TEXT);
  INSERT INTO entries VALUES ('one', 1, 1.5, x'01ff', NULL), ('two', 2, 2.5, x'', 'e'), ('three', 3, 0.0, NULL, ''),
    ('four', -4, 1e300, x'00', 'grüße'), ('five', 5000000000, 5.0, x'dddd', '日本 🎈');
`;

/** What a function throws: the name of its class, and a SqliteError's code. Undefined where it throws nothing. */
export function failureOf(driver: Driver, run: () => unknown): string | undefined {
  try {
    run();
  } catch (error) {
    if (error instanceof driver.SqliteError) return error.code;
    return error instanceof Error ? error.constructor.name : String(error);
  }
  return undefined;
}
