import type { SchemaColumn } from '../model/change.js';
import type { TriggerConnection } from './connection.js';
import { quoted } from './log-names.js';

/** A table as its triggers know it. */
export interface Shape {
  /** Names it in the log's rows; no other one ever has it. */
  id: number;
  table: string;
  columns: SchemaColumn[];
  /** Its CREATE TABLE statement. */
  sql: string;
}

interface PragmaColumn {
  name: string;
  type: string;
  notnull: number | bigint;
  pk: number | bigint;
  hidden: number | bigint;
}

/** As the database has it now; undefined where there is no such table. */
export function readShape(connection: TriggerConnection, table: string): Omit<Shape, 'id'> | undefined {
  const found = connection
    .prepare(`SELECT "name", "sql" FROM main.sqlite_schema WHERE "type" = 'table' AND "name" = ? COLLATE NOCASE`)
    .get(table) as { name: string; sql: string } | undefined;
  if (found === undefined) return undefined;
  const columns = connection.prepare(`PRAGMA main.table_xinfo(${quoted(found.name)})`).all() as PragmaColumn[];
  return { table: found.name, columns: columns.filter(({ hidden }) => Number(hidden) !== 1).map(columnOf), sql: found.sql };
}

function columnOf({ name, type, notnull, pk, hidden }: PragmaColumn): SchemaColumn {
  const generated = ({ 2: 'virtual', 3: 'stored' } as const)[Number(hidden)] ?? 'no';
  return { name, type, notNull: Number(notnull) !== 0, key: Number(pk), generated };
}

/** The columns whose values are stored, which are those that changes have. */
export function storedColumns({ columns }: Pick<Shape, 'columns'>): SchemaColumn[] {
  return columns.filter(({ generated }) => generated !== 'virtual');
}

/** Those of the primary key, in its order. */
export function keyColumns({ columns }: Pick<Shape, 'columns'>): string[] {
  return columns
    .filter(({ key }) => key > 0)
    .sort((a, b) => a.key - b.key)
    .map(({ name }) => name);
}

export function isSameShape(a: Omit<Shape, 'id'>, b: Omit<Shape, 'id'>): boolean {
  return a.table === b.table && JSON.stringify(a.columns) === JSON.stringify(b.columns);
}
