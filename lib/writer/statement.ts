import type { NativeStatement } from '../binding/native.js';
import type { NativeStatements } from '../binding/native-writer.js';
import { WriterConnection } from './connection.js';
import type { Database } from './database.js';
import { makeMembersEnumerable } from './enumerable-members.js';
import { callAll, callGet, callOpen, callPluck, callRun } from './native-calls.js';
import { optionalSwitch } from './options.js';
import { Parameters } from './parameters.js';
import type { RowMode } from './row-reader.js';
import { RowShape } from './row-shape.js';
import { StatementIterator } from './statement-iterator.js';

export interface RunResult {
  /** Rows that the statement itself inserted, updated or deleted; not those of triggers and foreign-key actions. */
  changes: number;
  /** A bigint with safe integers. */
  lastInsertRowid: number | bigint;
}

export interface ColumnDefinition {
  name: string;
  /** Of the table's column that it comes from; null, like the next three, for an expression. */
  column: string | null;
  table: string | null;
  database: string | null;
  type: string | null;
}

const noValues: readonly unknown[] = [];
const mostIterators = 0xffff;

let finalize: (statement: Statement<never>) => void;
let bindNothing: (statement: Statement<never>) => void;

/** For a statement that nobody will use again, sooner than the garbage collector would. */
export function finalizeStatement(statement: Statement<never>): void {
  finalize(statement);
}

/** For EXPLAIN, which runs nothing that would need a value. SQLite takes parameters without one for NULL. */
export function leaveUnbound(statement: Statement<never>): void {
  bindNothing(statement);
}

/** What console.log prints instead, under the same name: a class's getters would not be shown. */
// oxlint-disable-next-line typescript/no-extraneous-class -- only its name is of use
const ShownStatement = class Statement {};

/** A prepared statement, made by `prepare`. */
export class Statement<BindParameters extends unknown[] = unknown[], Result = unknown> {
  readonly #connection: WriterConnection;
  // oxlint-disable-next-line no-unused-private-class-members -- held because the native statement lives as long as it does
  readonly #native: NativeStatement;
  readonly #statements: NativeStatements;
  readonly #id: number;
  readonly #database: Database;
  readonly #source: string;
  readonly #isReader: boolean;
  readonly #isReadonly: boolean;
  readonly #parameters: Parameters;
  readonly #shape: RowShape;
  #isBigInt: boolean;
  #isBound = false;
  #isLocked = false;

