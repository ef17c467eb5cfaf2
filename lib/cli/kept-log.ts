import { CommandError, usageError } from './command-error.js';

/** Who writes the log that a database keeps: rowtap's own writer, or triggers. */
export type Engine = 'hook' | 'trigger';

export const engines: readonly Engine[] = ['hook', 'trigger'];

/** Has the log of the hook engine, and of the trigger engine. */
const logTables: Readonly<Record<Engine, string>> = { hook: '_rowtap_log', trigger: '_rowtap_changes' };

/** The few members of a database that are called here. */
export interface InspectedDatabase {
  prepare(sql: string): { get(...values: unknown[]): unknown };
}

/** The logs that the database keeps. Throws what SQLite throws. */
export function keptLogs(database: InspectedDatabase): Engine[] {
  return engines.filter((engine) => hasTable(database, logTables[engine]));
}

/** Whose log is read; `asked` is what the user wants. Throws a CommandError where there is none, or where it is not clear. */
export function chooseEngine(path: string, kept: readonly Engine[], asked: Engine | undefined): Engine {
  const [only] = kept;
  if (only === undefined) {
    throw new CommandError(
      `${path}: it keeps no log, so what other programs write can not be followed. Run \`rowtap-admin install ${path}\`, or open the database with ` +
        '`durability: "log"` in the program that writes it.',
    );
  }
  if (asked !== undefined && !kept.includes(asked)) {
    throw new CommandError(`${path}: it keeps no log of the ${asked} engine, only one of the ${only} engine. Leave out --engine.`);
  }
  if (asked === undefined && kept.length > 1) {
    throw usageError(`${path} keeps a log of each engine: choose one with --engine=hook or --engine=trigger`);
  }
  return asked ?? only;
}

export function hasTable(database: InspectedDatabase, table: string): boolean {
  return database.prepare(`SELECT 1 AS "one" FROM main.sqlite_schema WHERE "type" = 'table' AND "name" = ?`).get(table) !== undefined;
}
