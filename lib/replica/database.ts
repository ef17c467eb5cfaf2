/** The few members of a better-sqlite3-shaped database that the replica calls. */
export interface ReplicaDatabase {
  prepare(sql: string): ReplicaStatement;
  exec(sql: string): unknown;
  readonly inTransaction: boolean;
  readonly open: boolean;
}

export interface ReplicaStatement {
  run(...values: unknown[]): { changes: number };
  get(...values: unknown[]): unknown;
  all(...values: unknown[]): unknown[];
  iterate(...values: unknown[]): IterableIterator<unknown>;
  raw(isRaw?: boolean): this;
  pluck(isPluck?: boolean): this;
  safeIntegers(isSafe?: boolean): this;
}

/** The prefix of this project's own tables and indexes, which belong to no replica's content. */
export const ownPrefix = '_rowtap_';

/** https://www.sqlite.org/lang_keywords.html: an identifier in double quotes, quotes inside doubled. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A map key under which two names are equal that SQLite holds for equal: it folds the case of ASCII letters only. */
export function foldName(name: string): string {
  return name.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}
