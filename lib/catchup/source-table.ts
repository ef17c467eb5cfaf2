import type { CatchupDatabase, CatchupStatement } from './database.js';

/** The table whose column is `id` of the rows to be processed. */
export interface SourceTable {
  database: string;
  table: string;
  column: string;
  /** Under which it is remembered. */
  label: string;
}

/** Undefined where `id` is an expression, so that SQLite can't tell where it comes from. */
export function sourceTableOf(next: CatchupStatement): SourceTable | undefined {
  const { database, table, column } = next.columns().find(({ name }) => name === 'id') ?? {};
  if (database == null || table == null || column == null) return undefined;
  return { database, table, column, label: `${database}.${table}` };
}

/** As SQLite keeps it; "" for a table that has none. */
export function definitionOf(connection: CatchupDatabase, { database, table }: SourceTable): string {
  const row = connection
    .prepare(`SELECT "sql" FROM ${quoteName(database)}.sqlite_schema WHERE "type" = 'table' AND "name" = ? COLLATE NOCASE`)
    .get(table) as { sql: string | null } | undefined;
  return row?.sql ?? '';
}

/** The row with that id, as an array of its values, integers as bigints. */
export function readRow(connection: CatchupDatabase, { database, table, column }: SourceTable, id: number): unknown[] | undefined {
  return connection
    .prepare(`SELECT * FROM ${quoteName(database)}.${quoteName(table)} WHERE ${quoteName(column)} = ?`)
    .safeIntegers(true)
    .raw()
    .get(BigInt(id)) as unknown[] | undefined;
}

/** The greatest id that an AUTOINCREMENT table has ever had (https://www.sqlite.org/autoinc.html); undefined for `id` of any other kind. */
export function greatestEver(connection: CatchupDatabase, source: SourceTable): number | undefined {
  const { database, table, column } = source;
  if (!isAutoincrement(definitionOf(connection, source))) return undefined;
  const key = connection
    .prepare('SELECT "name" FROM pragma_table_info(?, ?) WHERE "pk" > 0 AND "name" = ? COLLATE NOCASE')
    .get(table, database, column);
  if (key === undefined) return undefined;
  const row = connection
    .prepare(`SELECT "seq" FROM ${quoteName(database)}.sqlite_sequence WHERE "name" = ? COLLATE NOCASE`)
    .safeIntegers(false)
    .get(table) as { seq: unknown } | undefined;
  return typeof row?.seq === 'number' ? row.seq : 0;
}

/** AUTOINCREMENT is a keyword that no name can be without quotes, so it has one meaning outside quotes and comments. */
export function isAutoincrement(definition: string): boolean {
  const quotedOrComment = /'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)/g;
  return /\bAUTOINCREMENT\b/i.test(definition.replace(quotedOrComment, ' '));
}

function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
