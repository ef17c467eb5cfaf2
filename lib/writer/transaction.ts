import type { WriterConnection } from './connection.js';
import type { Database } from './database.js';
import { Statement } from './statement.js';

// oxlint-disable-next-line typescript/no-explicit-any -- any function will do, whatever its parameters
type AnyFunction = (...parameters: any[]) => unknown;
/** Not TypeScript's own `Parameters`: this one is the same type as in @types/better-sqlite3, so that a Database can be given where that is asked for. */
type ParametersOf<F extends AnyFunction> = F extends (...parameters: infer Given) => unknown ? Given : never;

/** Runs a function inside a transaction, or inside a savepoint where one is open already. Each variant has all variants as properties. */
export interface Transaction<F extends AnyFunction> {
  (...parameters: ParametersOf<F>): ReturnType<F>;
  default: Transaction<F>;
  deferred: Transaction<F>;
  immediate: Transaction<F>;
  exclusive: Transaction<F>;
  readonly database: Database;
}

const beginnings = { default: 'BEGIN', deferred: 'BEGIN DEFERRED', immediate: 'BEGIN IMMEDIATE', exclusive: 'BEGIN EXCLUSIVE' } as const;
type Variant = keyof typeof beginnings;

interface Brackets {
  begin: Record<Variant, Statement>;
  commit: Statement;
  rollback: Statement;
  savepoint: Statement;
  release: Statement;
  rollbackTo: Statement;
}

/** Prepared once for each connection. */
const bracketsOf = new WeakMap<WriterConnection, Brackets>();

function prepareBrackets(connection: WriterConnection, database: Database): Brackets {
  const known = bracketsOf.get(connection);
  if (known !== undefined) return known;
  connection.requireOpen();
  connection.requireNotBusy();
  // Not by the method `prepare`, which an application may have replaced, to count or to wrap the statements that are its own.
  const prepare = (sql: string): Statement => new Statement(connection, database, sql, connection.prepare(sql, true), false);
  // Nested ones share it: SQLite takes the innermost. No program will have chosen the same by accident.
  const name = '"rowtap nested transaction"';
  const brackets: Brackets = {
    begin: {
      default: prepare(beginnings.default),
      deferred: prepare(beginnings.deferred),
      immediate: prepare(beginnings.immediate),
      exclusive: prepare(beginnings.exclusive),
    },
    commit: prepare('COMMIT'),
    rollback: prepare('ROLLBACK'),
    savepoint: prepare(`SAVEPOINT ${name}`),
    release: prepare(`RELEASE ${name}`),
    rollbackTo: prepare(`ROLLBACK TO ${name}`),
  };
  bracketsOf.set(connection, brackets);
  return brackets;
}

/** See `Database#transaction`. */
export function makeTransaction<F extends AnyFunction>(connection: WriterConnection, database: Database, fn: F): Transaction<F> {
  if (typeof fn !== 'function') throw new TypeError('Expected a function that is to run inside the transaction');
  const brackets = prepareBrackets(connection, database);
  const beginning = (begin: Statement) => ({ value: bracket(connection, brackets, begin, fn) });
  // One literal: V8 then knows what is to be defined.
  const properties = {
    default: beginning(brackets.begin.default),
    deferred: beginning(brackets.begin.deferred),
    immediate: beginning(brackets.begin.immediate),
    exclusive: beginning(brackets.begin.exclusive),
    database: { value: database, enumerable: true },
  };
  Object.defineProperties(properties.deferred.value, properties);
  Object.defineProperties(properties.immediate.value, properties);
  Object.defineProperties(properties.exclusive.value, properties);
  return Object.defineProperties(properties.default.value, properties) as unknown as Transaction<F>;
}

function bracket(connection: WriterConnection, brackets: Brackets, begin: Statement, fn: AnyFunction): AnyFunction {
  return function sqliteTransaction(this: unknown, ...parameters: unknown[]): unknown {
    const isNested = connection.isInTransaction;
    (isNested ? brackets.savepoint : begin).run();
    try {
      const result = fn.apply(this, parameters);
      if (isThenable(result)) throw new TypeError('A transaction function cannot return a promise: the transaction ends when it returns');
      (isNested ? brackets.release : brackets.commit).run();
      return result;
    } catch (error) {
      // SQLite itself may have rolled it back, or `fn` ended it.
      if (connection.isInTransaction) {
        if (isNested) {
          brackets.rollbackTo.run();
          brackets.release.run();
        } else {
          brackets.rollback.run();
        }
      }
      throw error;
    }
  };
}

function isThenable(result: unknown): boolean {
  return Boolean(result) && typeof (result as { then?: unknown }).then === 'function';
}
