import { SqliteError } from '../errors/sqlite-error.js';

/** What is asked of a statement. Better-sqlite3's, node:sqlite's and this project's all have it; the optional members differ from one to the other. */
export interface TriggerStatement {
  run(...values: unknown[]): { changes: number | bigint };
  get(...values: unknown[]): unknown;
  all(...values: unknown[]): unknown[];
  iterate?(...values: unknown[]): Iterator<unknown>;
  /** Better-sqlite3: rows as arrays, integers as bigints. */
  raw?(isOn: boolean): unknown;
  safeIntegers?(isOn: boolean): unknown;
  /** The same in node:sqlite. */
  setReturnArrays?(isOn: boolean): unknown;
  setReadBigInts?(isOn: boolean): unknown;
}

/** Any connection with better-sqlite3's `prepare` and `exec`. */
export interface TriggerConnection {
  prepare(sql: string): TriggerStatement;
  exec(sql: string): unknown;
}

/**
 * The same connection with this project's errors: those of better-sqlite3 bear SQLite's code in `code`, those of node:sqlite its number in
 * `errcode`.
 */
export function withOwnErrors(connection: OwnConnection): OwnConnection {
  return {
    prepare: (sql) => withOwnStatementErrors(translate(() => connection.prepare(sql))),
    exec: (sql) => translate(() => connection.exec(sql)),
    close: () => connection.close(),
  };
}

function withOwnStatementErrors(statement: TriggerStatement): TriggerStatement {
  return new Proxy(statement, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name);
      return typeof member === 'function' ? (...values: unknown[]) => translate(() => member.apply(target, values) as unknown) : member;
    },
  });
}

function translate<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    const { code, errcode, message } = error as { code?: unknown; errcode?: unknown; message: string };
    if (typeof errcode === 'number') throw new SqliteError(message, codeNames[errcode] ?? codeNames[errcode & 0xff] ?? 'SQLITE_ERROR');
    if (typeof code === 'string' && code.startsWith('SQLITE_')) throw new SqliteError(message, code);
    throw error;
  }
}

/** Those that something depends on (https://www.sqlite.org/rescode.html). */
const codeNames: Record<number, string> = {
  5: 'SQLITE_BUSY',
  6: 'SQLITE_LOCKED',
  7: 'SQLITE_NOMEM',
  8: 'SQLITE_READONLY',
  10: 'SQLITE_IOERR',
  11: 'SQLITE_CORRUPT',
  13: 'SQLITE_FULL',
  14: 'SQLITE_CANTOPEN',
  26: 'SQLITE_NOTADB',
  261: 'SQLITE_BUSY_RECOVERY',
  517: 'SQLITE_BUSY_SNAPSHOT',
};

/** One that was opened here, and is closed here. */
export interface OwnConnection extends TriggerConnection {
  close(): unknown;
}

/** A row's values in the order of the columns, integers as bigints: nothing of a value is lost on the way. */
export type RawRow = (null | number | bigint | string | Uint8Array)[];

/** Lets a statement give such rows; the connection's own settings do not matter. */
export function rawRows(connection: TriggerConnection, sql: string): { all(...values: unknown[]): RawRow[]; iterate(): Iterator<RawRow> } {
  const statement = connection.prepare(sql);
  statement.raw?.(true);
  statement.safeIntegers?.(true);
  statement.setReturnArrays?.(true);
  statement.setReadBigInts?.(true);
  const asArray = (row: unknown): RawRow => (Array.isArray(row) ? row : Object.values(row as object)) as RawRow;
  return {
    all: (...values) => {
      const rows = statement.all(...values);
      return rows.length === 0 || Array.isArray(rows[0]) ? (rows as RawRow[]) : rows.map(asArray);
    },
    iterate: () => {
      const rows = statement.iterate?.() ?? statement.all()[Symbol.iterator]();
      const next = (): IteratorResult<RawRow> => {
        const { value, done } = rows.next();
        return done === true ? { value: undefined, done } : { value: asArray(value), done: false };
      };
      return { next, return: () => (rows.return?.(), { value: undefined, done: true as const }) };
    },
  };
}
