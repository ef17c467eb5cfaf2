import { randomBytes } from 'node:crypto';
import type { SchemaColumn } from '../model/change.js';
import { rawRows, type TriggerConnection } from './connection.js';
import { type LogNames, LogOp, valuesPerRow } from './log-names.js';
import type { Shape } from './shape.js';
import { nowSql } from './trigger-sql.js';

const valueColumns = Array.from({ length: valuesPerRow }, (_, index) => `"v${index}"`).join(', ');

/** What a row takes, apart from its id and its header. */
const bytesSql = Array.from({ length: valuesPerRow }, (_, index) => `coalesce(length(CAST("v${index}" AS BLOB)), 0)`).join(' + ');

function createSql({ log, shapes, commits, state }: LogNames): string {
  return `
CREATE TABLE IF NOT EXISTS main.${log} ("id" INTEGER PRIMARY KEY, "time", "shape", "op", ${valueColumns});
CREATE TABLE IF NOT EXISTS main.${shapes} (
  "id" INTEGER PRIMARY KEY, "table" TEXT NOT NULL, "columns" TEXT NOT NULL, "sql" TEXT NOT NULL, "is_current" INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS main.${commits} ("lsn" INTEGER PRIMARY KEY, "last_id" INTEGER NOT NULL, "time" INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS main.${state} ("name" TEXT NOT NULL PRIMARY KEY, "value" NOT NULL) WITHOUT ROWID`;
}

/** A commit, or several: those that were made between two looks. */
export interface LoggedCommit {
  lsn: number;
  /** Of its last row in the log. */
  lastId: number;
  /** Unix milliseconds of its last change. */
  timeMs: number;
}

interface StoredCommit {
  lsn: number | bigint;
  last_id: number | bigint;
  time: number | bigint;
}

/**
 * What one connection knows of a log. A commit's end can't be seen by a trigger, which runs alike inside a transaction and outside of one; it
 * is known to whoever looks in between, since nobody sees half a commit. So the newest row that is there at a look ends a commit, and that
 * is written down, once for all who read.
 */
export class LogTables {
  readonly #connection: TriggerConnection;
  readonly #names: LogNames;

  constructor(connection: TriggerConnection, names: LogNames) {
    this.#connection = connection;
    this.#names = names;
  }

