import type { AnyTables, SqlValue } from './value.js';

/** What stands in the stream: row changes, and the events that say something about them. */
export type Change<Tables = AnyTables> = RowChange<Tables> | BootstrapEvent | SchemaEvent | GapEvent;

export interface Positioned {
  source: string;
  /** Commit sequence number: one per transaction, strictly increasing for the life of the database file, across restarts and crashes. */
  lsn: number;
  /** Position in its transaction, from 0, counted before any filter. (lsn, index) names a change for ever. */
  index: number;
  /** Unix milliseconds of the commit (of the read, in a snapshot). */
  time: number;
}

/** One row inserted, updated or deleted, or a row that existed when a snapshot was taken. Testing `table` narrows `before` and `after`. */
export type RowChange<Tables = AnyTables> = {
  [Table in keyof Tables & string]: RowChangeOf<Table, Tables[Table]>;
}[keyof Tables & string];

export interface RowChangeOf<Table extends string, Row> extends Positioned {
  op: 'insert' | 'update' | 'delete' | 'snapshot';
  table: Table;
  /** Primary-key columns and their values, as they were before the change; null where the table has no declared key. */
  key: Record<string, SqlValue> | null;
  /** null for insert and snapshot */
  before: Row | null;
  /** null for delete */
  after: Row | null;
  /** Made by a trigger or a foreign-key action. */
  indirect: boolean;
  /** The last row change of its transaction that this subscription receives (or of the snapshot). */
  last: boolean;
}

/** First event of a table's snapshot: what was built from this table before should be thrown away. */
export interface BootstrapEvent extends Positioned {
  op: 'bootstrap';
  table: string;
  before: null;
  after: null;
}

/** The table's shape changed, or it was created or dropped, in this position of the stream. */
export interface SchemaEvent extends Positioned {
  op: 'schema';
  table: string;
  change: 'create' | 'alter' | 'drop';
  /** As they are after the change; none where the table was dropped. */
  columns: SchemaColumn[];
  sql: string | null;
  before: null;
  after: null;
}

export interface SchemaColumn {
  name: string;
  type: string;
  notNull: boolean;
  /** Its place in the declared primary key, from 1; 0: not part of it. */
  key: number;
  generated: 'no' | 'stored' | 'virtual';
}

export type GapReason = 'external-writer' | 'restart' | 'log-pruned' | 'history-changed';

/** Changes may be missing before this position. Never silent, never filtered out. */
export interface GapEvent extends Positioned {
  op: 'gap';
  reason: GapReason;
  table: null;
  before: null;
  after: null;
}

/**
 * What one commit changed, as far as the subscription receives it; a page of a snapshot, or an event, comes as one too. May be iterated any
 * number of times. Events that stand inside (a schema change, say) are given in their place, although the type names row changes only.
 */
export interface Transaction<Tables = AnyTables> extends Iterable<RowChange<Tables>> {
  readonly lsn: number;
  /** Unix milliseconds of the commit. */
  readonly time: number;
  /** How many changes and events iteration gives. */
  readonly length: number;
}
