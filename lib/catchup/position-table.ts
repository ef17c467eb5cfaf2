import { RowtapError } from '../errors/rowtap-error.js';
import type { CatchupDatabase, CatchupStatement } from './database.js';

/** A consumer's row of `_rowtap_catchup`. */
export interface StoredPosition {
  /** The id of the row that was processed last; 0 before the first. */
  position: number;
  /** The table that its rows come from, see `SourceTable.label`; null where that is not known. */
  source: string | null;
  /** What that row looked like then, see `traceRow`; null where it is not known. */
  lastRow: string | null;
}

const createSql = `CREATE TABLE IF NOT EXISTS main."_rowtap_catchup" (
  "name" TEXT NOT NULL PRIMARY KEY, "position" INTEGER NOT NULL, "source" TEXT, "last_row" TEXT) WITHOUT ROWID`;
const existsSql = `SELECT 1 AS "one" FROM main.sqlite_schema WHERE "type" = 'table' AND "name" = '_rowtap_catchup'`;
const writeSql = `INSERT INTO main."_rowtap_catchup" ("name", "position", "source", "last_row") VALUES (?, ?, ?, ?)
  ON CONFLICT ("name") DO UPDATE SET "position" = "excluded"."position", "source" = "excluded"."source", "last_row" = "excluded"."last_row"`;

/**
 * The row of one consumer, in the application's database and through its connection, so that a position is written in the transaction of what it
 * is the position of.
 */
export class PositionTable {
  readonly #database: CatchupDatabase;
  readonly #name: string;
  #statements: { read: CatchupStatement; write: CatchupStatement } | undefined;

  constructor(database: CatchupDatabase, name: string) {
    this.#database = database;
    this.#name = name;
  }

  /** Undefined where the consumer has none yet. Throws ROWTAP_CATCHUP_REFUSED for a damaged one. */
  read(): StoredPosition | undefined {
    const statements = (this.#statements ??= exists(this.#database) ? this.#prepare() : undefined);
    const row = statements?.read.get(this.#name) as StoredPosition | undefined;
    if (row === undefined) return undefined;
    if (!Number.isSafeInteger(row.position)) {
      const detail = `its position in \`_rowtap_catchup\` is no integer up to 2^53 - 1: ${String(row.position)}`;
      throw new RowtapError('ROWTAP_CATCHUP_REFUSED', { name: this.#name, detail });
    }
    return row;
  }

  /** Inside a transaction. */
  write({ position, source, lastRow }: StoredPosition): void {
    if (this.#statements === undefined) {
      this.#database.prepare(createSql).run();
      this.#statements = this.#prepare();
    }
    this.#statements.write.run(this.#name, BigInt(position), source, lastRow);
  }

  /** The transaction that may have created the table was rolled back. */
  forget(): void {
    this.#statements = undefined;
  }

  #prepare(): { read: CatchupStatement; write: CatchupStatement } {
    const columns = '"position", "source", "last_row" AS "lastRow"';
    return {
      read: this.#database.prepare(`SELECT ${columns} FROM main."_rowtap_catchup" WHERE "name" = ?`).safeIntegers(false),
      write: this.#database.prepare(writeSql),
    };
  }
}

/**
 * Over all consumers, or those of one table and those whose table is not known; 0 where there are none, and where one is damaged: what is deleted
 * up to it has been processed by all. SQLite compares names without regard to case, in ASCII only.
 */
export function smallestPosition(database: CatchupDatabase, table: string | undefined): number {
  if (!exists(database)) return 0;
  const where = table === undefined ? '' : `WHERE "source" IS NULL OR "source" COLLATE NOCASE IN (@table, 'main.' || @table)`;
  const statement = database
    .prepare(`SELECT min(iif(typeof("position") = 'integer', "position", 0)) AS "smallest" FROM main."_rowtap_catchup" ${where}`)
    .safeIntegers(false);
  const { smallest } = statement.get(...(table === undefined ? [] : [{ table }])) as { smallest: number | null };
  return smallest ?? 0;
}

function exists(database: CatchupDatabase): boolean {
  return database.prepare(existsSql).get() !== undefined;
}
