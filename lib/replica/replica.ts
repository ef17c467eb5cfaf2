import { RowtapError } from '../errors/rowtap-error.js';
import type { BootstrapEvent, Change, SchemaColumn, SchemaEvent, Transaction } from '../model/change.js';
import type { IntegerMode } from '../model/value.js';
import { ConstraintSwitch } from './constraint-switch.js';
import { foldName, type ReplicaDatabase } from './database.js';
import { advance, isApplied, PositionTable, type ReplicaPosition } from './position.js';
import { listTables, readShape } from './shape.js';
import { alterTable, createTable, dropTable } from './table-builder.js';
import { TableWriter } from './table-writer.js';
import { ValueBinder } from './value-binder.js';
import { type Verification, verifyTables } from './verification.js';

/** Under this name a bootstrap event carries the definition of its table, which the public event does not show. */
export const bootstrapSchema = Symbol.for('rowtap.schema');

export interface BootstrapSchema {
  columns: SchemaColumn[];
  sql: string;
}

/** What the replica asks of a subscription. */
export interface TransactionStream {
  transactions(): AsyncIterable<Transaction>;
  /** Whether its stream is about that table, where it is not about all. */
  accepts?(table: string): boolean;
  readonly integers?: IntegerMode;
  /** Rows that a REPLACE deletes may be missing from it. */
  readonly isReplacing?: boolean;
}

/**
 * Keeps another SQLite database equal to the one that a stream of changes comes from.
 *
 * The life of one `apply`: the position is read; what lies at or before it is left out; the first change beyond it begins the one
 * transaction on the target, the last one is followed by the new position, in the same transaction. Whatever fails, nothing of that call
 * remains.
 *
 * The tables are made from the original's own CREATE TABLE statements, without its indexes and triggers. Foreign keys and CHECK constraints
 * are off while changes are written, for the stream holds what they did already; both are put back after.
 */
export class Replica {
  readonly #target: ReplicaDatabase;
  readonly #position: PositionTable;
  readonly #constraints: ConstraintSwitch;
  readonly #binder = new ValueBinder();
  readonly #writers = new Map<string, TableWriter>();
  #accepts: (table: string) => boolean = () => true;
  #isReplacing = false;

  /** `target` belongs to the replica for writing. Nothing is written before the first `apply`. */
  constructor(target: ReplicaDatabase) {
    if (typeof target?.prepare !== 'function' || typeof target.exec !== 'function') {
      throw new TypeError('A replica needs an open Database to write to: new Replica(new Database(path))');
    }
    this.#target = target;
    this.#position = new PositionTable(target);
    this.#constraints = new ConstraintSwitch(target);
  }

  /**
   * Applies what has not been applied before, in one transaction on the target. Takes a transaction of `subscription.transactions()`, or an
   * array of what a subscription gives one by one: several transactions, or a part of one.
   *
   * A gap says that changes may be missing. When a snapshot follows, as with snapshot 'when-needed', it makes up for them; a change
   * after a gap that no snapshot has closed is refused.
   *
   * Throws RowtapError ROWTAP_NO_SUCH_TABLE for a change of a table that the stream never described, ROWTAP_REPLICA_DIVERGED for a change
   * that does not fit the replica's rows, ROWTAP_REPLICA_GAP for a change after a gap, ROWTAP_BUSY while the target has a transaction open;
   * and SqliteError for the target's own failures. After an error nothing of the call remains, and it can be repeated.
   */
  apply(transaction: Transaction | readonly Change[]): void {
    try {
      this.#apply(transaction);
    } finally {
      this.#constraints.restore();
    }
  }

  /**
   * Applies until the subscription ends. Rejects with the subscription's error, or with `apply`'s; the subscription is closed then. Foreign
   * keys and CHECK constraints are back on when the event loop turns.
   */
  async follow(subscription: TransactionStream): Promise<void> {
    this.#accepts = (table) => subscription.accepts?.(table) ?? true;
    if (subscription.integers !== undefined) this.#binder.expect(subscription.integers);
    this.#isReplacing = subscription.isReplacing === true;
    this.#writers.clear();
    for await (const transaction of subscription.transactions()) {
      try {
        this.#apply(transaction);
      } finally {
        this.#constraints.restoreSoon();
      }
    }
  }

