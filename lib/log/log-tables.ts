import { randomBytes } from 'node:crypto';
import { inTransaction } from '../checkpoint/in-transaction.js';
import { createMetaSql } from '../checkpoint/meta-table.js';
import type { LogDatabase } from './database.js';

/**
 * The tables in which a file keeps its log, as native/capture/log_entry.h describes it. While they are there, every transaction that is
 * committed through rowtap, in whatever process, is written to them as a part of itself.
 */
const createSql = `
${createMetaSql};
CREATE TABLE IF NOT EXISTS main."_rowtap_schema" ("id" INTEGER PRIMARY KEY, "description" BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS main."_rowtap_log" ("id" INTEGER PRIMARY KEY, "time" INTEGER NOT NULL, "entry" BLOB NOT NULL);
`;

/** Names the life of a log: a position in one says nothing about another. Undefined where the file keeps none. */
export function readHistory(database: Pick<LogDatabase, 'prepare'>): string | undefined {
  const tables = database
    .prepare(
      `SELECT count(*) AS "count" FROM main.sqlite_schema WHERE "type" = 'table' AND "name" IN ('_rowtap_log', '_rowtap_schema', '_rowtap_meta')`,
    )
    .get() as { count: number };
  if (tables.count < 3) return undefined;
  const row = database.prepare(`SELECT "value" FROM main."_rowtap_meta" WHERE "name" = 'history'`).get() as { value: unknown } | undefined;
  return typeof row?.value === 'string' ? row.value : undefined;
}

/** Creates what is missing, in one transaction, and gives the log's history. Throws what SQLite throws. */
export function createLog(database: LogDatabase): string {
  return inTransaction(database, () => {
    const known = readHistory(database);
    if (known !== undefined) return known;
    database.exec(createSql);
    const history = randomBytes(16).toString('hex');
    database.prepare(`INSERT OR REPLACE INTO main."_rowtap_meta" ("name", "value") VALUES ('history', ?)`).run(history);
    return history;
  });
}

/** A commit of our own that changes nothing of the application's: with it the log tells what others have done without writing to it. */
export function touchLog(database: LogDatabase): void {
  inTransaction(database, () => {
    database
      .prepare(`INSERT OR REPLACE INTO main."_rowtap_meta" ("name", "value") VALUES ('touched', ?)`)
      .run(randomBytes(8).toString('hex'));
  });
}
