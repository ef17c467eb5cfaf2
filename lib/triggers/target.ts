import { resolve } from 'node:path';
import { badOption } from '../errors/rowtap-error.js';
import { connectionOf, openUncaptured, Database as Writer } from '../writer/database.js';
import { type OwnConnection, type TriggerConnection, withOwnErrors } from './connection.js';

export interface OpenOptions {
  isReadonly: boolean;
  timeoutMs: number;
}

/** The database that somebody means by a path or by a connection. */
export interface Target {
  /** Absolute. */
  path: string;
  isReadonly: boolean;
  /** The one that was given; undefined for a path. */
  given: TriggerConnection | undefined;
  /** Whether that one has a transaction open, as far as it can tell. */
  isInTransaction(): boolean;
  /**
   * Another connection to the file, made by the same copy of SQLite: two copies in one process would drop each other's locks, since those belong
   * to the process (https://www.sqlite.org/howtocorrupt.html#multiple_copies_of_sqlite_linked_into_the_same_application).
   */
  open(options: OpenOptions): OwnConnection;
}

/** `what` is the function that was called. Throws ROWTAP_BAD_OPTION for what is no database, and for one in memory. */
export function targetOf(database: unknown, what: string): Target {
  if (typeof database === 'string') return targetOfPath(database, what);
  if (database instanceof Writer) return targetOfWriter(database, what);
  if (isConnection(database)) return targetOfConnection(database, what);
  throw badOption(`\`${what}\` takes a path, a Database, or a connection with better-sqlite3's \`prepare\` and \`exec\``);
}

function targetOfPath(given: string, what: string): Target {
  if (given === '' || given === ':memory:') throw noFile(what);
  const path = resolve(given);
  return { path, isReadonly: false, given: undefined, isInTransaction: () => false, open: (options) => openOwn(path, options) };
}

function targetOfWriter(database: Writer, what: string): Target {
  if (database.memory) throw noFile(what);
  const path = resolve(database.name);
  return {
    path,
    isReadonly: database.readonly,
    given: database,
    isInTransaction: () => database.inTransaction,
    open: (options) => openOwn(path, options),
  };
}

function targetOfConnection(connection: TriggerConnection, what: string): Target {
  const files = connection.prepare('PRAGMA database_list').all() as { name: string; file: string | null }[];
  const path = files.find(({ name }) => name === 'main')?.file ?? '';
  if (path === '') throw noFile(what);
  const flags = connection as { inTransaction?: unknown; isTransaction?: unknown; readonly?: unknown };
  return {
    path,
    isReadonly: flags.readonly === true,
    given: connection,
    isInTransaction: () => flags.inTransaction === true || flags.isTransaction === true,
    open: (options) => openAlike(connection, path, options),
  };
}

/** Captured where it writes: sources of the hook engine then know its commits for this process's, and see nothing in them. */
function openOwn(path: string, { isReadonly, timeoutMs }: OpenOptions): OwnConnection {
  if (isReadonly) return openUncaptured(path, { isReadonly, timeoutMs });
  return new Writer(path, { fileMustExist: true, timeout: timeoutMs });
}

function openAlike(connection: TriggerConnection, path: string, { isReadonly, timeoutMs }: OpenOptions): OwnConnection {
  const Connection = connection.constructor as new (path: string) => OwnConnection;
  const own = new Connection(path);
  own.exec(`PRAGMA busy_timeout = ${timeoutMs}; PRAGMA query_only = ${isReadonly ? 1 : 0}`);
  return withOwnErrors(own);
}

function isConnection(value: unknown): value is TriggerConnection {
  const { prepare, exec } = (value ?? {}) as Partial<TriggerConnection>;
  return typeof value === 'object' && typeof prepare === 'function' && typeof exec === 'function';
}

function noFile(what: string): Error {
  return badOption(`\`${what}\`: the trigger engine needs a database file, and an in-memory database has none; capture it by hooks`);
}

/** Whether the writer it was given to is known not to fire DELETE triggers for rows that a REPLACE deletes. */
export function replacesSilently({ given }: Target): boolean {
  if (given === undefined) return false;
  if (given instanceof Writer && !connectionOf(given).isOpen) return false;
  try {
    const row = given.prepare('PRAGMA recursive_triggers').get() as { recursive_triggers: number | bigint } | undefined;
    return row !== undefined && Number(row.recursive_triggers) === 0;
  } catch {
    // It is closed, or busy in a call.
    return false;
  }
}
