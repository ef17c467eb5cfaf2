import type { Change, Database, SqlValue } from 'rowtap';
import { expect } from 'vitest';

type Row = Record<string, SqlValue>;

/** What the stream alone says that each table holds: rows by their whole content, counted. */
export class Replay {
  readonly #tables = new Map<string, Map<string, number>>();
  /** What came as rows of a snapshot. */
  rows = 0;
  #snapshotPlaces = new Set<number>();
  #lastPlace: [lsn: number, index: number] = [0, -1];

  apply(change: Change): void {
    this.#checkPlace(change);
    if (change.op === 'gap' || change.op === 'schema') return;
    if (change.op === 'bootstrap') {
      this.#tables.set(change.table, new Map());
      return;
    }
    if (change.op === 'snapshot') this.rows += 1;
    const table = this.#tables.get(change.table) ?? new Map<string, number>();
    this.#tables.set(change.table, table);
    if (change.before !== null) count(table, change.before, -1);
    if (change.after !== null) count(table, change.after, 1);
  }

  /** Every table of the list holds exactly what the database has now. */
  expectEqual(db: Database, tables: readonly string[]): void {
    for (const table of tables) {
      const expected = new Map<string, number>();
      for (const row of db.prepare(`SELECT * FROM "${table}"`).all() as Row[]) count(expected, row, 1);
      expect(sorted(this.#tables.get(table) ?? new Map()), `table ${table}`).toEqual(sorted(expected));
    }
  }

  /** (lsn, index) names a change: each only once, and in the order of the stream. */
  #checkPlace(change: Change): void {
    const isOfSnapshot = change.op === 'snapshot' || change.op === 'bootstrap';
    if (isOfSnapshot) {
      expect(this.#snapshotPlaces.has(change.index), `index ${change.index} of the snapshot comes once`).toBe(false);
      this.#snapshotPlaces.add(change.index);
      expect(change.index).toBe(this.#snapshotPlaces.size - 1);
    } else {
      const [lsn, index] = this.#lastPlace;
      expect(change.lsn > lsn || (change.lsn === lsn && change.index > index), 'changes come in their order').toBe(true);
      this.#lastPlace = [change.lsn, change.index];
    }
  }
}

function count(table: Map<string, number>, row: Row, difference: number): void {
  const key = JSON.stringify(Object.values(row), (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value));
  const left = (table.get(key) ?? 0) + difference;
  if (left < 0) throw new Error(`a row was taken away that was not there: ${key}`);
  if (left === 0) table.delete(key);
  else table.set(key, left);
}

function sorted(table: Map<string, number>): [row: string, times: number][] {
  return [...table].sort(([a], [b]) => (a < b ? -1 : 1));
}
