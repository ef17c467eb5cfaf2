import { RowtapError } from '../errors/rowtap-error.js';
import type { RowChange } from '../model/change.js';
import type { SqlValue } from '../model/value.js';
import { ownPrefix, quoteName, type ReplicaDatabase, type ReplicaStatement } from './database.js';
import { contentCondition, keyCondition, type TableShape } from './shape.js';
import type { ValueBinder } from './value-binder.js';

type Row = Record<string, SqlValue>;

/**
 * Writes the row changes of one table, as long as its shape stays. A row is found by its primary key where it has one, else by its whole
 * content; of rows that are equal in everything one is as good as another, so one is taken.
 *
 * A change that does not fit, because the row is not there or is there already, throws: then the replica is not what the stream was made
 * from.
 */
export class TableWriter {
  readonly #db: ReplicaDatabase;
  readonly #shape: TableShape;
  readonly #binder: ValueBinder;
  readonly #table: string;
  #insert: ReplicaStatement | undefined;
  #updateByKey: ReplicaStatement | undefined;
  #deleteByKey: ReplicaStatement | undefined;
  #rowidByContent: ReplicaStatement | undefined;
  #updateByRowid: ReplicaStatement | undefined;
  #deleteByRowid: ReplicaStatement | undefined;
  #deleteByContent: ReplicaStatement | undefined;

  readonly #conflict: 'ABORT' | 'REPLACE';

  /** `isReplacing`: what stands in a row's way has gone from the original without a word, by a REPLACE, and goes from here. */
  constructor(db: ReplicaDatabase, shape: TableShape, binder: ValueBinder, isReplacing: boolean) {
    this.#conflict = isReplacing ? 'REPLACE' : 'ABORT';
    this.#db = db;
    this.#shape = shape;
    this.#binder = binder;
    this.#table = `main.${quoteName(shape.name)}`;
  }

  /** Takes every row away. */
  clear(): void {
    this.#db.exec(`DELETE FROM ${this.#table}`);
  }

  write(change: RowChange): void {
    const { before, after } = change as { before: Row | null; after: Row | null };
    if (before === null && after !== null) this.#insertRow(after, change);
    else if (before !== null && after !== null) this.#updateRow(before, after, change);
    else if (before !== null) this.#deleteRow(before, change);
  }

