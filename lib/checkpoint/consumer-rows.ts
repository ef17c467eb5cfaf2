import type { ApplicationTransaction } from '../delivery/application-transaction.js';
import type { Checkpoint } from './checkpoint.js';
import type { CheckpointStatement } from './database.js';
import { type Claim, encodeOwner, type LeaseTerms, mayWrite, type StoredLease } from './lease.js';

/** A consumer's row of `_rowtap_checkpoints`. */
export interface StoredConsumer {
  consumer: string;
  checkpoint: Checkpoint;
  lease: StoredLease;
  updatedMs: number;
}

/** Whose lease the writing of a row is about. */
export interface LeaseWrite {
  claim: Claim;
  terms: LeaseTerms;
}

export const createConsumersSql = `
CREATE TABLE IF NOT EXISTS main."_rowtap_checkpoints" (
  "consumer" TEXT NOT NULL PRIMARY KEY, "lsn" INTEGER NOT NULL, "partial_lsn" INTEGER, "partial_index" INTEGER, "snapshot_lsn" INTEGER,
  "life" TEXT NOT NULL, "history" TEXT, "updated_ms" INTEGER NOT NULL, "owner" TEXT, "lease_until_ms" INTEGER
) WITHOUT ROWID`;

const existsSql = `SELECT 1 AS "one" FROM main.sqlite_schema WHERE "type" = 'table' AND "name" = '_rowtap_checkpoints'`;

const selectSql = `
SELECT "consumer", "lsn", "partial_lsn" AS "partialLsn", "partial_index" AS "partialIndex", "snapshot_lsn" AS "snapshotLsn", "life", "history",
  "updated_ms" AS "updatedMs", "owner", "lease_until_ms" AS "untilMs"
FROM main."_rowtap_checkpoints"`;

const readSql = `${selectSql} WHERE "consumer" = ?`;

const listSql = `${selectSql} ORDER BY "consumer"`;

const orZero = (column: string): string => `iif(typeof("${column}") = 'integer', "${column}", 0)`;

// A position never goes back, whoever wrote the other one: they are compared as comparePositions does. What is none (a damaged row) gives way. Of NULL
// and a number, max(a, b) would give NULL.
const isKept = `(typeof("lsn") <> 'integer' OR
  ("excluded"."lsn", coalesce("excluded"."partial_lsn", 0), coalesce("excluded"."partial_index", 0)) >=
  ("lsn", ${orZero('partial_lsn')}, ${orZero('partial_index')}))`;
const ifKept = (column: string): string => `"${column}" = iif(${isKept}, "excluded"."${column}", "${column}")`;
const writeSql = `
INSERT INTO main."_rowtap_checkpoints" (
  "consumer", "lsn", "partial_lsn", "partial_index", "snapshot_lsn", "life", "history", "updated_ms", "owner", "lease_until_ms"
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT ("consumer") DO UPDATE SET
  ${['lsn', 'partial_lsn', 'partial_index', 'life', 'history'].map(ifKept).join(', ')},
  "snapshot_lsn" = coalesce(max("snapshot_lsn", "excluded"."snapshot_lsn"), "snapshot_lsn", "excluded"."snapshot_lsn"),
  "updated_ms" = "excluded"."updated_ms", "owner" = "excluded"."owner", "lease_until_ms" = "excluded"."lease_until_ms"
WHERE "owner" IS ?`;

const renewSql = `
UPDATE main."_rowtap_checkpoints" SET "owner" = ?, "lease_until_ms" = ? WHERE "consumer" = ? AND "owner" IS ?`;

const releaseSql = `
UPDATE main."_rowtap_checkpoints" SET "owner" = NULL, "lease_until_ms" = NULL WHERE "consumer" = ? AND "owner" = ?`;

const removeSql = 'DELETE FROM main."_rowtap_checkpoints" WHERE "consumer" = ?';

/**
 * The rows of consumers, through some connection, one statement each; in a transaction where several belong together. That a row is still ours is
 * part of the statement that writes it.
 */
export class ConsumerRows {
  readonly #database: { prepare(sql: string): CheckpointStatement };
  readonly #statements = new Map<string, CheckpointStatement>();

  constructor(database: { prepare(sql: string): CheckpointStatement }) {
    this.#database = database;
  }

  get exist(): boolean {
    return this.#prepared(existsSql).get() !== undefined;
  }

  /** A row that somebody has damaged is a position before everything: the consumer is told that it may have missed changes. */
  read(consumer: string): StoredConsumer | undefined {
    const row = this.#prepared(readSql).get(consumer) as Row | undefined;
    return row && storedConsumer(row);
  }

