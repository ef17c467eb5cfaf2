import { constants } from 'node:buffer';
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { type AggregateOptions, defineAggregate } from './aggregate.js';
import { type BackupOptions, type BackupProgress, backUp, checkBackup } from './backup.js';
import { WriterConnection } from './connection.js';
import { makeMembersEnumerable } from './enumerable-members.js';
import { defineFunction } from './function.js';
import type { FunctionOptions } from './function-options.js';
import { writerBinding } from './native-binding.js';
import {
  attachedName,
  booleanOption,
  checkDatabaseOptions,
  type DatabaseOptions,
  optionalSwitch,
  type SerializeOptions,
} from './options.js';
import { finalizeStatement, leaveUnbound, Statement } from './statement.js';
import { defineTable, type TableDefinition, type TableFactory } from './table.js';
import { makeTransaction, type Transaction } from './transaction.js';

/** An option by this name, which no caller from outside can have, opens a connection that is not captured. */
const uncaptured = Symbol('rowtap: uncaptured');

/**
 * Under this key a database keeps what is behind it. A property and not a private field, since better-sqlite3's can be used through a proxy, such as one that
 * opens the database when it is first asked for something, and by an object that inherits from it.
 */
const key = Symbol('rowtap: database');

interface Behind {
  readonly database: Database;
  readonly connection: WriterConnection;
  readonly name: string;
  readonly isMemory: boolean;
  readonly isReadonly: boolean;
}

let behind: (database: Database) => Behind;

/** What console.log prints instead, under the same name: a class's getters would not be shown. */
// oxlint-disable-next-line typescript/no-extraneous-class -- only its name is of use
const ShownDatabase = class Database {};

/** One connection to a SQLite database, with the API of better-sqlite3's. What it commits is captured. */
export class Database {
  declare private readonly [key]: Behind;

  /**
   * `path` is a file's, or ":memory:", or "" for a temporary database. A Buffer in its place, as `serialize` gives it or as a file holds it, is copied to be the
   * content of a database in memory. Throws TypeError and RangeError for wrong arguments, SqliteError
   * where SQLite can't open the file.
   */
  constructor(path?: string | Buffer | null, options?: DatabaseOptions | null) {
    if (typeof path === 'number') {
      throw new TypeError(
        'A database cannot be opened from a file descriptor: give the path of its file, by which its sources open it as well',
      );
    }
    const content = Buffer.isBuffer(path) ? path : undefined;
    const given: unknown = content === undefined ? (path ?? '') : ':memory:';
    if (typeof given !== 'string') {
      throw new TypeError('Expected the path of the database, a string, or a Buffer with its content, as the first argument');
    }
    const wanted: unknown = options ?? {};
    if (typeof wanted !== 'object' || wanted === null) throw new TypeError('Expected an object with options as the second argument');
    const file = given.trim();
    if (file.includes('\0')) throw new TypeError('The path of the database holds a NUL character');
    const isMemory = file === '' || file === ':memory:';
    const checked = checkDatabaseOptions(wanted, isMemory && content === undefined);
    const binding = writerBinding(checked.nativeBinding);
    if (!isMemory && !file.startsWith('file:') && !existsSync(dirname(file))) {
      throw new TypeError(`The database cannot be opened: there is no directory ${dirname(file)}`);
    }
    const native = new binding.Connection(file, {
      readonly: checked.isReadonly,
      fileMustExist: checked.mustExist,
      timeoutMs: checked.timeoutMs,
      isCaptured: !(uncaptured in wanted),
      // Longer ones could not be handed to JavaScript.
      maxLength: Math.min(constants.MAX_LENGTH, constants.MAX_STRING_LENGTH, 0x7fffffff),
      content,
    });
    const connection = new WriterConnection(binding, native, checked);
    const value: Behind = { database: this, connection, name: given, isMemory, isReadonly: checked.isReadonly };
    Object.defineProperty(this, key, { value });
  }

  /** The path, as it was given. */
  get name(): string {
    return this[key].name;
  }
  get open(): boolean {
    return this[key].connection.isOpen;
  }
  get inTransaction(): boolean {
    return this[key].connection.isInTransaction;
  }
  get readonly(): boolean {
    return this[key].isReadonly;
  }
  /** Whether it is in memory or temporary. */
  get memory(): boolean {
    return this[key].isMemory;
  }

  /** Throws SqliteError for wrong SQL, RangeError for none or for several statements, TypeError while the database is closed or busy. */
  prepare<BindParameters extends unknown[] | {} = unknown[], Result = unknown>(
    sql: string,
  ): BindParameters extends unknown[] ? Statement<BindParameters, Result> : Statement<[BindParameters], Result> {
    requireSql(sql);
    const { connection } = this[key];
    connection.requireOpen();
    connection.requireNotBusy();
    return new Statement(connection, this, sql, connection.prepare(sql, true), false) as never;
  }

