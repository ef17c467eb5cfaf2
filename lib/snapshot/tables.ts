import { listUserTables } from '../schema/user-tables.js';
import type { SnapshotDatabase } from './database.js';

export interface SnapshotTable {
  readonly name: string;
  /** Its CREATE TABLE statement. */
  readonly sql: string;
}

/** The user tables of `main` in the order of their names, as the read transaction sees them. */
export function listSnapshotTables(database: SnapshotDatabase): SnapshotTable[] {
  const sqlOf = database.prepare(`SELECT "sql" FROM main.sqlite_schema WHERE "type" = 'table' AND "name" = ?`);
  return listUserTables(database).map((name) => ({ name, sql: (sqlOf.get(name) as { sql: string }).sql }));
}

/** How many rows they have together, each counted from its smallest index. */
export function countRows(database: SnapshotDatabase, tables: readonly SnapshotTable[]): number {
  let total = 0;
  for (const { name } of tables) {
    const { rows } = database.prepare(`SELECT count(*) AS "rows" FROM main."${name.replaceAll('"', '""')}"`).get() as { rows: number };
    total += rows;
  }
  return total;
}

/** Of the whole database, free pages included. */
export function databaseBytes(database: SnapshotDatabase): number {
  const sql = 'SELECT "page_count" * "page_size" AS "bytes" FROM pragma_page_count, pragma_page_size';
  return (database.prepare(sql).get() as { bytes: number }).bytes;
}
