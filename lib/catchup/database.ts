/** The few members of a better-sqlite3-shaped database that catching up calls. */
export interface CatchupDatabase {
  prepare(sql: string): CatchupStatement;
  readonly inTransaction: boolean;
  readonly open: boolean;
  readonly readonly: boolean;
}

export interface CatchupStatement {
  /** Whether it returns rows. */
  readonly reader: boolean;
  /** Whether it leaves the database as it is. */
  readonly readonly: boolean;
  run(...values: unknown[]): unknown;
  get(...values: unknown[]): unknown;
  all(...values: unknown[]): unknown[];
  iterate(...values: unknown[]): IterableIterator<unknown>;
  columns(): { name: string; column: string | null; table: string | null; database: string | null }[];
  raw(isRaw?: boolean): this;
  safeIntegers(isSafe?: boolean): this;
}
