import type { BootstrapEvent, Change, GapEvent, RowChange, SchemaEvent, Transaction } from '../../lib/model/change.js';
import type { SqlValue } from '../../lib/model/value.js';

type Row = Record<string, SqlValue>;

/** What a test says of a change; the position is filled in by `at`. */
export type Draft =
  | Omit<RowChange, 'source' | 'lsn' | 'index' | 'time' | 'last'>
  | Omit<SchemaEvent, 'source' | 'lsn' | 'index' | 'time'>
  | Omit<BootstrapEvent, 'source' | 'lsn' | 'index' | 'time'>
  | Omit<GapEvent, 'source' | 'lsn' | 'index' | 'time'>;

export const insert = (table: string, after: Row, key: Row | null = null): Draft => ({
  op: 'insert',
  table,
  key,
  before: null,
  after,
  indirect: false,
});
export const update = (table: string, before: Row, after: Row, key: Row | null = null): Draft => ({
  op: 'update',
  table,
  key,
  before,
  after,
  indirect: false,
});
export const remove = (table: string, before: Row, key: Row | null = null): Draft => ({
  op: 'delete',
  table,
  key,
  before,
  after: null,
  indirect: false,
});
export const snapshotRow = (table: string, after: Row, key: Row | null = null): Draft => ({
  op: 'snapshot',
  table,
  key,
  before: null,
  after,
  indirect: false,
});
export const gap = (): Draft => ({ op: 'gap', reason: 'external-writer', table: null, before: null, after: null });

export const schema = (change: SchemaEvent['change'], table: string, sql: string | null, columns: string[] = []): Draft => ({
  op: 'schema',
  table,
  change,
  sql,
  columns: columns.map((name) => ({ name, type: '', notNull: false, key: 0, generated: 'no' })),
  before: null,
  after: null,
});

export function bootstrap(table: string, sql?: string): Draft {
  const event: Draft = { op: 'bootstrap', table, before: null, after: null };
  if (sql !== undefined) Object.defineProperty(event, Symbol.for('rowtap.schema'), { value: { columns: [], sql }, enumerable: false });
  return event;
}

/** The drafts as the changes `firstIndex` and on of the transaction (or snapshot) `lsn`. */
export function at(lsn: number, drafts: Draft[], firstIndex = 0, timeMs = lsn * 1000): Change[] {
  return drafts.map((draft, offset) => {
    const change = Object.defineProperties({}, Object.getOwnPropertyDescriptors(draft)) as Change;
    return Object.assign(change, { source: 'test', lsn, index: firstIndex + offset, time: timeMs, last: offset === drafts.length - 1 });
  });
}

/** The same as a transaction of `subscription.transactions()`. */
export function transactionAt(lsn: number, drafts: Draft[]): Transaction {
  const changes = at(lsn, drafts) as RowChange[];
  return { lsn, time: lsn * 1000, length: changes.length, [Symbol.iterator]: () => changes[Symbol.iterator]() };
}