  get exist(): boolean {
    const { logTable } = this.#names;
    const sql = `SELECT count(*) AS "count" FROM main.sqlite_schema WHERE "type" = 'table' AND "name" IN (?, ?, ?, ?)`;
    const names = [logTable, `${logTable}_shapes`, `${logTable}_commits`, `${logTable}_state`];
    return Number((this.#connection.prepare(sql).get(...names) as { count: number | bigint }).count) === names.length;
  }

  /** LSNs begin at the clock in microseconds: above those of a log that was here before and is gone. */
  create(nowMs: number): void {
    this.#connection.exec(createSql(this.#names));
    const { commits } = this.#names;
    this.writeState('history', randomBytes(16).toString('hex'));
    this.#connection.prepare(`INSERT INTO main.${commits} ("lsn", "last_id", "time") VALUES (?, 0, ?)`).run(nowMs * 1000, nowMs);
  }

  drop(): void {
    const { log, shapes, commits, state } = this.#names;
    for (const table of [log, shapes, commits, state]) this.#connection.exec(`DROP TABLE IF EXISTS main.${table}`);
  }

  readState(name: string): string | undefined {
    const row = this.#connection.prepare(`SELECT "value" FROM main.${this.#names.state} WHERE "name" = ?`).get(name);
    return row === undefined ? undefined : String((row as { value: unknown }).value);
  }

  writeState(name: string, value: string): void {
    this.#connection.prepare(`INSERT OR REPLACE INTO main.${this.#names.state} ("name", "value") VALUES (?, ?)`).run(name, value);
  }

  /** 0 where it has none. The newest row is never removed, so none of its successors has an id that was used before. */
  lastId(): number {
    const row = this.#connection.prepare(`SELECT max("id") AS "id" FROM main.${this.#names.log}`).get() as { id: number | bigint | null };
    return Number(row.id ?? 0);
  }

  newestCommit(): LoggedCommit {
    return this.#commit('ORDER BY "lsn" DESC LIMIT 1') as LoggedCommit;
  }

  oldestCommit(): LoggedCommit {
    return this.#commit('ORDER BY "lsn" LIMIT 1') as LoggedCommit;
  }

  /** Behind the one and up to the other, the oldest ones. */
  commitsAfter(lsn: number, upToLsn: number, most: number): LoggedCommit[] {
    const rows = this.#connection
      .prepare(
        `SELECT "lsn", "last_id", "time" FROM main.${this.#names.commits} WHERE "lsn" > ? AND "lsn" <= ? ORDER BY "lsn" LIMIT ${most}`,
      )
      .all(lsn, upToLsn) as StoredCommit[];
    return rows.map(commitOf);
  }

  /** The newest one up to that LSN. */
  commitUpTo(lsn: number): LoggedCommit | undefined {
    return this.#commit('WHERE "lsn" <= ? ORDER BY "lsn" DESC LIMIT 1', lsn);
  }

  /** All that stands in the log by now has been committed: called in a transaction of its own. Gives the newest commit. */
  endCommit(isAfterLsn = 0): LoggedCommit {
    const newest = this.newestCommit();
    const { log, commits } = this.#names;
    const row = this.#connection
      .prepare(`SELECT (SELECT max("id") FROM main.${log}) AS "id", "time" FROM main.${log} WHERE "op" <> ? ORDER BY "id" DESC LIMIT 1`)
      .get(LogOp.more) as { id: number | bigint; time: number | bigint } | undefined;
    const lastId = Number(row?.id ?? newest.lastId);
    if (lastId === newest.lastId && newest.lsn >= isAfterLsn) return newest;
    const next: LoggedCommit = { lsn: Math.max(newest.lsn, isAfterLsn) + 1, lastId, timeMs: Number(row?.time ?? newest.timeMs) };
    this.#connection
      .prepare(`INSERT INTO main.${commits} ("lsn", "last_id", "time") VALUES (?, ?, ?)`)
      .run(next.lsn, next.lastId, next.timeMs);
    return next;
  }

  /** Up to which row all has been written by triggers that fitted their tables; rolled back with the transaction that says so. */
  completeUpTo(): number {
    return Math.max(this.newestCommit().lastId, Number(this.readState('complete') ?? 0));
  }

  noteComplete(): void {
    this.writeState('complete', String(this.lastId()));
  }

  /** `bytes` are those of its values. The whole log is read. */
  size(): { rows: number; bytes: number } {
    const sql = `SELECT count(*) AS "rows", coalesce(sum(${bytesSql}), 0) AS "bytes" FROM main.${this.#names.log}`;
    const row = this.#connection.prepare(sql).get() as { rows: number | bigint; bytes: number | bigint };
    return { rows: Number(row.rows), bytes: Number(row.bytes) };
  }

  /** What stands behind the one and up to the other row. */
  count(afterId: number, upToId: number): { changes: number; bytes: number } {
    const sql = `SELECT coalesce(sum("op" IN (1, 2, 3)), 0) AS "changes", coalesce(sum(${bytesSql}), 0) AS "bytes" FROM main.${this.#names.log}
      WHERE "id" > ? AND "id" <= ?`;
    const row = this.#connection.prepare(sql).get(afterId, upToId) as { changes: number | bigint; bytes: number | bigint };
    return { changes: Number(row.changes), bytes: Number(row.bytes) };
  }

  /** Whether one stands behind the one and up to the other row. */
  hasGap(afterId: number, upToId: number): boolean {
    const sql = `SELECT 1 AS "one" FROM main.${this.#names.log} WHERE "id" > ? AND "id" <= ? AND "op" = ? LIMIT 1`;
    return this.#connection.prepare(sql).get(afterId, upToId, LogOp.gap) !== undefined;
  }

  /** From where on the rows take no more than that; 0 where all of them do. No more than those are read. */
  firstIdWithin(maxBytes: number): number {
    const rows = rawRows(this.#connection, `SELECT "id", ${bytesSql} FROM main.${this.#names.log} ORDER BY "id" DESC`).iterate();
    let firstId = 0;
    let bytes = 0;
    for (let row = rows.next(); row.done !== true; row = rows.next()) {
      bytes += Number(row.value[1]);
      if (bytes > maxBytes) {
        rows.return?.();
        return firstId === 0 ? Number(row.value[0]) : firstId;
      }
      firstId = Number(row.value[0]);
    }
    return 0;
  }

  /**
   * The oldest rows up to that commit's end, so many at most, and when none of them is left the commits as well, except for that one: behind it the
   * log goes on. Gives how many rows it were.
   */
  removeUpTo({ lsn, lastId }: LoggedCommit, mostRows: number): number {
    const { log, commits } = this.#names;
    const { id } = this.#connection.prepare(`SELECT min("id") AS "id" FROM main.${log}`).get() as { id: number | bigint | null };
    const firstId = Number(id ?? lastId + 1);
    const endId = Math.min(lastId, firstId + mostRows - 1, this.lastId() - 1);
    const { changes } = this.#connection.prepare(`DELETE FROM main.${log} WHERE "id" <= ?`).run(endId);
    if (endId >= Math.min(lastId, this.lastId() - 1)) this.#connection.prepare(`DELETE FROM main.${commits} WHERE "lsn" < ?`).run(lsn);
    return Number(changes);
  }

  /** Those that triggers stand for now. */
  currentShapes(): Shape[] {
    return this.#shapes('WHERE "is_current" = 1 ORDER BY "table"');
  }

  allShapes(): Shape[] {
    return this.#shapes('');
  }

  addShape({ table, columns, sql }: Omit<Shape, 'id'>): Shape {
    const { lastInsertRowid } = this.#connection
      .prepare(`INSERT INTO main.${this.#names.shapes} ("table", "columns", "sql", "is_current") VALUES (?, ?, ?, 1)`)
      .run(table, JSON.stringify(columns), sql) as unknown as { lastInsertRowid: number | bigint };
    return { id: Number(lastInsertRowid), table, columns, sql };
  }

  retireShape({ id }: Shape): void {
    this.#connection.prepare(`UPDATE main.${this.#names.shapes} SET "is_current" = 0 WHERE "id" = ?`).run(id);
  }

  addSchemaEvent(shape: Shape, change: 'create' | 'alter' | 'drop'): void {
    this.#addEvent(LogOp.schema, shape.id, change, change === 'drop' ? null : shape.sql);
  }

  addGap(shape: Shape): void {
    this.#addEvent(LogOp.gap, shape.id, 'history-changed', null);
  }

  /** What its triggers have written since the last look can't be told from what they should have: it is taken back. Gives whether there was any. */
  voidSince(lastId: number, { id }: Shape): boolean {
    const { changes } = this.#connection
      .prepare(`UPDATE main.${this.#names.log} SET "op" = ? WHERE "id" > ? AND "shape" = ?`)
      .run(LogOp.nothing, lastId, id);
    return Number(changes) > 0;
  }

  #addEvent(op: number, shapeId: number, first: string, second: string | null): void {
    this.#connection
      .prepare(`INSERT INTO main.${this.#names.log} ("time", "shape", "op", "v0", "v1") VALUES (${nowSql}, ?, ?, ?, ?)`)
      .run(shapeId, op, first, second);
  }

  #commit(rest: string, ...values: number[]): LoggedCommit | undefined {
    const sql = `SELECT "lsn", "last_id", "time" FROM main.${this.#names.commits} ${rest}`;
    const row = this.#connection.prepare(sql).get(...values) as StoredCommit | undefined;
    return row && commitOf(row);
  }

  #shapes(rest: string): Shape[] {
    const rows = this.#connection.prepare(`SELECT "id", "table", "columns", "sql" FROM main.${this.#names.shapes} ${rest}`).all() as {
      id: number | bigint;
      table: string;
      columns: string;
      sql: string;
    }[];
    return rows.map(({ id, table, columns, sql }) => ({ id: Number(id), table, columns: JSON.parse(columns) as SchemaColumn[], sql }));
  }
}

function commitOf({ lsn, last_id: lastId, time }: StoredCommit): LoggedCommit {
  return { lsn: Number(lsn), lastId: Number(lastId), timeMs: Number(time) };
}