  /**
   * A function that runs `fn` inside a transaction: committed when it returns, rolled back when it throws, then the error is thrown on.
   * Called inside another transaction it becomes a savepoint. `fn` cannot be asynchronous.
   */
  // oxlint-disable-next-line typescript/no-explicit-any -- any function will do, whatever its parameters
  transaction<F extends (...parameters: any[]) => unknown>(fn: F): Transaction<F> {
    return makeTransaction(this[key].connection, this, fn);
  }

  /** Runs `PRAGMA <source>`. Its rows, or with `simple` the first value of the first one. */
  pragma(source: string, options?: { simple?: boolean | undefined } | null): unknown {
    if (typeof source !== 'string') throw new TypeError('Expected the text of the pragma, a string, as the first argument');
    const wanted: unknown = options ?? {};
    if (typeof wanted !== 'object' || wanted === null) throw new TypeError('Expected an object with options as the second argument');
    const isSimple = booleanOption(wanted, 'simple');
    const { connection } = this[key];
    connection.requireOpen();
    connection.requireNotBusy();
    connection.requireNoIteratorsUnlessUnsafe();
    const sql = `PRAGMA ${source}`;
    const statement = new Statement(connection, this, sql, connection.prepare(sql, false), true);
    try {
      return isSimple ? statement.pluck().get() : statement.all();
    } finally {
      finalizeStatement(statement);
    }
  }

  /**
   * The rows of `EXPLAIN sql`: how SQLite would run the statement, which is not run and needs no values for its parameters. What begins with
   * "QUERY PLAN " gives the rows of `EXPLAIN QUERY PLAN`. Throws as `prepare` does.
   */
  explain(sql: string): unknown[] {
    requireSql(sql);
    const { connection } = this[key];
    connection.requireOpen();
    connection.requireNotBusy();
    const explained = `EXPLAIN ${sql}`;
    const statement = new Statement(connection, this, explained, connection.prepare(explained, false), false);
    try {
      leaveUnbound(statement);
      return statement.all();
    } finally {
      finalizeStatement(statement);
    }
  }

  /** Runs all statements of `sql`. The first that fails ends it; those before it have been run. */
  exec(sql: string): this {
    requireSql(sql);
    const { connection } = this[key];
    connection.requireOpen();
    connection.requireNotBusy();
    connection.requireNoIteratorsUnlessUnsafe();
    connection.isBusy = true;
    try {
      connection.native.exec(sql, connection.verbose);
    } finally {
      connection.isBusy = false;
    }
    return this;
  }

  /**
   * Loads an extension of SQLite's, a shared library, through its function `entryPoint` (by default one named after the file). What its code
   * writes while one of its functions runs is committed like anything else, but no one can tell what becomes of it: a subscriber is told that
   * it has lost that transaction. Throws SqliteError where it can't be loaded, TypeError while the database is closed or busy.
   */
  loadExtension(path: string, entryPoint?: string): this;
  loadExtension(path: string, ...entryPoint: unknown[]): this {
    if (typeof path !== 'string') throw new TypeError('Expected the path of the extension, a string, as the first argument');
    if (entryPoint.length > 0 && typeof entryPoint[0] !== 'string') {
      throw new TypeError('Expected the name of the entry point, a string, as the second argument');
    }
    const { connection } = this[key];
    connection.requireOpen();
    connection.requireNotBusy();
    connection.requireNoIterators();
    connection.native.loadExtension(path, entryPoint[0] as string | undefined);
    return this;
  }

  /**
   * What a file of this database would hold, as it is now, in an open transaction too. Throws a TypeError while the database is closed or busy, or an iterator
   * is open; SqliteError where there is no attached database of that name, or it can't be read.
   */
  serialize(options?: SerializeOptions | null): Buffer {
    const wanted: unknown = options ?? {};
    if (typeof wanted !== 'object' || wanted === null) throw new TypeError('Expected an object with options as the first argument');
    const attached = attachedName(wanted);
    const { connection } = this[key];
    connection.requireOpen();
    connection.requireNotBusy();
    connection.requireNoIterators();
    return connection.native.serialize(attached);
  }

