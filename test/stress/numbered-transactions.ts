import { createHash } from 'node:crypto';

/**
 * Transactions that are a function of their number: whoever knows in which order which of them were committed knows every row that the
 * database must hold, and every change that a subscriber must have seen.
 */

export type Value = number | string;
export type Row = Record<string, Value>;

/** One change as it must be delivered: the values in the order of the table's columns, large texts by their digest. */
export type ChangeImage = [op: string, table: string, before: Value[] | null, after: Value[] | null];

export const schema = `
  CREATE TABLE item (id INTEGER PRIMARY KEY, n INTEGER, body TEXT);
  CREATE TABLE pair (a INTEGER, b TEXT, n INTEGER, body TEXT, PRIMARY KEY (b, a)) WITHOUT ROWID;
  CREATE TABLE large (id INTEGER PRIMARY KEY, n INTEGER, body TEXT);
  CREATE TABLE ledger (seq INTEGER PRIMARY KEY, n INTEGER UNIQUE);
`;

/** The ledger is only ever added to: its rows are the committed transactions, in the order of their commits. */
export type TableName = 'item' | 'pair' | 'large' | 'ledger';
type DataTable = Exclude<TableName, 'ledger'>;

const columns: Record<TableName, readonly string[]> = {
  item: ['id', 'n', 'body'],
  pair: ['a', 'b', 'n', 'body'],
  large: ['id', 'n', 'body'],
  ledger: ['seq', 'n'],
};

const rowsOf: Record<DataTable, number> = { item: 40, pair: 40, large: 12 };
const sql: Record<DataTable, Record<'put' | 'change' | 'remove', string>> = {
  item: {
    put: 'INSERT OR REPLACE INTO item (id, n, body) VALUES (?, ?, ?)',
    change: 'UPDATE item SET n = ?, body = ? WHERE id = ?',
    remove: 'DELETE FROM item WHERE id = ?',
  },
  pair: {
    put: 'INSERT OR REPLACE INTO pair (a, b, n, body) VALUES (?, ?, ?, ?)',
    change: 'UPDATE pair SET n = ?, body = ? WHERE a = ? AND b = ?',
    remove: 'DELETE FROM pair WHERE a = ? AND b = ?',
  },
  large: {
    put: 'INSERT OR REPLACE INTO large (id, n, body) VALUES (?, ?, ?)',
    change: 'UPDATE large SET n = ?, body = ? WHERE id = ?',
    remove: 'DELETE FROM large WHERE id = ?',
  },
};

export interface Step {
  kind: 'put' | 'change' | 'remove' | 'ledger' | 'savepoint' | 'undo';
  sql: string;
  parameters: Value[];
  /** Of the first three kinds. */
  table?: DataTable;
  row?: Row;
}

export interface NumberedTransaction {
  n: number;
  isRolledBack: boolean;
  steps: Step[];
}

/** Numbers of one writer. */
export const numbersPerThread = 100_000;

/** Numbers in [0, 1), the same ones for the same seed (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Large rows are stored on some ten pages of their own; a transaction of many of them does not fit the memory that it is given. */
const largeBody = 40_000;

function textOf(n: number, step: number, length: number): string {
  return `${n}.${step} `.repeat(Math.ceil(length / 4)).slice(0, length);
}

function keyOf(table: DataTable, id: number): Row {
  return table === 'pair' ? { a: id % 5, b: `k${id}` } : { id };
}

