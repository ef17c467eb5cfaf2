import { foldName, ownPrefix, quoteName, type ReplicaDatabase } from './database.js';

/** A table of the replica or of its original, as far as its rows and their addressing need it. */
export interface TableShape {
  readonly name: string;
  readonly isWithoutRowid: boolean;
  /** Every column that a row of the stream holds: all but the virtual ones. */
  readonly columns: readonly ShapeColumn[];
  /** The columns of the declared primary key, each with the collation in which it is unique; empty where there is none. */
  readonly key: readonly KeyColumn[];
  /** A name under which the rowid can be reached; undefined where there is no rowid, or columns took all its names. */
  readonly rowidName: string | undefined;
}

export interface ShapeColumn {
  readonly name: string;
  /** A stored generated column: it is in the rows, and SQLite computes it. */
  readonly isGenerated: boolean;
  /** https://www.sqlite.org/datatype3.html#type_affinity: a number given to it is stored as REAL. */
  readonly isReal: boolean;
}

export interface KeyColumn {
  readonly name: string;
  /** Undefined for an INTEGER PRIMARY KEY, which no index stands behind. */
  readonly collation: string | undefined;
}

const hiddenVirtual = 2;
const hiddenStored = 3;

/** The shape of the table of `main`, or undefined where there is none of that name. */
export function readShape(db: ReplicaDatabase, table: string): TableShape | undefined {
  const listed = db
    .prepare(`SELECT "name", "wr" FROM pragma_table_list WHERE "schema" = 'main' AND "type" = 'table' AND "name" = ? COLLATE NOCASE`)
    .safeIntegers(false)
    .get(table) as { name: string; wr: number } | undefined;
  if (listed === undefined) return undefined;
  const all = db
    .prepare(`SELECT "name", "type", "pk", "hidden" FROM pragma_table_xinfo(?, 'main') ORDER BY "cid"`)
    .safeIntegers(false)
    .all(table) as { name: string; type: string; pk: number; hidden: number }[];
  const names = new Set(all.map((column) => foldName(column.name)));
  const isWithoutRowid = listed.wr === 1;
  return {
    name: listed.name,
    isWithoutRowid,
    columns: all
      .filter((column) => column.hidden !== hiddenVirtual)
      .map((column) => ({ name: column.name, isGenerated: column.hidden === hiddenStored, isReal: hasRealAffinity(column.type) })),
    key: readKey(
      db,
      table,
      all
        .filter((column) => column.pk > 0)
        .sort((a, b) => a.pk - b.pk)
        .map((column) => column.name),
    ),
    rowidName: isWithoutRowid ? undefined : ['rowid', '_rowid_', 'oid'].find((name) => !names.has(name)),
  };
}

/**
 * A primary key is unique in the collations of its index, and those need not be its columns': PRIMARY KEY (a COLLATE NOCASE). A comparison
 * that names them finds the one row, and by the index.
 */
function readKey(db: ReplicaDatabase, table: string, columns: string[]): KeyColumn[] {
  if (columns.length === 0) return [];
  const index = db.prepare(`SELECT "name" FROM pragma_index_list(?, 'main') WHERE "origin" = 'pk'`).pluck().get(table) as
    | string
    | undefined;
  const collations = new Map<string, string>();
  if (index !== undefined) {
    const parts = db.prepare(`SELECT "name", "coll" FROM pragma_index_xinfo(?, 'main') WHERE "key" = 1`).all(index) as {
      name: string;
      coll: string;
    }[];
    for (const part of parts) collations.set(part.name, part.coll);
  }
  return columns.map((name) => ({ name, collation: collations.get(name) }));
}

/** Rules 1 to 4 of https://www.sqlite.org/datatype3.html#determination_of_column_affinity, as far as REAL is concerned. */
function hasRealAffinity(type: string): boolean {
  return /REAL|FLOA|DOUB/i.test(type) && !/INT|CHAR|CLOB|TEXT|BLOB/i.test(type);
}

/** The user tables of `main`: no virtual tables and their shadows, none of SQLite's, none of this project's. */
export function listTables(db: ReplicaDatabase): string[] {
  const names = db
    .prepare(`SELECT "name" FROM pragma_table_list WHERE "schema" = 'main' AND "type" = 'table' ORDER BY "name"`)
    .pluck()
    .all() as string[];
  return names.filter((name) => !foldName(name).startsWith('sqlite_') && !name.startsWith(ownPrefix));
}

/** Compares the key columns, none of them NULL, with parameters in the key's order. */
export function keyCondition(shape: TableShape): string {
  return shape.key
    .map(({ name, collation }) => `${quoteName(name)}${collation === undefined ? '' : ` COLLATE ${quoteName(collation)}`} = ?`)
    .join(' AND ');
}

/** Compares every column with a parameter, in the order of `columns`: exactly, so in no collation but BINARY, NULL being equal to NULL. */
export function contentCondition(shape: TableShape): string {
  return joinAnd(shape.columns.map(({ name }) => `${quoteName(name)} COLLATE BINARY IS ?`));
}

/** SQLite bounds the depth of an expression, and a chain of ANDs is as deep as it is long (https://www.sqlite.org/limits.html). */
function joinAnd(conditions: string[]): string {
  if (conditions.length <= 8) return conditions.join(' AND ');
  const middle = conditions.length >> 1;
  return `(${joinAnd(conditions.slice(0, middle))}) AND (${joinAnd(conditions.slice(middle))})`;
}
