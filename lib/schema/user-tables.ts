/** The few members of a better-sqlite3-shaped database that are called here. */
export interface SchemaDatabase {
  prepare(sql: string): { all(): unknown[] };
}

/**
 * The user tables of `main`, by name: no views, no virtual tables and their shadows, none of SQLite's own and none of this project's. Prefixes
 * are compared by substr, since LIKE takes the underscore of `sqlite_` for any character.
 */
export function listUserTables(database: SchemaDatabase): string[] {
  const rows = database
    .prepare(
      `SELECT "name" FROM pragma_table_list
       WHERE "schema" = 'main' AND "type" = 'table'
         AND lower(substr("name", 1, 7)) <> 'sqlite_' AND lower(substr("name", 1, 8)) <> '_rowtap_'
       ORDER BY "name"`,
    )
    .all() as { name: string }[];
  return rows.map(({ name }) => name);
}
