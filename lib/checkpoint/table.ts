import type { CheckpointDatabase, CheckpointStatement } from './database.js';

/** A consumer's row of `_rowtap_checkpoints`. */
export interface Checkpoint {
  /** Everything up to it is done with; where the consumer began, before its first acknowledgement. */
  lsn: number;
  /** The LSN of the newest snapshot that was read to its end; undefined where none was. */
  snapshotLsn: number | undefined;
  /** In which it was written, see lifeOf. */
  life: string;
}

/** How far LSNs may be handed out before the next reservation has to be written. */
export interface Reservation {
  lsn: number;
  life: string;
}

const createSql = `
CREATE TABLE IF NOT EXISTS main."_rowtap_checkpoints" (
  "consumer" TEXT NOT NULL PRIMARY KEY, "lsn" INTEGER NOT NULL, "snapshot_lsn" INTEGER, "life" TEXT NOT NULL, "updated_ms" INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS main."_rowtap_meta" ("name" TEXT NOT NULL PRIMARY KEY, "value" NOT NULL) WITHOUT ROWID;
`;

// A position never goes back, whoever wrote the other one; of NULL and a number, max(a, b) would give NULL.
const writeCheckpointSql = `
INSERT INTO main."_rowtap_checkpoints" ("consumer", "lsn", "snapshot_lsn", "life", "updated_ms") VALUES (?, ?, ?, ?, ?)
ON CONFLICT ("consumer") DO UPDATE SET
  "lsn" = max("lsn", "excluded"."lsn"),
  "snapshot_lsn" = coalesce(max("snapshot_lsn", "excluded"."snapshot_lsn"), "snapshot_lsn", "excluded"."snapshot_lsn"),
  "life" = iif("excluded"."lsn" >= "lsn", "excluded"."life", "life"),
  "updated_ms" = "excluded"."updated_ms"`;

const writeReservationSql = `
INSERT INTO main."_rowtap_meta" ("name", "value") VALUES ('reserved_lsn', CAST(? AS INTEGER))
ON CONFLICT ("name") DO UPDATE SET "value" = max("value", "excluded"."value")`;

const writeLifeSql = `INSERT OR REPLACE INTO main."_rowtap_meta" ("name", "value") VALUES ('life', ?)`;

/**
 * The two tables of this project in the application's database, through one connection. Nothing is created before the first write, and every
 * write is one short transaction.
 */
export class CheckpointTable {
  readonly #database: CheckpointDatabase;
  #writeCheckpoint: CheckpointStatement | undefined;
  #writeReservation: CheckpointStatement | undefined;
  #writeLife: CheckpointStatement | undefined;
  #isDurable: boolean | undefined;

  constructor(database: CheckpointDatabase) {
    this.#database = database;
    // When the WAL is moved into the file is the application's choice, and on its time.
    database.exec('PRAGMA wal_autocheckpoint = 0');
  }

  readCheckpoint(consumer: string): Checkpoint | undefined {
    if (!this.#has('_rowtap_checkpoints')) return undefined;
    const row = this.#database
      .prepare('SELECT "lsn", "snapshot_lsn" AS "snapshotLsn", "life" FROM main."_rowtap_checkpoints" WHERE "consumer" = ?')
      .get(consumer) as { lsn: number; snapshotLsn: number | null; life: string } | undefined;
    return row && { ...row, snapshotLsn: row.snapshotLsn ?? undefined };
  }

  readReservation(): Reservation | undefined {
    if (!this.#has('_rowtap_meta')) return undefined;
    const value = (name: string): unknown =>
      (this.#database.prepare('SELECT "value" FROM main."_rowtap_meta" WHERE "name" = ?').get(name) as { value: unknown } | undefined)
        ?.value;
    const lsn = value('reserved_lsn');
    return lsn === undefined ? undefined : { lsn: Number(lsn), life: String(value('life')) };
  }

  /**
   * Writes all of it or nothing. `isDurable`: it shall outlive a loss of power as well, for which SQLite waits for the disk
   * (https://www.sqlite.org/pragma.html#pragma_synchronous); otherwise only the end of the process. Throws what SQLite throws.
   */
  write(checkpoints: ReadonlyMap<string, Checkpoint>, reservation: Reservation | undefined, updatedMs: number, isDurable: boolean): void {
    const database = this.#database;
    if (this.#isDurable !== isDurable) {
      database.exec(`PRAGMA main.synchronous = ${isDurable ? 'FULL' : 'NORMAL'}`);
      this.#isDurable = isDurable;
    }
    database.exec('BEGIN IMMEDIATE');
    try {
      if (this.#writeCheckpoint === undefined) database.exec(createSql);
      this.#writeCheckpoint ??= database.prepare(writeCheckpointSql);
      this.#writeReservation ??= database.prepare(writeReservationSql);
      this.#writeLife ??= database.prepare(writeLifeSql);
      for (const [consumer, { lsn, snapshotLsn, life }] of checkpoints) {
        this.#writeCheckpoint.run(consumer, lsn, snapshotLsn ?? null, life, updatedMs);
      }
      if (reservation !== undefined) {
        this.#writeReservation.run(reservation.lsn);
        this.#writeLife.run(reservation.life);
      }
      database.exec('COMMIT');
    } catch (error) {
      this.#rollBack();
      throw error;
    }
  }

  #rollBack(): void {
    // They may have been prepared against tables that the rollback takes away.
    this.#writeCheckpoint = undefined;
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