  /** The LSN of what was applied last; 0 before anything was. A snapshot's LSN is its transaction's before it, from its first page on. */
  position(): number {
    return this.#position.read().lsn;
  }

  /**
   * Compares every table with the original's, row by row, inside one read transaction of each; after `follow` those that its subscription
   * is about. `rows` are the original's; `missing` are not in the replica, `extra` are there only, `different` have the same key and
   * another content. Rows without a key are counted by their whole content. INTEGER 5 and REAL 5.0 count as equal, as they do in SQLite.
   *
   * Throws RowtapError ROWTAP_BUSY while one of the two has a transaction open.
   */
  verify(original: ReplicaDatabase): Verification {
    return verifyTables(original, this.#target, this.#accepts);
  }

  #apply(transaction: Transaction | readonly Change[]): void {
    if (this.#target.inTransaction) {
      throw new RowtapError('ROWTAP_BUSY', { detail: "the replica's database has a transaction open" });
    }
    let position = this.#position.read();
    if ('lsn' in transaction && transaction.lsn < position.lsn) return;
    let hasBegun = false;
    try {
      for (const change of transaction) {
        if (isApplied(position, change)) continue;
        if (!hasBegun) {
          this.#constraints.off();
          this.#target.exec('BEGIN IMMEDIATE');
          hasBegun = true;
        }
        this.#applyChange(change, position);
        position = advance(position, change);
      }
      if (!hasBegun) return;
      this.#position.write(position);
      this.#target.exec('COMMIT');
    } catch (error) {
      if (this.#target.inTransaction) this.#target.exec('ROLLBACK');
      this.#writers.clear();
      this.#position.forget();
      throw error;
    }
  }

  #applyChange(change: Change, position: ReplicaPosition): void {
    if (change.op === 'gap') return;
    if (change.op === 'bootstrap') {
      this.#bootstrap(change);
      return;
    }
    if (change.op !== 'snapshot' && position.gap !== null)
      throw new RowtapError('ROWTAP_REPLICA_GAP', { lsn: change.lsn, reason: position.gap });
    if (change.op === 'schema') this.#changeSchema(change);
    else this.#writer(change.table).write(change);
  }

  #bootstrap(event: BootstrapEvent): void {
    const schema = (event as BootstrapEvent & { [bootstrapSchema]?: BootstrapSchema })[bootstrapSchema];
    this.#writers.delete(foldName(event.table));
    if (schema !== undefined) {
      createTable(this.#target, event.table, schema.sql);
      return;
    }
    // The event has been copied or sent on, and its hidden definition has not come along.
    const shape = readShape(this.#target, event.table);
    if (shape === undefined) throw noSuchTable(this.#target, event.table);
    new TableWriter(this.#target, shape, this.#binder, this.#isReplacing).clear();
  }

  #changeSchema(event: SchemaEvent): void {
    this.#writers.delete(foldName(event.table));
    if (event.change === 'drop' || event.sql === null) {
      dropTable(this.#target, event.table);
    } else if (event.change === 'create') {
      createTable(this.#target, event.table, event.sql);
    } else {
      if (readShape(this.#target, event.table) === undefined) throw noSuchTable(this.#target, event.table);
      alterTable(this.#target, event.table, event.sql, event.columns);
    }
  }

  #writer(table: string): TableWriter {
    let writer = this.#writers.get(table) ?? this.#writers.get(foldName(table));
    if (writer === undefined) {
      const shape = readShape(this.#target, table);
      if (shape === undefined) throw noSuchTable(this.#target, table);
      writer = new TableWriter(this.#target, shape, this.#binder, this.#isReplacing);
      this.#writers.set(foldName(table), writer);
    }
    return writer;
  }
}

function noSuchTable(db: ReplicaDatabase, table: string): RowtapError {
  const scope = "the replica, which gets tables that were there before the subscription by snapshot 'initial',";
  return new RowtapError('ROWTAP_NO_SUCH_TABLE', { table, scope, tables: listTables(db).join(', ') || 'none' });
}
