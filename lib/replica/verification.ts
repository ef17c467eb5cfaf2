import { RowtapError } from '../errors/rowtap-error.js';
import type { SqlValue } from '../model/value.js';
import { foldName, quoteName, type ReplicaDatabase } from './database.js';
import { RowCounter } from './row-counter.js';
import { keyCondition, listTables, readShape, type TableShape } from './shape.js';

/** What a comparison found. */
export interface Verification {
  equal: boolean;
  tables: TableVerification[];
}

export interface TableVerification {
  table: string;
  /** In the original. */
  rows: number;
  /** In the original only. */
  missing: number;
  /** In the replica only. */
  extra: number;
  /** In both under the same key, with other values. Every row, and 1 for an empty table, where the columns differ. */
  different: number;
}

type Values = SqlValue[];

/** Compares every user table of the two that `accepts` lets through, inside one read transaction of each. */
export function verifyTables(original: ReplicaDatabase, replica: ReplicaDatabase, accepts: (table: string) => boolean): Verification {
  for (const db of [original, replica]) {
    if (db.inTransaction) {
      throw new RowtapError('ROWTAP_BUSY', { detail: 'one of the two databases to compare has a transaction open' });
    }
  }
  original.exec('BEGIN');
  try {
    replica.exec('BEGIN');
    try {
      return compareAll(original, replica, accepts);
    } finally {
      replica.exec('ROLLBACK');
    }
  } finally {
    original.exec('ROLLBACK');
  }
}

function compareAll(original: ReplicaDatabase, replica: ReplicaDatabase, accepts: (table: string) => boolean): Verification {
  const names = new Map<string, string>();
  for (const name of [...listTables(original), ...listTables(replica)].filter(accepts)) {
    if (!names.has(foldName(name))) names.set(foldName(name), name);
  }
  const tables: TableVerification[] = [];
  let areColumnsEqual = true;
  for (const table of names.values()) {
    const source = readShape(original, table);
    const copy = readShape(replica, table);
    if (source !== undefined && copy !== undefined && hasSameColumns(source, copy)) {
      tables.push(new TableComparison(original, source, replica, copy).run());
      continue;
    }
    const rows = source === undefined ? 0 : countRows(original, source);
    const copied = copy === undefined ? 0 : countRows(replica, copy);
    areColumnsEqual = false;
    if (source === undefined) tables.push({ table, rows, missing: 0, extra: copied, different: 0 });
    else if (copy === undefined) tables.push({ table, rows, missing: rows, extra: 0, different: 0 });
    else tables.push({ table, rows, missing: 0, extra: 0, different: Math.max(rows, copied, 1) });
  }
  const isEqual = areColumnsEqual && tables.every(({ missing, extra, different }) => missing === 0 && extra === 0 && different === 0);
  return { equal: isEqual, tables };
}

function hasSameColumns(a: TableShape, b: TableShape): boolean {
  return a.columns.length === b.columns.length && a.columns.every((column, place) => column.name === b.columns[place]?.name);
}

function countRows(db: ReplicaDatabase, shape: TableShape): number {
  return Number(
    db
      .prepare(`SELECT count(*) FROM main.${quoteName(shape.name)}`)
      .pluck()
      .get(),
  );
}

/**
 * Walks the original's rows in storage order and looks each up in the replica by its key. Rows that have no key, or NULL in it, are counted
 * by content. Neither side is ever sorted or held in memory, for the two may sort text differently: a UTF-16 database compares other bytes.
 */
class TableComparison {
  readonly #original: ReplicaDatabase;
  readonly #replica: ReplicaDatabase;
  readonly #shape: TableShape;
  readonly #copy: TableShape;
  readonly #result: TableVerification;

  constructor(original: ReplicaDatabase, shape: TableShape, replica: ReplicaDatabase, copy: TableShape) {
    this.#original = original;
    this.#replica = replica;
    this.#shape = shape;
    this.#copy = copy;
    this.#result = { table: shape.name, rows: 0, missing: 0, extra: 0, different: 0 };
  }

  run(): TableVerification {
    if (this.#copy.key.length === 0) {
      this.#compareByContent('');
      return this.#result;
    }
    this.#compareByKey();
    const canHaveNullInKey = !this.#copy.isWithoutRowid && this.#copy.key.some((column) => column.collation !== undefined);
    if (canHaveNullInKey) this.#compareByContent(`WHERE ${this.#nullInKey()}`);
    return this.#result;
  }

  #compareByKey(): void {
    const result = this.#result;
    const withKey = `WHERE NOT (${this.#nullInKey()})`;
    const places = this.#copy.key.map(({ name }) => this.#shape.columns.findIndex((column) => column.name === name));
    const lookup = this.#replica
      .prepare(`${this.#select(this.#copy)} WHERE ${keyCondition(this.#copy)}`)
      .raw()
      .safeIntegers();
    let found = 0;
    for (const row of this.#rows(this.#original, this.#shape, withKey)) {
      result.rows++;
      const copied = lookup.get(places.map((place) => row[place])) as Values | undefined;
      if (copied === undefined) {
        result.missing++;
        continue;
      }
      found++;
      if (!isSameRow(row, copied)) result.different++;
    }
    const copies = this.#replica
      .prepare(`SELECT count(*) FROM main.${quoteName(this.#copy.name)} ${withKey}`)
      .pluck()
      .get();
    result.extra += Math.max(0, Number(copies) - found);
  }

  /** Both sides in step, so that rows in the same order cancel out at once. */
  #compareByContent(where: string): void {
    const counter = new RowCounter();
    const theirs = this.#rows(this.#original, this.#shape, where);
    const ours = this.#rows(this.#replica, this.#copy, where);
    for (;;) {
      const their = theirs.next();
      if (their.done !== true) {
        this.#result.rows++;
        counter.add(their.value, 1);
      }
      const our = ours.next();
      if (our.done !== true) counter.add(our.value, -1);
      if (their.done === true && our.done === true) break;
    }
    const { surplus, deficit } = counter.totals();
    this.#result.missing += surplus;
    this.#result.extra += deficit;
  }

  #rows(db: ReplicaDatabase, shape: TableShape, where: string): IterableIterator<Values> {
    return db
      .prepare(`${this.#select(shape)} ${where}`)
      .raw()
      .safeIntegers()
      .iterate() as IterableIterator<Values>;
  }

  #select(shape: TableShape): string {
    return `SELECT ${shape.columns.map((column) => quoteName(column.name)).join(', ')} FROM main.${quoteName(shape.name)}`;
  }

  #nullInKey(): string {
    return this.#copy.key.map((column) => `${quoteName(column.name)} IS NULL`).join(' OR ');
  }
}

function isSameRow(a: Values, b: Values): boolean {
  for (let place = 0; place < a.length; place++) if (!isSameValue(a[place] as SqlValue, b[place] as SqlValue)) return false;
  return true;
}

/** The storage classes are equal, but for INTEGER and REAL, which are compared by their mathematical value. */
function isSameValue(a: SqlValue, b: SqlValue): boolean {
  if (a === b) return true;
  if (typeof a === 'bigint' && typeof b === 'number') return Number.isInteger(b) && BigInt(b) === a;
  if (typeof a === 'number' && typeof b === 'bigint') return Number.isInteger(a) && BigInt(a) === b;
  return a instanceof Uint8Array && b instanceof Uint8Array && Buffer.compare(a, b) === 0;
}