export function numberedTransaction(seed: number, n: number): NumberedTransaction {
  const random = randomOf(Math.imul(seed, 0x9e3779b1) ^ n);
  const below = (bound: number): number => Math.floor(random() * bound);
  const step = (kind: 'put' | 'change' | 'remove', table: DataTable, id: number, place: number): Step => {
    const key = keyOf(table, id);
    const rest = { n, body: textOf(n, place, table === 'large' ? largeBody : below(80)) };
    const bound = { put: { ...key, ...rest }, change: { ...rest, ...key }, remove: key }[kind];
    return { kind, table, row: { ...key, ...rest }, sql: sql[table][kind], parameters: Object.values(bound) };
  };
  const isHuge = below(8) === 0;
  const steps: Step[] = [];
  for (let place = 0; place < (isHuge ? 12 : 1 + below(6)); place++) {
    const table = isHuge || below(6) === 0 ? 'large' : below(2) === 0 ? 'item' : 'pair';
    const kind = isHuge ? 'put' : (['put', 'put', 'change', 'remove'] as const)[below(4)]!;
    steps.push(step(kind, table, isHuge ? place : below(rowsOf[table]), place));
  }
  if (below(5) === 0) {
    const undone = [step('put', 'item', below(rowsOf.item), 90), step('remove', 'pair', below(rowsOf.pair), 91)];
    steps.push({ kind: 'savepoint', sql: 'SAVEPOINT s', parameters: [] }, ...undone);
    steps.push({ kind: 'undo', sql: 'ROLLBACK TO s', parameters: [] });
  }
  const isLedgerFirst = below(2) === 0;
  const ledger: Step = { kind: 'ledger', sql: 'INSERT INTO ledger (n) VALUES (?)', parameters: [n] };
  if (isLedgerFirst) steps.unshift(ledger);
  else steps.push(ledger);
  return { n, isRolledBack: below(6) === 0, steps };
}

/** As it is reported and compared: texts of a page and more by their length and digest. */
export function imageOf(table: TableName, row: Row | null): Value[] | null {
  if (row === null) return null;
  return columns[table].map((column) => {
    const value = row[column] as Value;
    if (typeof value !== 'string' || value.length <= 100) return value;
    return `${value.length} ${createHash('sha1').update(value).digest('base64')}`;
  });
}

/** The rows that the committed transactions make, told one after the other. */
export class ExpectedTables {
  readonly #rows = new Map<string, { table: TableName; image: Value[] }>();
  #committed = 0;

  get committed(): number {
    return this.#committed;
  }

  /** All rows, in one order for whoever lists them. */
  rows(): string[] {
    return listRows([...this.#rows.values()]);
  }

  /** The changes that the transaction makes, in their order. */
  commit({ steps }: NumberedTransaction): ChangeImage[] {
    const changes: ChangeImage[] = [];
    let isUndone = false;
    for (const { kind, table, row, parameters } of steps) {
      if (kind === 'savepoint' || kind === 'undo') isUndone = kind === 'savepoint';
      else if (kind === 'ledger') this.#put(changes, 'ledger', { seq: ++this.#committed, n: parameters[0] as Value }, `${this.#committed}`);
      else if (!isUndone) this.#run(changes, kind, table as DataTable, row as Row);
    }
    return changes;
  }

  #run(changes: ChangeImage[], kind: 'put' | 'change' | 'remove', table: DataTable, row: Row): void {
    const key = String(table === 'pair' ? row['b'] : row['id']);
    const before = this.#rows.get(`${table} ${key}`)?.image ?? null;
    if (kind === 'put') {
      if (before !== null) changes.push(['delete', table, before, null]);
      this.#put(changes, table, row, key);
    } else if (before !== null && kind === 'remove') {
      this.#rows.delete(`${table} ${key}`);
      changes.push(['delete', table, before, null]);
    } else if (before !== null) {
      const image = imageOf(table, row) as Value[];
      this.#rows.set(`${table} ${key}`, { table, image });
      changes.push(['update', table, before, image]);
    }
  }

  #put(changes: ChangeImage[], table: TableName, row: Row, key: string): void {
    const image = imageOf(table, row) as Value[];
    this.#rows.set(`${table} ${key}`, { table, image });
    changes.push(['insert', table, null, image]);
  }
}

export function listRows(rows: readonly { table: string; image: Value[] | null }[]): string[] {
  return rows.map(({ table, image }) => JSON.stringify([table, image])).sort();
}
