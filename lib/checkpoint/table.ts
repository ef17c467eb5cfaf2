import type { CheckpointDatabase } from './database.js';

/** A consumer's row of `_rowtap_checkpoints`. */
export interface Checkpoint {
  /** Everything up to it is done with; where the consumer began, before its first acknowledgement. */
  lsn: number;
  /** The LSN of the newest snapshot that was read to its end; undefined where none was. */
  snapshotLsn: number | undefined;
  /** In which it was written, see NativeHub.life. */
  life: string;
}

/** How far LSNs may be handed out before the next reservation has to be written. */
export interface Reservation {
  lsn: number;
  life: string;
}

export interface CheckpointWrite {
  checkpoints: ReadonlyMap<string, Checkpoint>;
  /** What had been written before, in case somebody has dropped the table since. */
  whenMissing: ReadonlyMap<string, Checkpoint>;
  reservation: Reservation | undefined;
  updatedMs: number;
  /**
   * It shall outlive a loss of power as well, for which SQLite waits for the disk (https://www.sqlite.org/pragma.html#pragma_synchronous);
   * otherwise only the end of the process.
   */
  isDurable: boolean;
}

const createSql = `
CREATE TABLE IF NOT EXISTS main."_rowtap_checkpoints" (
  "consumer" TEXT NOT NULL PRIMARY KEY, "lsn" INTEGER NOT NULL, "snapshot_lsn" INTEGER, "life" TEXT NOT NULL, "updated_ms" INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS main."_rowtap_meta" ("name" TEXT NOT NULL PRIMARY KEY, "value" NOT NULL) WITHOUT ROWID;
`;

// A position never goes back, whoever wrote the other one; of NULL and a number, max(a, b) would give NULL, and of a number and what is none
// (a damaged row) what is none.
const writeCheckpointSql = `
INSERT INTO main."_rowtap_checkpoints" ("consumer", "lsn", "snapshot_lsn", "life", "updated_ms") VALUES (?, ?, ?, ?, ?)
ON CONFLICT ("consumer") DO UPDATE SET
  "lsn" = iif(typeof("lsn") = 'integer', max("lsn", "excluded"."lsn"), "excluded"."lsn"),
  "snapshot_lsn" = coalesce(max("snapshot_lsn", "excluded"."snapshot_lsn"), "snapshot_lsn", "excluded"."snapshot_lsn"),
  "life" = iif(typeof("lsn") <> 'integer' OR "excluded"."lsn" >= "lsn", "excluded"."life", "life"),
  "updated_ms" = "excluded"."updated_ms"`;

const writeReservationSql = `
INSERT INTO main."_rowtap_meta" ("name", "value") VALUES ('reserved_lsn', CAST(? AS INTEGER))
ON CONFLICT ("name") DO UPDATE SET "value" = iif(typeof("value") = 'integer', max("value", "excluded"."value"), "excluded"."value")`;

const writeLifeSql = `INSERT OR REPLACE INTO main."_rowtap_meta" ("name", "value") VALUES ('life', ?)`;

/**
 * The two tables of this project in the application's database, through one connection that is open for this read or write. Nothing is created
 * before the first write, and a write is one short transaction.
 */
export class CheckpointTable {
  readonly #database: CheckpointDatabase;

  constructor(database: CheckpointDatabase) {
    this.#database = database;
    // When the WAL is moved into the file is the application's choice, and on its time.
    database.exec('PRAGMA wal_autocheckpoint = 0');
  }

  /** A row that somebody has damaged is a position before everything: the consumer is told that it may have missed changes. */
  readCheckpoint(consumer: string): Checkpoint | undefined {
    if (!this.#has('_rowtap_checkpoints')) return undefined;
    const row = this.#database
      .prepare('SELECT "lsn", "snapshot_lsn" AS "snapshotLsn", "life" FROM main."_rowtap_checkpoints" WHERE "consumer" = ?')
      .get(consumer) as { lsn: number; snapshotLsn: number | null; life: string } | undefined;
    if (row === undefined) return undefined;
    const snapshotLsn = Number.isSafeInteger(row.snapshotLsn) ? (row.snapshotLsn as number) : undefined;
    return Number.isSafeInteger(row.lsn) ? { ...row, snapshotLsn } : { lsn: 0, snapshotLsn, life: '' };
  }

  readReservation(): Reservation | undefined {
    if (!this.#has('_rowtap_meta')) return undefined;
    const value = (name: string): unknown =>
      (this.#database.prepare('SELECT "value" FROM main."_rowtap_meta" WHERE "name" = ?').get(name) as { value: unknown } | undefined)
        ?.value;
    const lsn = value('reserved_lsn');
    return Number.isSafeInteger(lsn) ? { lsn: lsn as number, life: String(value('life')) } : undefined;
  }

  /** Writes all of it or nothing. Throws what SQLite throws. */
  write({ checkpoints, whenMissing, reservation, updatedMs, isDurable }: CheckpointWrite): void {
    const database = this.#database;
    database.exec(`PRAGMA main.synchronous = ${isDurable ? 'FULL' : 'NORMAL'}`);
    database.exec('BEGIN IMMEDIATE');
    try {
      const all = this.#has('_rowtap_checkpoints') ? checkpoints : new Map([...whenMissing, ...checkpoints]);
      database.exec(createSql);
      const writeCheckpoint = database.prepare(writeCheckpointSql);
      for (const [consumer, { lsn, snapshotLsn, life }] of all) writeCheckpoint.run(consumer, lsn, snapshotLsn ?? null, life, updatedMs);
      if (reservation !== undefined) {
        database.prepare(writeReservationSql).run(reservation.lsn);
        database.prepare(writeLifeSql).run(reservation.life);
      }
      database.exec('COMMIT');
    } catch (error) {
      this.#rollBack();
      throw error;
    }
  }

  #rollBack(): void {
    try {
      this.#database.exec('ROLLBACK');
    } catch {
      // SQLite has rolled back by itself (https://www.sqlite.org/lang_transaction.html#response_to_errors_within_a_transaction).
    }
  }

  #has(table: string): boolean {
    return (
      this.#database.prepare(`SELECT 1 AS "one" FROM main.sqlite_schema WHERE "type" = 'table' AND "name" = ?`).get(table) !== undefined
    );
  }
}