  list(): StoredConsumer[] {
    return (this.#prepared(listSql).all() as Row[]).map(storedConsumer);
  }

  /** Gives the row where it may not be written: somebody else's lease stands in it, or stood there meanwhile. */
  write(consumer: string, checkpoint: Checkpoint, { claim, terms }: LeaseWrite, nowMs: number): StoredConsumer | undefined {
    const owner = encodeOwner(terms.owner);
    const untilMs = nowMs + terms.durationMs;
    return this.#withOwner(consumer, owner, claim, terms, nowMs, (before) =>
      this.#write(consumer, checkpoint, owner, untilMs, nowMs, before),
    );
  }

  /** Where nobody has a lease. */
  writeFree(consumer: string, checkpoint: Checkpoint, nowMs: number): void {
    this.#write(consumer, checkpoint, null, null, nowMs, null);
  }

  /** Writes the lease alone, of a row that is there. Gives what `write` does. */
  renew(consumer: string, { claim, terms }: LeaseWrite, nowMs: number): StoredConsumer | undefined {
    const owner = encodeOwner(terms.owner);
    return this.#withOwner(consumer, owner, claim, terms, nowMs, (before) =>
      this.#prepared(renewSql).run(owner, nowMs + terms.durationMs, consumer, before),
    );
  }

  release(consumer: string, { owner }: LeaseTerms): void {
    this.#prepared(releaseSql).run(consumer, encodeOwner(owner));
  }

  remove(consumer: string): void {
    this.#prepared(removeSql).run(consumer);
  }

  /**
   * For a connection of the application's, in which anything may have been rolled back, the table too: creates it where there is none, and does
   * `write` anew.
   */
  orCreated<Value>(write: () => Value): Value {
    try {
      return write();
    } catch (error) {
      this.#statements.clear();
      if (this.exist) throw error;
      this.#database.prepare(createConsumersSql).run();
      return write();
    }
  }

  /** `run` writes the row if `before` is its owner. */
  #withOwner(
    consumer: string,
    owner: string,
    claim: Claim,
    terms: LeaseTerms,
    nowMs: number,
    run: (before: string | null) => { changes: number },
  ): StoredConsumer | undefined {
    if (run(owner).changes > 0) return undefined;
    const stored = this.read(consumer);
    if (stored === undefined) return undefined;
    if (!mayWrite(stored, claim, terms, nowMs)) return stored;
    run(stored.lease.owner);
    return undefined;
  }

  #write(
    consumer: string,
    { lsn, partial, snapshotLsn, life, history }: Checkpoint,
    owner: string | null,
    untilMs: number | null,
    nowMs: number,
    before: string | null,
  ): { changes: number } {
    const position = [lsn, partial?.lsn ?? null, partial?.index ?? null, snapshotLsn ?? null];
    return this.#prepared(writeSql).run(consumer, ...position, life, history ?? null, nowMs, owner, untilMs, before);
  }

  #prepared(sql: string): CheckpointStatement {
    let statement = this.#statements.get(sql);
    if (statement === undefined) this.#statements.set(sql, (statement = this.#database.prepare(sql)));
    return statement;
  }
}

const rowsOf = new WeakMap<ApplicationTransaction, ConsumerRows>();

/** Those that the application's connection sees; prepared once for each. */
export function rowsIn(transaction: ApplicationTransaction): ConsumerRows {
  let rows = rowsOf.get(transaction);
  if (rows === undefined) rowsOf.set(transaction, (rows = new ConsumerRows(transaction)));
  return rows;
}

/** As SQLite gives it: any of it may have been damaged. */
interface Row {
  consumer: string;
  lsn: unknown;
  partialLsn: unknown;
  partialIndex: unknown;
  snapshotLsn: unknown;
  life: unknown;
  history: unknown;
  updatedMs: unknown;
  owner: unknown;
  untilMs: unknown;
}

function storedConsumer(row: Row): StoredConsumer {
  const lsn = integer(row.lsn);
  const history = typeof row.history === 'string' ? row.history : undefined;
  const snapshotLsn = integer(row.snapshotLsn);
  const intact = lsn === undefined ? undefined : { lsn, partial: partialOf(row, lsn), snapshotLsn, life: String(row.life), history };
  return {
    consumer: row.consumer,
    checkpoint: intact ?? { lsn: 0, partial: undefined, snapshotLsn, life: '', history: undefined },
    lease: { owner: typeof row.owner === 'string' ? row.owner : null, untilMs: integer(row.untilMs) ?? 0 },
    updatedMs: integer(row.updatedMs) ?? 0,
  };
}

function partialOf({ partialLsn, partialIndex }: Row, lsn: number): Checkpoint['partial'] {
  const part = { lsn: integer(partialLsn) ?? 0, index: integer(partialIndex) ?? -1 };
  return part.lsn > lsn && part.index >= 0 ? part : undefined;
}

function integer(value: unknown): number | undefined {
  return Number.isSafeInteger(value) ? (value as number) : undefined;
}
