import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Database } from 'rowtap';
import { onTestFinished } from 'vitest';

/** The path of a database that does not exist yet; its folder goes when the test has finished. */
export function newPath(): string {
  const folder = mkdtempSync(join(tmpdir(), 'rowtap-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return join(folder, 'test.db');
}

/** A database in WAL mode, closed when the test has finished. */
export function newDatabase(setup = '', path = newPath()): Database {
  const db = new Database(path);
  onTestFinished(() => void db.close());
  if (path !== ':memory:') db.pragma('journal_mode = WAL');
  if (setup !== '') db.exec(setup);
  return db;
}

/** `rows` rows (id, text of about 100 characters) in a new table. */
export function fill(db: Database, table: string, rows: number): void {
  db.exec(`CREATE TABLE "${table}" (id INTEGER PRIMARY KEY, text TEXT)`);
  const insert = db.prepare(`INSERT INTO "${table}" (text) VALUES (?)`);
  db.transaction(() => {
    for (let row = 0; row < rows; row++) insert.run(`row ${row} `.padEnd(100, 'x'));
  })();
}
