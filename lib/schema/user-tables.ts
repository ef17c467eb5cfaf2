/** The few members of a better-sqlite3-shaped database that are called here. */
export interface SchemaDatabase {
  prepare(sql: string): { all(): unknown[] };
}

/**
 * The user tables of `main`, by name: no views, no virtual tables and their shadows, none of SQLite's own and none of this project's. Asked by
 * the pragma itself: the table-valued function of that name knows no schema, and would begin a read transaction on every attached file.
 */
export function listUserTables(database: SchemaDatabase): string[] {
  const rows = database.prepare('PRAGMA main.table_list').all() as { name: string; type: string }[];
  return rows
    .filter(({ name, type }) => type === 'table' && !/^(?:sqlite|_rowtap)_/i.test(name))
    .map(({ name }) => name)
    .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}
