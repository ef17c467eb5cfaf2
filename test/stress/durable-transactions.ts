import {
  type ChangeImage,
  type ExpectedTables,
  imageOf,
  type NumberedTransaction,
  numberedTransaction,
  randomOf,
  type Row,
  schema as numberedSchema,
  type TableName,
  type Value,
} from './numbered-transactions.js';

/**
 * Numbered transactions, some of which replace a table by one of another shape; and what they make of the database: the list of all changes that
 * a consumer must be handed.
 */

export const dataTables = ['item', 'pair', 'large', 'ledger', 'shape'] as const;

export const schema = `${numberedSchema};
  CREATE TABLE shape (id INTEGER PRIMARY KEY, c0 INTEGER);
  CREATE TABLE journal (seq INTEGER PRIMARY KEY, lsn INTEGER NOT NULL, "index" INTEGER NOT NULL, image TEXT NOT NULL, UNIQUE (lsn, "index"));
  CREATE TABLE mirror (name TEXT, key TEXT, image TEXT NOT NULL, PRIMARY KEY (name, key)) WITHOUT ROWID`;

/** Of the consumer whose effects lie in the same database: they are no changes for the consumers. */
export const effectTables = ['journal', 'mirror'];

export interface DurableTransaction extends NumberedTransaction {
  /** Run before its steps. */
  schemaSql: string | undefined;
}

export function durableTransaction(seed: number, n: number): DurableTransaction {
  const transaction = numberedTransaction(seed, n);
  const random = randomOf(Math.imul(seed, 0x85ebca6b) ^ n);
  const schemaSql =
    random() < 1 / 12
      ? `DROP TABLE shape; CREATE TABLE shape (id INTEGER PRIMARY KEY, c${n} INTEGER); INSERT INTO shape VALUES (1, ${n})`
      : undefined;
  return { ...transaction, schemaSql };
}

interface ChangeLike {
  op: string;
  table: string | null;
  before: object | null;
  after: object | null;
  change?: string;
  reason?: string;
}

/** A table that changes its shape is told with the names of its columns. */
export function tableImage(table: string, row: Row | null): Value[] | null {
  if (row === null) return null;
  return table === 'shape' ? Object.entries(row).flat() : imageOf(table as TableName, row);
}

export function changeImage({ op, table, before, after, change, reason }: ChangeLike): ChangeImage {
  if (op === 'schema') return [`${op} ${change}`, String(table), null, null];
  if (table === null) return [op, String(reason), null, null];
  return [op, table, tableImage(table, before as Row | null), tableImage(table, after as Row | null)];
}

export function changesOf(tables: ExpectedTables, transaction: DurableTransaction): ChangeImage[] {
  const { n, schemaSql } = transaction;
  const ofSchema: ChangeImage[] = [
    ['schema drop', 'shape', null, null],
    ['schema create', 'shape', null, null],
    ['insert', 'shape', null, tableImage('shape', { id: 1, [`c${n}`]: n })],
  ];
  return [...(schemaSql === undefined ? [] : ofSchema), ...tables.commit(transaction)];
}

export interface MirrorChange {
  name: string;
  isEmptied: boolean;
  /** A row's key. */
  removed: string | undefined;
  put: { key: string; image: string } | undefined;
}

const keyColumn = (table: string): number => (table === 'pair' ? 1 : table === 'shape' ? 1 : 0);

/** What the change does to a mirror, in which each row stands under its key. */
export function mirrored([op, name, before, after]: ChangeImage): MirrorChange {
  const key = (image: Value[]): string => String(image[keyColumn(name)]);
  return {
    name,
    isEmptied: op === 'schema drop',
    removed: before === null ? undefined : key(before),
    put: after === null ? undefined : { key: key(after), image: JSON.stringify(after) },
  };
}

export class Mirror {
  readonly #rows = new Map<string, string>();

  apply(change: ChangeImage): void {
    const { name, isEmptied, removed, put } = mirrored(change);
    if (isEmptied) {
      for (const key of this.#rows.keys()) if (key.startsWith(`${name} `)) this.#rows.delete(key);
    } else if (removed !== undefined) this.#rows.delete(`${name} ${removed}`);
    if (put !== undefined) this.#rows.set(`${name} ${put.key}`, put.image);
  }

  rows(): string[] {
    return [...this.#rows].map(([key, image]) => `${key} ${image}`).sort();
  }
}
