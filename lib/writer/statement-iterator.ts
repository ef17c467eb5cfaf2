import type { WriterConnection } from './connection.js';
import type { RowShape } from './row-shape.js';
import type { Statement } from './statement.js';

/**
 * The rows of one run, each read from SQLite when it is asked for. Open until the last row has been taken, or an error thrown, or `return`
 * called, as `break` in a `for…of` loop does. One that is dropped without that keeps its database busy: when that ends must not depend on
 * the garbage collector.
 */
export class StatementIterator<Result> implements IterableIterator<Result> {
  readonly statement: Statement<never, Result>;
  readonly #connection: WriterConnection;
  readonly #id: number;
  readonly #shape: RowShape;
  readonly #release: () => void;
  #isOpen = true;
  #isLogged: boolean;

  /** For `iterate` alone, which has bound the parameters and opened the run. */
  constructor(statement: Statement<never, Result>, connection: WriterConnection, id: number, shape: RowShape, release: () => void) {
    this.statement = statement;
    this.#connection = connection;
    this.#id = id;
    this.#shape = shape;
    this.#release = release;
    this.#isLogged = connection.verbose === undefined;
  }

  /** Throws SqliteError, and a TypeError while the database is busy. */
  next(): IteratorResult<Result, undefined> {
    const connection = this.#connection;
    connection.requireNotBusy();
    if (!this.#isOpen) return { value: undefined, done: true };
    let result;
    connection.isBusy = true;
    try {
      if (!this.#isLogged) {
        this.#isLogged = true;
        const { verbose } = connection;
        verbose?.(connection.statements.boundSql(this.#id));
      }
      result = connection.statements.more(this.#id, 1);
    } catch (error) {
      this.#close();
      throw error;
    } finally {
      connection.isBusy = false;
    }
    if (connection.page.rows > 0) return { value: this.#shape.first(result) as Result, done: false };
    this.#close();
    return { value: undefined, done: true };
  }

  /** Ends the run. Twice is fine. */
  return(): IteratorResult<Result, undefined> {
    this.#connection.requireNotBusy();
    if (this.#isOpen) this.#close();
    return { value: undefined, done: true };
  }

  [Symbol.iterator](): this {
    return this;
  }

  #close(): void {
    this.#isOpen = false;
    this.#release();
    this.#connection.statements.end(this.#id);
  }
}
