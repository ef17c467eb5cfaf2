import { RowtapError } from '../errors/rowtap-error.js';
import type { TriggerConnection } from './connection.js';
import type { LogNames } from './log-names.js';
import type { LogTables } from './log-tables.js';
import { isSameShape, readShape, type Shape } from './shape.js';
import { triggerKinds, triggerName, triggerSql } from './trigger-sql.js';

/** How a table's triggers stand to the table as it is. */
export type TableState =
  | 'installed'
  /** They are older than the table's shape. */
  | 'reshaped'
  /** Another trigger is run before them, whose changes would be logged before those that caused them. */
  | 'overtaken'
  /** Some are gone, or are not as they were made. */
  | 'broken'
  /** The table is gone. */
  | 'dropped';

interface FoundTrigger {
  rank: number;
  name: string;
  table: string;
  sql: string;
}

/** Compares all that triggers stand for with the database as this connection sees it. */
export function readInstalled(connection: TriggerConnection, names: LogNames, tables: LogTables): { shape: Shape; state: TableState }[] {
  const triggers = (
    connection
      .prepare(
        `SELECT "rowid" AS "rank", "name", "tbl_name" AS "table", "sql" FROM main.sqlite_schema WHERE "type" = 'trigger' ORDER BY "rowid"`,
      )
      .all() as (Omit<FoundTrigger, 'rank'> & { rank: number | bigint })[]
  ).map((trigger) => ({ ...trigger, rank: Number(trigger.rank) }));
  return tables.currentShapes().map((shape) => ({ shape, state: stateOf(connection, names, shape, triggers) }));
}

function stateOf(connection: TriggerConnection, names: LogNames, shape: Shape, triggers: FoundTrigger[]): TableState {
  const now = readShape(connection, shape.table);
  if (now === undefined || now.table !== shape.table) return 'dropped';
  const own = triggers.filter(({ name }) => triggerKinds.some((kind) => name === triggerName(names, shape.id, kind)));
  if (own.length < triggerKinds.length || own.some(({ table }) => table !== shape.table)) return 'broken';
  if (!isSameShape(now, shape)) return 'reshaped';
  const expected = new Map(triggerKinds.map((kind) => [triggerName(names, shape.id, kind), triggerSql(names, shape, kind)]));
  if (own.some(({ name, sql }) => sql !== expected.get(name))) return 'broken';
  const firstRank = Math.min(...own.map(({ rank }) => rank));
  const isLater = ({ rank, table, name, sql }: FoundTrigger): boolean =>
    rank > firstRank && !expected.has(name) && !name.startsWith('_rowtap_') && isSameName(table, shape.table) && !runsBefore(sql);
  return triggers.some(isLater) ? 'overtaken' : 'installed';
}

/** Throws ROWTAP_NOT_INSTALLED for the first of the tables that is not as its triggers were made for. */
export function requireInstalled(found: { shape: Shape; state: TableState }[], path: string): void {
  for (const { shape, state } of found) {
    if (state !== 'installed') throw notInstalled(`table ${shape.table}: ${reasons[state]}`, path);
  }
}

const reasons = {
  reshaped: 'its shape has changed since its triggers were made',
  overtaken: 'a trigger was created after ours, and is run before them',
  broken: 'its triggers are missing, or have been changed',
  dropped: 'it was dropped or renamed',
} as const;

export function notInstalled(detail: string, path: string): RowtapError {
  return new RowtapError('ROWTAP_NOT_INSTALLED', { detail, path });
}

function isSameName(a: string, b: string): boolean {
  return a.replace(/[A-Z]/g, (letter) => letter.toLowerCase()) === b.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

const nameSql = String.raw`(?:"(?:[^"]|"")*"|\[[^\]]*\]|\`[^\`]*\`|'[^']*'|[^\s."]+)`;
const timing = new RegExp(String.raw`^CREATE\s+TRIGGER\s+(?:${nameSql}\s*\.\s*)?${nameSql}\s+(AFTER|BEFORE|DELETE|INSERT|UPDATE)\b`, 'i');

/** A trigger without a word for it is run before (https://www.sqlite.org/lang_createtrigger.html). What can't be read counts as one that is not. */
function runsBefore(sql: string): boolean {
  const word = timing.exec(sql)?.[1];
  return word !== undefined && word.toUpperCase() !== 'AFTER';
}