  /**
   * Makes `fn` a function of SQL. Throws TypeError and RangeError for wrong arguments and options, TypeError while the database is closed or
   * busy, or an iterator open, SqliteError where SQLite refuses it. What `fn` throws, the call that ran the statement throws.
   */
  // oxlint-disable-next-line typescript/no-explicit-any -- any function will do, whatever its parameters
  function(name: string, fn: (...values: any[]) => unknown): this;
  // oxlint-disable-next-line typescript/no-explicit-any -- any function will do, whatever its parameters
  function(name: string, options: FunctionOptions | null | undefined, fn: (...values: any[]) => unknown): this;
  function(name: unknown, ...given: unknown[]): this {
    defineFunction(this[key].connection, name, given);
    return this;
  }

  /**
   * Makes an aggregate function of SQL, and with `inverse` a window function. Throws as `function` does. What one of its functions throws, the
   * call that ran the statement throws.
   */
  aggregate<Total>(name: string, options: AggregateOptions<Total>): this {
    defineAggregate(this[key].connection, name, options);
    return this;
  }

  /**
   * Makes a virtual table. With a definition it is there by that name, and can be given parameters: `SELECT … FROM name(1, 2)`. With a function
   * that returns one, `CREATE VIRTUAL TABLE … USING name(…)` makes tables. Throws as `function` does. What the function or a generator throws,
   * the call that ran the statement throws.
   */
  table(name: string, definition: TableDefinition | TableFactory): this {
    defineTable(this[key].connection, name, definition);
    return this;
  }

  /**
   * Copies the database, as it is at the end of the copy, into the file `destination`, some pages in each turn of the event loop; what the file held
   * before is replaced in the moment in which the copy is whole. Waits while a write transaction is open on this connection. Rejects with a TypeError for
   * wrong arguments, where the destination is the database itself, or when the database is closed; with SqliteError; and with what `progress` throws. Then the
   * destination is as it was.
   */
  async backup(destination: string, options?: BackupOptions | null): Promise<BackupProgress> {
    return backUp(this[key].connection, checkBackup(destination, options));
  }

  /** Statements prepared from now on return integers as bigints, or with `false` as numbers. */
  defaultSafeIntegers(isOn?: boolean): this;
  defaultSafeIntegers(...isOn: unknown[]): this {
    this[key].connection.isSafeIntegers = optionalSwitch(isOn);
    return this;
  }

  /**
   * Lets a program write while it iterates, and do what could corrupt its database (SQLite's defensive mode is off). Throws a TypeError while the database is
   * closed.
   */
  unsafeMode(isOn?: boolean): this;
  unsafeMode(...isOn: unknown[]): this {
    const { connection } = this[key];
    connection.requireOpen();
    connection.isUnsafe = optionalSwitch(isOn);
    connection.native.setDefensive(!connection.isUnsafe);
    return this;
  }

  /** Rolls back what is open and closes its statements. Twice is fine. Throws a TypeError while an iterator is open. */
  close(): this {
    const { connection } = this[key];
    if (!connection.isOpen) return this;
    connection.requireNotBusy();
    connection.requireNoIterators();
    connection.native.close();
    connection.isOpen = false;
    return this;
  }

  [Symbol.for('nodejs.util.inspect.custom')](): object {
    const { name, open, inTransaction, readonly, memory } = this;
    return Object.assign(new ShownDatabase(), { name, open, inTransaction, readonly, memory });
  }

  static {
    makeMembersEnumerable(this.prototype);
    behind = (database) => database[key];
  }
}

/** For the rest of rowtap, which needs the native connection. */
export function connectionOf(database: Database): WriterConnection {
  return behind(database).connection;
}

/** That itself, given it, a proxy of it, or what inherits from it. Undefined for anything else. */
export function databaseBehind(given: unknown): Database | undefined {
  return typeof given === 'object' && given !== null ? (given as { [key]?: Behind })[key]?.database : undefined;
}

/** For the rest of rowtap: what `ask` runs on the application's connection is not shown to the application. */
export function withoutVerbose<Value>(database: Database, ask: () => Value): Value {
  const { connection } = behind(database);
  const { verbose } = connection;
  connection.verbose = undefined;
  try {
    return ask();
  } finally {
    connection.verbose = verbose;
  }
}

/** A connection of rowtap's own: nothing that it commits is captured, and it does not join the file's hub. */
export function openUncaptured(path: string, options: { isReadonly?: boolean; timeoutMs?: number } = {}): Database {
  const { isReadonly = false, timeoutMs = 5000 } = options;
  return new Database(path, { readonly: isReadonly, fileMustExist: true, timeout: timeoutMs, [uncaptured]: true } as DatabaseOptions);
}

function requireSql(sql: unknown): void {
  if (typeof sql !== 'string') throw new TypeError('Expected SQL, a string, as the first argument');
}
