import { RowtapError } from '../errors/rowtap-error.js';
import type { SchemaColumn } from '../model/change.js';
import { foldName, ownPrefix, quoteName, type ReplicaDatabase } from './database.js';
import { readShape } from './shape.js';

/** Makes the table anew and empty. `sql` is the original's CREATE TABLE statement; its indexes and triggers are not the replica's. */
export function createTable(db: ReplicaDatabase, table: string, sql: string): void {
  dropTable(db, table);
  db.prepare(sql).run();
  if (readShape(db, table) === undefined) {
    throw new RowtapError('ROWTAP_REPLICA_DIVERGED', {
      detail: `what came as the definition of table ${quoteName(table)} did not create it: ${sql}`,
    });
  }
}

export function dropTable(db: ReplicaDatabase, table: string): void {
  db.exec(`DROP TABLE IF EXISTS main.${quoteName(table)}`);
}

/**
 * Builds the table anew from its new definition and carries its rows over: a column by its name, or by its place where it was renamed; an
 * added one gets its default, a dropped one is left out.
 */
export function alterTable(db: ReplicaDatabase, table: string, sql: string, columns: readonly SchemaColumn[]): void {
  const aside = quoteName(`${ownPrefix}replica_altered`);
  const old = storedColumns(db, table);
  const isLegacy = db.prepare('PRAGMA legacy_alter_table').pluck().get();
  // Otherwise foreign keys of other tables would follow the old table to its passing name (https://www.sqlite.org/lang_altertable.html).
  db.exec('PRAGMA legacy_alter_table = ON');
  try {
    db.exec(`ALTER TABLE main.${quoteName(table)} RENAME TO ${aside}`);
  } finally {
    db.exec(`PRAGMA legacy_alter_table = ${isLegacy === 0 || isLegacy === 0n ? 'OFF' : 'ON'}`);
  }
  createTable(db, table, sql);
  const carried = carryOver(old, columns);
  if (carried.length > 0) {
    const to = carried.map((column) => quoteName(column.to)).join(', ');
    const from = carried.map((column) => quoteName(column.from)).join(', ');
    db.exec(`INSERT OR ABORT INTO main.${quoteName(table)} (${to}) SELECT ${from} FROM main.${aside}`);
  }
  db.exec(`DROP TABLE main.${aside}`);
}

interface OldColumn {
  name: string;
  isGenerated: boolean;
}

function storedColumns(db: ReplicaDatabase, table: string): OldColumn[] {
  const columns = db
    .prepare(`SELECT "name", "hidden" FROM pragma_table_xinfo(?, 'main') ORDER BY "cid"`)
    .safeIntegers(false)
    .all(table) as {
    name: string;
    hidden: number;
  }[];
  return columns.map(({ name, hidden }) => ({ name, isGenerated: hidden !== 0 }));
}

/** Which old column each new one gets its values from. Generated columns get none. */
export function carryOver(old: readonly OldColumn[], columns: readonly SchemaColumn[]): { from: string; to: string }[] {
  const oldByName = new Map(old.map((column) => [foldName(column.name), column]));
  const newNames = new Set(columns.map((column) => foldName(column.name)));
  const carried: { from: string; to: string }[] = [];
  for (const [place, column] of columns.entries()) {
    if (column.generated !== 'no') continue;
    let source = oldByName.get(foldName(column.name));
    if (source === undefined && old.length === columns.length) {
      const inPlace = old[place];
      if (inPlace !== undefined && !newNames.has(foldName(inPlace.name))) source = inPlace;
    }
    if (source !== undefined && !source.isGenerated) carried.push({ from: source.name, to: column.name });
  }
  return carried;
}