  #insertRow(after: Row, change: RowChange): void {
    if (this.#insert === undefined) {
      const columns = this.#shape.columns.filter((column) => !column.isGenerated).map((column) => quoteName(column.name));
      // Said in any case, because the table's own ON CONFLICT clauses would make a conflict go unseen.
      this.#insert = this.#db.prepare(
        `INSERT OR ${this.#conflict} INTO ${this.#table} (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`,
      );
    }
    this.#insert.run(this.#writtenValues(after, change));
  }

  #updateRow(before: Row, after: Row, change: RowChange): void {
    const values = this.#writtenValues(after, change);
    const key = this.#keyValues(change);
    if (key !== undefined) {
      this.#updateByKey ??= this.#db.prepare(
        `UPDATE OR ${this.#conflict} ${this.#table} SET ${this.#assignments()} WHERE ${keyCondition(this.#shape)}`,
      );
      this.#expectOne(this.#updateByKey.run([...values, ...key]).changes, change);
      return;
    }
    const rowid = this.#findRowid(before, change);
    if (rowid !== undefined) {
      this.#updateByRowid ??= this.#db.prepare(
        `UPDATE OR ${this.#conflict} ${this.#table} SET ${this.#assignments()} WHERE ${this.#shape.rowidName} = ?`,
      );
      this.#updateByRowid.run([...values, rowid]);
      return;
    }
    this.#removeUnreachable(before, change);
    this.#insertRow(after, change);
  }

  #deleteRow(before: Row, change: RowChange): void {
    const key = this.#keyValues(change);
    if (key !== undefined) {
      this.#deleteByKey ??= this.#db.prepare(`DELETE FROM ${this.#table} WHERE ${keyCondition(this.#shape)}`);
      this.#expectOne(this.#deleteByKey.run(key).changes, change);
      return;
    }
    const rowid = this.#findRowid(before, change);
    if (rowid === undefined) {
      this.#removeUnreachable(before, change);
      return;
    }
    this.#deleteByRowid ??= this.#db.prepare(`DELETE FROM ${this.#table} WHERE ${this.#shape.rowidName} = ?`);
    this.#deleteByRowid.run(rowid);
  }

  /** Undefined where the row is not addressed by a key: rowid tables allow NULL in a key, and then any number of rows of the same key. */
  #keyValues(change: RowChange): unknown[] | undefined {
    if (change.key === null || this.#shape.key.length === 0) return undefined;
    const values: unknown[] = [];
    for (const { name } of this.#shape.key) {
      const value = change.key[name];
      if (value === null || value === undefined) return undefined;
      values.push(this.#binder.bind(value, false));
    }
    return values;
  }

  /** Undefined where the table's columns have taken every name of the rowid. */
  #findRowid(before: Row, change: RowChange): unknown {
    const { rowidName } = this.#shape;
    if (rowidName === undefined) return undefined;
    if (this.#rowidByContent === undefined) {
      // Without it every change reads the whole table. SQLite drops it with the table.
      const index = quoteName(`${ownPrefix}replica_${this.#shape.name}`);
      const columns = this.#shape.columns.slice(0, 8).map((column) => `${quoteName(column.name)} COLLATE BINARY`);
      this.#db.exec(`CREATE INDEX IF NOT EXISTS main.${index} ON ${quoteName(this.#shape.name)} (${columns.join(', ')})`);
      this.#rowidByContent = this.#db
        .prepare(`SELECT ${rowidName} FROM ${this.#table} WHERE ${contentCondition(this.#shape)} LIMIT 1`)
        .pluck()
        .safeIntegers();
    }
    const rowid = this.#rowidByContent.get(this.#allValues(before, change));
    if (rowid === undefined) throw this.#divergence(change);
    return rowid;
  }

  /** Takes away one of the rows of that content, where single ones cannot be named: all of them, and all but one again. */
  #removeUnreachable(before: Row, change: RowChange): void {
    this.#deleteByContent ??= this.#db.prepare(`DELETE FROM ${this.#table} WHERE ${contentCondition(this.#shape)}`);
    const { changes } = this.#deleteByContent.run(this.#allValues(before, change));
    if (changes === 0) throw this.#divergence(change);
    for (let copies = changes - 1; copies > 0; copies--) this.#insertRow(before, change);
  }

  #assignments(): string {
    return this.#shape.columns
      .filter((column) => !column.isGenerated)
      .map((column) => `${quoteName(column.name)} = ?`)
      .join(', ');
  }

  #writtenValues(row: Row, change: RowChange): unknown[] {
    return this.#values(row, change, false);
  }

  #allValues(row: Row, change: RowChange): unknown[] {
    return this.#values(row, change, true);
  }

  #values(row: Row, change: RowChange, areGeneratedIncluded: boolean): unknown[] {
    const values: unknown[] = [];
    for (const { name, isReal, isGenerated } of this.#shape.columns) {
      const value = row[name];
      if (value === undefined) {
        const place = `(${change.lsn}, ${change.index})`;
        const detail = `the replica's table ${this.#table} has a column ${quoteName(name)} that the change at ${place} has not`;
        throw new RowtapError('ROWTAP_REPLICA_DIVERGED', { detail });
      }
      if (areGeneratedIncluded || !isGenerated) values.push(this.#binder.bind(value, isReal));
    }
    return values;
  }

  #expectOne(changes: number, change: RowChange): void {
    if (changes !== 1) throw this.#divergence(change);
  }

  #divergence(change: RowChange): RowtapError {
    const place = `(${change.lsn}, ${change.index})`;
    const detail = `the replica has no row in ${this.#table} to which the ${change.op} at ${place} could be applied`;
    return new RowtapError('ROWTAP_REPLICA_DIVERGED', { detail });
  }
}
