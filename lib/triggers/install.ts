import { badOption } from '../errors/rowtap-error.js';
import { listUserTables } from '../schema/user-tables.js';
import { makeTableFilter, requireTables } from '../sources/table-filter.js';
import type { TriggerConnection } from './connection.js';
import { readInstalled, type TableState } from './installed.js';
import { forgetConsumers } from './log-consumers.js';
import { type LogNames, logNames, quoted } from './log-names.js';
import { LogTables } from './log-tables.js';
import { readShape, type Shape } from './shape.js';
import { targetOf } from './target.js';
import { shapeOfTrigger, triggerKinds, triggerSql } from './trigger-sql.js';

export interface TriggerOptions {
  /** Names or glob patterns. Default: every user table. */
  tables?: string[];
  /** Default "_rowtap_changes". */
  logTable?: string;
}

/** As long as an application's own connection waits. */
const lockTimeoutMs = 5000;

/**
 * Creates the log and the triggers of these tables, which from here on write each change of them, made by whatever program, into the log; all in
 * one transaction, or in the one that the given connection has open. Again: brings them up to date, whatever has been done to the tables since,
 * and adds new tables; those that have triggers keep them. A change of a table's shape is best made in the same transaction as this call behind
 * it: what is written between the two to a table with other columns can't be told apart, and becomes a gap. Gives the tables that have
 * triggers now. Throws RowtapError ROWTAP_BAD_OPTION and ROWTAP_NO_SUCH_TABLE, and what SQLite throws; nothing is changed then.
 */
export function installTriggers(database: unknown, options?: TriggerOptions): { tables: string[] } {
  const { tables, names } = checkOptions(options, 'installTriggers');
  return writeTo(database, 'installTriggers', (connection, isOwnTransaction) => {
    const existing = listUserTables(connection);
    requireTables(tables, existing, 'the database');
    const { accepts } = makeTableFilter({ tables });
    const log = new LogTables(connection, names);
    const isNew = !log.exist;
    if (isNew) {
      dropTriggers(connection, names, () => true);
      log.create(Date.now());
    }
    // Nothing stands in the way of deleting a table that is wanted again: the list is of those that are there.
    const installed = new Map(readInstalled(connection, names, log).map((found) => [found.shape.table, found]));
    const sinceId = log.completeUpTo();
    for (const { shape, state } of installed.values()) if (state !== 'installed') renew(connection, names, log, shape, state, sinceId);
    for (const table of existing) {
      const hasTriggers = installed.has(table) && installed.get(table)?.state !== 'dropped';
      if (!hasTriggers && accepts(table)) add(connection, names, log, table, isNew);
    }
    log.writeState('tables', tables === undefined ? 'all' : 'listed');
    finish(log, isOwnTransaction);
    return { tables: log.currentShapes().map(({ table }) => table) };
  });
}

/**
 * Removes the triggers of these tables; of all: the log, and the positions of its consumers, as well. Nothing else is touched, and where there
 * is nothing, nothing happens. Gives the tables that had triggers. Throws as `installTriggers`.
 */
export function uninstallTriggers(database: unknown, options?: TriggerOptions): { tables: string[] } {
  const { tables, names } = checkOptions(options, 'uninstallTriggers');
  return writeTo(database, 'uninstallTriggers', (connection, isOwnTransaction) => {
    const log = new LogTables(connection, names);
    if (!log.exist) {
      requireTables(tables, listUserTables(connection), 'the database');
      return { tables: [] };
    }
    const shapes = log.currentShapes();
    requireTables(tables, [...new Set([...listUserTables(connection), ...shapes.map(({ table }) => table)])], 'the database');
    const { accepts } = makeTableFilter({ tables });
    const removed = shapes.filter(({ table }) => accepts(table));
    if (tables === undefined) {
      dropTriggers(connection, names, () => true);
      forgetConsumers(connection, log.readState('history') ?? '');
      log.drop();
    } else {
      for (const shape of removed) {
        dropTriggers(connection, names, (id) => id === shape.id);
        log.retireShape(shape);
      }
      finish(log, isOwnTransaction);
    }
    return { tables: removed.map(({ table }) => table) };
  });
}

export interface TriggerStatus {
  logTable: string;
  /** Every user table, and those that had triggers and are gone. "outdated": `installTriggers` brings it up to date. */
  tables: { table: string; state: 'installed' | 'outdated' | 'missing' | 'dropped' }[];
  /** Of the log. */
  rows: number;
  bytes: number;
  /** Of the newest commit that somebody has looked at; 0 where nothing is installed. */
  lsn: number;
  /** Names this log among all there ever are; "" where nothing is installed. */
  history: string;
}

/** What `installTriggers` has made, and how it stands. Writes nothing. Throws RowtapError ROWTAP_BAD_OPTION, and what SQLite throws. */
export function triggerStatus(database: unknown, options?: Pick<TriggerOptions, 'logTable'>): TriggerStatus {
  const { names } = checkOptions(options, 'triggerStatus');
  const target = targetOf(database, 'triggerStatus');
  const own = target.given === undefined ? target.open({ isReadonly: true, timeoutMs: lockTimeoutMs }) : undefined;
  const connection = own ?? (target.given as TriggerConnection);
  try {
    const log = new LogTables(connection, names);
    const hasLog = log.exist;
    const states = new Map<string, TriggerStatus['tables'][number]['state']>();
    for (const table of listUserTables(connection)) states.set(table, 'missing');
    for (const { shape, state } of hasLog ? readInstalled(connection, names, log) : []) states.set(shape.table, shownAs(state));
    const tables = [...states].map(([table, state]) => ({ table, state })).sort((a, b) => (a.table < b.table ? -1 : 1));
    return {
      logTable: names.logTable,
      tables,
      ...(hasLog
        ? { ...log.size(), lsn: log.newestCommit().lsn, history: log.readState('history') ?? '' }
        : { rows: 0, bytes: 0, lsn: 0, history: '' }),
    };
  } finally {
    own?.close();
  }
}

