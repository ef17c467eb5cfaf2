import { Catchup, type CatchupConfig, type Database } from 'rowtap';
import { newDatabase } from '../snapshot/database-file.js';

export interface Entry {
  body: string;
}

export const autoincrement = 'INTEGER PRIMARY KEY AUTOINCREMENT';

/** A table `events` to be processed, and a table `done` for what was made of it: without a key, so that a row processed twice shows. */
export function eventLog(rows = 0, idType = autoincrement, path?: string): Database {
  const db = newDatabase('', path);
  db.exec(`CREATE TABLE events (id ${idType}, body TEXT); CREATE TABLE done (event INTEGER, body TEXT);`);
  append(db, rows);
  return db;
}

export function append(db: Database, rows: number): void {
  const insert = db.prepare(`INSERT INTO events (body) VALUES ('body ' || ?)`);
  db.transaction(() => {
    for (let row = 1; row <= rows; row++) insert.run(row);
  })();
}

export const queries = {
  maxSql: 'SELECT max(id) AS max FROM events',
  nextSql: 'SELECT id, body FROM events WHERE id > @last AND id <= @max ORDER BY id',
};

export function catchupOn(db: Database, config: Partial<CatchupConfig> = {}): Catchup<Entry> {
  return new Catchup<Entry>(db, { name: 'c', ...queries, ...config });
}

/** What a row's function does in most tests. */
export function copy(row: Entry & { id: number }, db: Database): void {
  db.prepare('INSERT INTO done VALUES (?, ?)').run(row.id, row.body);
}

/** The ids that were processed, in that order. */
export function doneIds(db: Database): number[] {
  return (db.prepare('SELECT event FROM done ORDER BY rowid').all() as { event: number }[]).map(({ event }) => event);
}

export function upTo(last: number, first = 1): number[] {
  return Array.from({ length: last - first + 1 }, (_, at) => first + at);
}
