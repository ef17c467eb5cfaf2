import type { CatchupDatabase, CatchupStatement } from './database.js';

/** Where the column `id` of the rows to be processed comes from. */
export interface Origin {
  database: string;
  table: string;
  column: string;
}

/** Undefined where `id` is an expression, so that SQLite can't tell. */
export function originOf(next: CatchupStatement): Origin | undefined {
  const { database, table, column } = next.columns().find(({ name }) => name === 'id') ?? {};
  return database == null || table == null || column == null ? undefined : { database, table, column };
}

/** The table that the rows to be processed come from. Its statements are prepared once; everything is read anew with each call. */
export class SourceTable {
  readonly #origin: Origin;
  readonly #definition: CatchupStatement;
  readonly #key: CatchupStatement;
  readonly #row: CatchupStatement;
  readonly #connection: CatchupDatabase;
  #sequence: CatchupStatement | undefined;

  constructor(connection: CatchupDatabase, origin: Origin) {
    const { database, table, column } = origin;
    const schema = quoteName(database);
    this.#connection = connection;
    this.#origin = origin;
    this.#definition = connection.prepare(`SELECT "sql" FROM ${schema}.sqlite_schema WHERE "type" = 'table' AND "name" = ? COLLATE NOCASE`);
    this.#key = connection.prepare('SELECT "name" FROM pragma_table_info(?, ?) WHERE "pk" > 0 AND "name" = ? COLLATE NOCASE');
    this.#row = connection
      .prepare(`SELECT * FROM ${schema}.${quoteName(table)} WHERE ${quoteName(column)} = ?`)
      .safeIntegers(true)
      .raw();
  }

  get table(): string {
    return this.#origin.table;
  }

  /** Under which it is remembered. */
  get label(): string {
    return `${this.#origin.database}.${this.#origin.table}`;
  }

  isFrom({ database, table, column }: Origin): boolean {
    const origin = this.#origin;
    return origin.database === database && origin.table === table && origin.column === column;
  }

  /** The CREATE TABLE statement as SQLite keeps it; "" for a table that has none. */
  definition(): string {
    const row = this.#definition.get(this.#origin.table) as { sql: string | null } | undefined;
    return row?.sql ?? '';
  }

  /** The row with that id, as an array of its values, integers as bigints. */
  readRow(id: number): unknown[] | undefined {
    return this.#row.get(BigInt(id)) as unknown[] | undefined;
  }

  /** The greatest id that an AUTOINCREMENT table has ever had (https://www.sqlite.org/autoinc.html); undefined for `id` of any other kind. */
  greatestEver(): number | undefined {
    const { database, table, column } = this.#origin;
    if (!isAutoincrement(this.definition()) || this.#key.get(table, database, column) === undefined) return undefined;
    // Not there before the first such table.
    this.#sequence ??= this.#connection
      .prepare(`SELECT "seq" FROM ${quoteName(database)}.sqlite_sequence WHERE "name" = ? COLLATE NOCASE`)
      .safeIntegers(false);
    const row = this.#sequence.get(table) as { seq: unknown } | undefined;
    return typeof row?.seq === 'number' ? row.seq : 0;
  }
}

/** AUTOINCREMENT is a keyword that no name can be without quotes, so it has one meaning outside quotes and comments. */
function isAutoincrement(definition: string): boolean {
  const quotedOrComment = /'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)/g;
  return /\bAUTOINCREMENT\b/i.test(definition.replace(quotedOrComment, ' '));
}

function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