/** What stands in the log by now has been written by triggers that fit. Where the application goes on writing, its transaction does not end here. */
function finish(log: LogTables, isOwnTransaction: boolean): void {
  if (isOwnTransaction) log.endCommit();
  else log.noteComplete();
}

function shownAs(state: TableState): 'installed' | 'outdated' | 'dropped' {
  return state === 'installed' || state === 'dropped' ? state : 'outdated';
}

function renew(connection: TriggerConnection, names: LogNames, log: LogTables, old: Shape, state: TableState, sinceId: number): void {
  // A statement that renames a table or a column has changed their text, and the name of the table that they belong to.
  dropTriggers(connection, names, (id) => id === old.id);
  log.retireShape(old);
  // What is behind the last look may lack a column, or stand out of order. The values of renamed columns are all there.
  const shape = readShape(connection, old.table);
  const isRenaming = state === 'reshaped' && shape?.columns.length === old.columns.length;
  const isDoubtful = !isRenaming && state !== 'dropped' && log.voidSince(sinceId, old);
  if (shape === undefined || state === 'dropped') {
    log.addSchemaEvent(old, 'drop');
    return;
  }
  const renewed = create(connection, names, log, shape);
  if (state === 'reshaped') log.addSchemaEvent(renewed, 'alter');
  if (isDoubtful || state === 'broken') log.addGap(renewed);
}

function add(connection: TriggerConnection, names: LogNames, log: LogTables, table: string, isNew: boolean): void {
  const shape = readShape(connection, table);
  if (shape === undefined) return;
  const created = create(connection, names, log, shape);
  if (isNew) return;
  log.addSchemaEvent(created, 'create');
  // Rows that came before the triggers did.
  if (connection.prepare(`SELECT 1 AS "one" FROM main.${quoted(table)} LIMIT 1`).get() !== undefined) log.addGap(created);
}

function create(connection: TriggerConnection, names: LogNames, log: LogTables, shape: Omit<Shape, 'id'>): Shape {
  const added = log.addShape(shape);
  for (const kind of triggerKinds) connection.exec(triggerSql(names, added, kind).replace('CREATE TRIGGER ', 'CREATE TRIGGER main.'));
  return added;
}

function dropTriggers(connection: TriggerConnection, names: LogNames, isMeant: (shapeId: number) => boolean): void {
  const triggers = connection.prepare(`SELECT "name" FROM main.sqlite_schema WHERE "type" = 'trigger'`).all() as { name: string }[];
  for (const { name } of triggers) {
    const shapeId = shapeOfTrigger(names, name);
    if (shapeId !== undefined && isMeant(shapeId)) connection.exec(`DROP TRIGGER main.${quoted(name)}`);
  }
}

function checkOptions(options: TriggerOptions | undefined, what: string): { tables: string[] | undefined; names: LogNames } {
  const given: unknown = options ?? {};
  if (typeof given !== 'object' || given === null) throw badOption(`\`${what}\` takes an object with \`tables\` and \`logTable\``);
  const unknownName = Object.keys(given).find((name) => name !== 'tables' && name !== 'logTable');
  if (unknownName !== undefined) throw badOption(`\`${unknownName}\` is no option of \`${what}\`, which takes \`tables\` and \`logTable\``);
  const { tables, logTable } = given as TriggerOptions;
  if (tables !== undefined && !(Array.isArray(tables) && tables.every((table) => typeof table === 'string'))) {
    throw badOption('`tables` takes an array of names and glob patterns');
  }
  return { tables, names: logNames(logTable) };
}

/** All that `write` does, or nothing. Where the given connection has a transaction open, it is a part of that. */
function writeTo<T>(database: unknown, what: string, write: (connection: TriggerConnection, isOwnTransaction: boolean) => T): T {
  const target = targetOf(database, what);
  if (target.isReadonly) throw badOption(`\`${what}\`: the database is open read-only`);
  const own = target.given === undefined ? target.open({ isReadonly: false, timeoutMs: lockTimeoutMs }) : undefined;
  const connection = own ?? (target.given as TriggerConnection);
  const isOwnTransaction = !target.isInTransaction();
  const [begin, end, undo] = isOwnTransaction
    ? ['BEGIN IMMEDIATE', 'COMMIT', 'ROLLBACK']
    : ['SAVEPOINT _rowtap_triggers', 'RELEASE _rowtap_triggers', 'ROLLBACK TO _rowtap_triggers; RELEASE _rowtap_triggers'];
  try {
    connection.exec(begin);
    try {
      const result = write(connection, isOwnTransaction);
      connection.exec(end);
      return result;
    } catch (error) {
      try {
        connection.exec(undo);
      } catch {
        // SQLite has rolled back by itself (https://www.sqlite.org/lang_transaction.html#response_to_errors_within_a_transaction).
      }
      throw error;
    }
  } finally {
    own?.close();
  }
}
