import type { Checkpoint } from './checkpoint.js';
import { ConsumerRows, createConsumersSql, type StoredConsumer } from './consumer-rows.js';
import type { CheckpointDatabase } from './database.js';
import { inTransaction } from './in-transaction.js';
import type { Claim, LeaseTerms } from './lease.js';
import { createMetaSql } from './meta-table.js';

/** How far LSNs may be handed out before the next reservation has to be written. */
export interface Reservation {
  lsn: number;
  life: string;
}

export interface CheckpointWrite {
  checkpoints: ReadonlyMap<string, Checkpoint>;
  /** What had been written before, in case somebody has dropped the table since. */
  whenMissing: ReadonlyMap<string, Checkpoint>;
  /** Of every consumer that is in use here, of `checkpoints` too. */
  claims: ReadonlyMap<string, Claim>;
  /** Whose lease is to be written, also where no position is. */
  renewals: Iterable<string>;
  /** Whose lease ends, when its position has been written. */
  releases: Iterable<string>;
  terms: LeaseTerms;
  reservation: Reservation | undefined;
  nowMs: number;
  /**
   * It shall outlive a loss of power as well, for which SQLite waits for the disk (https://www.sqlite.org/pragma.html#pragma_synchronous);
   * otherwise only the end of the process.
   */
  isDurable: boolean;
}

const createSql = `${createConsumersSql}; ${createMetaSql}`;

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
  readonly #rows: ConsumerRows;

  constructor(database: CheckpointDatabase) {
    this.#database = database;
    this.#rows = new ConsumerRows(database);
    // When the WAL is moved into the file is the application's choice, and on its time.
    database.exec('PRAGMA wal_autocheckpoint = 0');
  }

  read(consumer: string): StoredConsumer | undefined {
    return this.#rows.exist ? this.#rows.read(consumer) : undefined;
  }

  list(): StoredConsumer[] {
    return this.#rows.exist ? this.#rows.list() : [];
  }

  readReservation(): Reservation | undefined {
    if (this.#database.prepare(`SELECT 1 FROM main.sqlite_schema WHERE "type" = 'table' AND "name" = '_rowtap_meta'`).get() === undefined) {
      return undefined;
    }
    const value = (name: string): unknown =>
      (this.#database.prepare('SELECT "value" FROM main."_rowtap_meta" WHERE "name" = ?').get(name) as { value: unknown } | undefined)
        ?.value;
    const lsn = value('reserved_lsn');
    return Number.isSafeInteger(lsn) ? { lsn: lsn as number, life: String(value('life')) } : undefined;
  }

  /**
   * Writes all of it or nothing, except for consumers that are somebody else's by now: it gives their rows, in which it has changed nothing. Throws
   * what SQLite throws.
   */
  write(write: CheckpointWrite): Map<string, StoredConsumer> {
    const { checkpoints, whenMissing, renewals, releases, claims, terms, reservation, nowMs, isDurable } = write;
    const database = this.#database;
    const rows = this.#rows;
    const refused = new Map<string, StoredConsumer>();
    database.exec(`PRAGMA main.synchronous = ${isDurable ? 'FULL' : 'NORMAL'}`);
    inTransaction(database, () => {
      const all = rows.exist ? checkpoints : new Map([...whenMissing, ...checkpoints]);
      database.exec(createSql);
      const note = (consumer: string, row: StoredConsumer | undefined): void => void (row && refused.set(consumer, row));
      for (const [consumer, checkpoint] of all) {
        const claim = claims.get(consumer);
        if (claim === undefined) rows.writeFree(consumer, checkpoint, nowMs);
        else note(consumer, rows.write(consumer, checkpoint, { claim, terms }, nowMs));
      }
      for (const consumer of renewals) {
        const claim = all.has(consumer) ? undefined : claims.get(consumer);
        if (claim !== undefined) note(consumer, rows.renew(consumer, { claim, terms }, nowMs));
      }
      for (const consumer of releases) rows.release(consumer, terms);
      if (reservation !== undefined) {
        database.prepare(writeReservationSql).run(reservation.lsn);
        database.prepare(writeLifeSql).run(reservation.life);
      }
    });
    return refused;
  }

  /** `check` may throw on what stands in the row. False where there is none. */
  remove(consumer: string, check: (row: StoredConsumer) => void): boolean {
    const row = this.read(consumer);
    if (row === undefined) return false;
    check(row);
    inTransaction(this.#database, () => {
      const rowNow = this.#rows.read(consumer);
      if (rowNow !== undefined) check(rowNow);
      this.#rows.remove(consumer);
    });
    return true;
  }
}