  /**
   * For `prepare` alone, with the result page as the native `prepare` left it. `isPragma`: it may return rows, though SQLite can't tell.
   */
  constructor(connection: WriterConnection, database: Database, source: string, native: NativeStatement, isPragma: boolean) {
    if (!(connection instanceof WriterConnection)) throw new TypeError('Statements are made by the prepare() method of a database');
    const { page } = connection;
    this.#connection = connection;
    this.#native = native;
    this.#statements = connection.statements;
    this.#id = page.statement;
    this.#database = database;
    this.#source = source;
    this.#isReader = page.columnCount > 0 || isPragma;
    this.#isReadonly = page.isReadonly;
    this.#parameters = new Parameters(connection);
    this.#shape = new RowShape(connection, page.statement);
    this.#isBigInt = connection.isSafeIntegers;
    if (this.#isBigInt) this.#configure();
  }

  get database(): Database {
    return this.#database;
  }
  /** The SQL it was prepared from. */
  get source(): string {
    return this.#source;
  }
  /** Whether it returns rows, so that `get`, `all` and `iterate` can be used. */
  get reader(): boolean {
    return this.#isReader;
  }
  /** Whether it leaves the database as it is (https://www.sqlite.org/c3ref/stmt_readonly.html). */
  get readonly(): boolean {
    return this.#isReadonly;
  }
  /** Whether an iterator of it is open. */
  get busy(): boolean {
    return this.#isLocked && this.#connection.isOpen;
  }

  /** Runs it to its end. Throws SqliteError; TypeError and RangeError for parameters that don't fit, and while the database is busy. */
  run(...parameters: BindParameters): RunResult {
    const connection = this.#connection;
    connection.requireOpen();
    connection.requireNotBusy();
    this.#requireUnlocked();
    connection.requireNoIteratorsUnlessUnsafe();
    const values = this.#valuesFor(parameters);
    connection.isBusy = true;
    try {
      if (connection.verbose === undefined) callRun(this.#statements, this.#id, values);
      else this.#runLogged(() => this.#statements.run(this.#id), values);
    } finally {
      connection.isBusy = false;
    }
    const { page } = connection;
    return { changes: page.changes, lastInsertRowid: this.#isBigInt ? page.lastInsertRowidExact : page.lastInsertRowid };
  }

  /** The first row, or undefined. */
  get(...parameters: BindParameters): Result | undefined {
    const connection = this.#connection;
    this.#requireReader();
    connection.requireOpen();
    connection.requireNotBusy();
    this.#requireUnlocked();
    const values = this.#valuesFor(parameters);
    connection.isBusy = true;
    try {
      return connection.verbose === undefined ? this.#readFirst(values) : this.#runLogged(() => this.#readFirst(noValues), values);
    } finally {
      connection.isBusy = false;
    }
  }

  #readFirst(values: readonly unknown[]): Result | undefined {
    if (this.#shape.mode === 'pluck') return callPluck(this.#statements, this.#id, values) as Result | undefined;
    const result = callGet(this.#statements, this.#id, values);
    return this.#connection.page.rows === 0 ? undefined : (this.#shape.first(result) as Result);
  }

  /** Every row. */
  all(...parameters: BindParameters): Result[] {
    const connection = this.#connection;
    this.#requireReader();
    connection.requireOpen();
    connection.requireNotBusy();
    this.#requireUnlocked();
    const values = this.#valuesFor(parameters);
    connection.isBusy = true;
    try {
      return connection.verbose === undefined ? this.#readAll(values) : this.#runLogged(() => this.#readAll(noValues), values);
    } finally {
      connection.isBusy = false;
    }
  }

  #readAll(values: readonly unknown[]): Result[] {
    const { page } = this.#connection;
    const statements = this.#statements;
    const rows: Result[] = [];
    let result = callAll(statements, this.#id, values);
    try {
      for (;;) {
        const { isDone } = page;
        this.#shape.addTo(rows, result);
        if (isDone) return rows;
        result = statements.more(this.#id, 0x7fffffff);
      }
    } catch (error) {
      statements.end(this.#id);
      throw error;
    }
  }

  /** The rows one by one, each read when it is asked for. The database can't be written or closed while it is open. */
  iterate(...parameters: BindParameters): StatementIterator<Result> {
    const connection = this.#connection;
    this.#requireReader();
    connection.requireOpen();
    connection.requireNotBusy();
    this.#requireUnlocked();
    if (connection.iterators >= mostIterators) throw new RangeError(`More than ${mostIterators} iterators are open on this database`);
    callOpen(this.#statements, this.#id, this.#valuesFor(parameters));
    this.#isLocked = true;
    connection.iterators++;
    return new StatementIterator<Result>(this, connection, this.#id, this.#shape, () => {
      this.#isLocked = false;
      connection.iterators--;
    });
  }

  /** Binds the parameters for good. Only once, and no parameters can be given afterwards. */
  bind(...parameters: BindParameters): this {
    if (this.#isBound) throw new TypeError('The parameters of this statement have been bound already; bind() works once');
    this.#connection.requireOpen();
    this.#connection.requireNotBusy();
    this.#requireUnlocked();
    this.#statements.bind(this.#id, ...this.#parameters.order(parameters));
    this.#isBound = true;
    return this;
  }

  /** Rows are the value of their first column. */
  pluck(isOn?: boolean): this;
  pluck(...isOn: unknown[]): this {
    return this.#setMode('pluck', isOn);
  }
  /** Rows are objects that hold an object for each table, with its columns; "$" holds what belongs to no table. */
  expand(isOn?: boolean): this;
  expand(...isOn: unknown[]): this {
    return this.#setMode('expand', isOn);
  }
  /** Rows are arrays of their values. */
  raw(isOn?: boolean): this;
  raw(...isOn: unknown[]): this {
    return this.#setMode('raw', isOn);
  }

  /** Integers are bigints. */
  safeIntegers(isOn?: boolean): this;
  safeIntegers(...isOn: unknown[]): this {
    this.#connection.requireNotBusy();
    this.#requireUnlocked();
    this.#isBigInt = optionalSwitch(isOn);
    this.#configure();
    return this;
  }

  /** What the columns of its rows are called, and where they come from. */
  columns(): ColumnDefinition[] {
    this.#requireReader();
    this.#connection.requireOpen();
    this.#connection.requireNotBusy();
    const parts = this.#statements.columns(this.#id);
    const columns: ColumnDefinition[] = [];
    for (let at = 0; at < parts.length; at += 5) {
      const [name, column = null, table = null, database = null, type = null] = parts.slice(at, at + 5);
      columns.push({ name: name ?? '', column, table, database, type });
    }
    return columns;
  }

  /** Its source; after `bind`, and until the database is closed, the SQL with the values in it, of which long ones are cut. */
  toString(): string {
    return this.#isBound && this.#connection.isOpen ? this.#statements.boundSql(this.#id) : this.#source;
  }

  #setMode(mode: RowMode, isOn: unknown[]): this {
    this.#requireReader();
    this.#connection.requireNotBusy();
    this.#requireUnlocked();
    if (optionalSwitch(isOn)) this.#shape.mode = mode;
    else if (this.#shape.mode === mode) this.#shape.mode = 'flat';
    this.#configure();
    return this;
  }

  #configure(): void {
    const { mode } = this.#shape;
    this.#statements.configure(this.#id, this.#isBigInt, mode === 'pluck', mode === 'expand');
  }

  #valuesFor(parameters: readonly unknown[]): readonly unknown[] {
    if (!this.#isBound) return this.#parameters.order(parameters);
    if (parameters.length > 0) throw new TypeError('The parameters of this statement have been bound; none can be given now');
    return noValues;
  }

  /** Shows `verbose` the statement with its values in it, then runs it with them. */
  #runLogged<Value>(run: () => Value, values: readonly unknown[]): Value {
    const statements = this.#statements;
    if (!this.#isBound) statements.bind(this.#id, ...values);
    try {
      const { verbose } = this.#connection;
      verbose?.(statements.boundSql(this.#id));
      return run();
    } finally {
      if (!this.#isBound) statements.clearBindings(this.#id);
    }
  }

  [Symbol.for('nodejs.util.inspect.custom')](): object {
    const { busy, reader, readonly, source, database } = this;
    return Object.assign(new ShownStatement(), { busy, reader, readonly, source, database });
  }

  static {
    makeMembersEnumerable(this.prototype);
    finalize = (statement) => statement.#statements.finalize(statement.#id);
    bindNothing = (statement) => {
      statement.#statements.bind(statement.#id);
      statement.#isBound = true;
    };
  }

  #requireReader(): void {
    if (!this.#isReader) throw new TypeError('This statement returns no rows: use run()');
  }

  #requireUnlocked(): void {
    if (this.#isLocked) throw new TypeError('This statement is busy: an iterator of it is open');
  }
}
