import type { NativeBinding, NativeConnection, NativeConnectionOptions, NativeStatement } from './native.js';

/** What the addon offers to lib/writer on top. Its other half is native/node/{connection,statement,result_page}. */
export interface NativeWriterBinding extends Omit<NativeBinding, 'Connection'> {
  Connection: new (path: string, options: NativeWriterConnectionOptions) => NativeWriterConnection;
  /**
   * A backup of an attached database into the file at `path`, which is made where there is none. TypeError where that is a file of the database itself, or the
   * connection is closed; SqliteError. Nothing has changed then.
   */
  Backup: new (
    connection: NativeConnection,
    schema: string,
    path: string,
  ) => NativeBackup;
  /** The class that SQLite's errors are thrown as, in this JavaScript environment. */
  setSqliteError(constructor: new (message: string, code: string) => Error): void;
  /** Where results are found after each call: see lib/writer/result-page.ts. */
  resultPage: ArrayBuffer;
  /** Constants of the result page as native code has them; a test compares them with lib/writer/result-page.ts. */
  resultLayout: Record<string, number>;
  statements: NativeStatements;
}

export interface NativeWriterConnectionOptions extends NativeConnectionOptions {
  /** The longest text, blob and SQL, in bytes. Default: SQLite's own. */
  maxLength?: number;
  /** For the path ":memory:": what a copy of is the content of main. Read-only where `readonly` says so. */
  content?: Uint8Array | undefined;
}

export interface NativeWriterConnection extends NativeConnection {
  /**
   * SqliteError for wrong SQL, RangeError for none or for more than one statement. Leaves in the page's header the statement's id, and
   * what it is like. The object stands for the statement's life: when it is collected, the statement is finalized. `isPersistent` tells
   * SQLite that it will be kept.
   */
  prepare(sql: string, isPersistent?: boolean): NativeStatement;
  /** Calls `logger` before each statement, with the statement. */
  exec(sql: string, logger?: (sql: string) => void): void;
  /** https://www.sqlite.org/c3ref/load_extension.html */
  loadExtension(path: string, entryPoint?: string): void;
  /** The pages of an attached database, as a file of it would have them. SqliteError, also where there is none of that name. */
  serialize(schema: string): Buffer;
  /** Replaces a function or aggregate with the same name and number of arguments. Without `inverse` it is not for windows. */
  defineAggregate(name: string, definition: NativeFunctionDefinition & NativeAggregate): void;
  /** Replaces a function or aggregate with the same name and number of arguments. */
  defineFunction(name: string, definition: NativeFunctionDefinition & { call: (...values: never[]) => unknown }): void;
  /**
   * Replaces a module of the same name, for tables that are made from now on. An eponymous one has a table of its own name, and is not for
   * CREATE VIRTUAL TABLE.
   */
  defineTable(
    name: string,
    module: { isEponymous: boolean; connect: (module: string, database: string, table: string, ...values: string[]) => NativeTable },
  ): void;
  /** https://www.sqlite.org/c3ref/c_dbconfig_defensive.html, which is on at first. */
  setDefensive(isDefensive: boolean): void;
}

export interface NativeFunctionDefinition {
  /** -1: any. */
  argumentCount: number;
  /** Whether integers come as bigints. */
  isBigInt: boolean;
  isDeterministic: boolean;
  isDirectOnly: boolean;
}

export interface NativeAggregate {
  start: () => unknown;
  step: (...values: never[]) => unknown;
  inverse: ((...values: never[]) => unknown) | undefined;
  /** Undefined: the total itself. */
  result: ((...values: never[]) => unknown) | undefined;
}

export interface NativeTable {
  /** A CREATE TABLE statement: the parameters as hidden columns, then the others. */
  declaration: string;
  /** At most 32. */
  parameters: string[];
  isBigInt: boolean;
  isDirectOnly: boolean;
  /** `next` puts the next row's values into `row`, one for each column of the declaration, and says whether there was one. */
  scan: (...parameters: unknown[]) => { row: unknown[]; next: () => boolean };
}

/** What a call returns beside the page, which says which: the heap, or boxed values with the heap as the first of them, or the only boxed value. */
export type NativeResult = unknown;

/** How a call of `transfer` has ended; native/node/backup.h has the same numbers. */
export const BackupOutcome = {
  copied: 0,
  done: 1,
  /** Nothing was copied: the source's connection has a write transaction open. */
  ownTransaction: 2,
  /** Nothing was copied: another connection has the source or the destination locked. */
  locked: 3,
} as const;

/** Ends with its last page, with `close`, or with its connection. What it has not finished then leaves the destination as it was, or removes it. */
export interface NativeBackup {
  /** As of the last `transfer` that was not in anybody's way. */
  readonly totalPages: number;
  readonly remainingPages: number;
  /** Copies so many pages, 0 or more. One of BackupOutcome. SqliteError; TypeError when it has ended. */
  transfer(pages: number): number;
  /** Twice is fine. */
  close(): void;
}

/**
 * Each takes the id of a statement, which is quicker than a method would be. `values` are those of all parameters, in SQLite's order, or
 * nothing after `bind`. One run at a time: `run`, `get` and `pluck` are a run each; `all` and `open` begin one, which ends when the page
 * says that it is done, when a call throws, or with `end`.
 */
export interface NativeStatements {
  /** Leaves `changes` and the last rowid in the page. */
  run(id: number, ...values: unknown[]): void;
  /** Leaves one row, or none, in the page. */
  get(id: number, ...values: unknown[]): NativeResult;
  /** The first value of the first row, or undefined. */
  pluck(id: number, ...values: unknown[]): unknown;
  /** Leaves the first rows in the page. */
  all(id: number, ...values: unknown[]): NativeResult;
  /** Runs nothing yet. */
  open(id: number, ...values: unknown[]): void;
  /** Leaves at most `maxRows` of the rows that follow. An error that comes after some of them is thrown by the next call. */
  more(id: number, maxRows: number): NativeResult;
  /** Twice is fine. */
  end(id: number): void;
  /** Binds for all later runs. */
  bind(id: number, ...values: unknown[]): void;
  clearBindings(id: number): void;
  /** `isExpanded`: the page's `generation` counts the names of the columns' tables too. */
  configure(id: number, isBigInt: boolean, isFirstColumnOnly: boolean, isExpanded: boolean): void;
  /** For each column its name, and of the column it comes from: name, table, database and declared type. */
  columns(id: number): Array<string | null>;
  /** As they were when the last row was read, a NUL between two. */
  columnNames(id: number): string;
  /** In SQLite's order, without the character that begins them; null for `?`. */
  parameterNames(id: number): Array<string | null>;
  /** The SQL with the bound values in it. */
  boundSql(id: number): string;
  /** Twice is fine. Afterwards every other call throws a TypeError. */
  finalize(id: number): void;
}
