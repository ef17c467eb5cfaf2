import type { Change } from '../model/change.js';
import type { ReplicaDatabase, ReplicaStatement } from './database.js';

/**
 * How far a replica has come: everything up to (lsn, index) has been applied.
 *
 * A snapshot has the LSN of the last transaction before it, so under one LSN the transaction comes first and snapshots after it, and each
 * counts its index from 0. `snapshotTimeMs` says that it was a snapshot, and which.
 */
export interface ReplicaPosition {
  readonly lsn: number;
  readonly index: number;
  readonly snapshotTimeMs: number | null;
  /** The reason of a gap that no snapshot has closed yet. */
  readonly gap: string | null;
}

export const startPosition: ReplicaPosition = { lsn: 0, index: -1, snapshotTimeMs: null, gap: null };

/** Whether the change lies at or before the position. */
export function isApplied(position: ReplicaPosition, change: Change): boolean {
  if (change.lsn !== position.lsn) return change.lsn < position.lsn;
  const snapshotTimeMs = snapshotOf(position, change);
  if (snapshotTimeMs === position.snapshotTimeMs) return change.index <= position.index && (change.op !== 'gap' || snapshotTimeMs !== null);
  // Of two snapshots of one LSN the one that is under way is the newer one. A gap is rather announced twice than not at all.
  return snapshotTimeMs === null && change.op !== 'gap';
}

/** The position after a change that was not applied before. */
export function advance(position: ReplicaPosition, change: Change): ReplicaPosition {
  const { lsn, index } = change;
  const snapshotTimeMs = snapshotOf(position, change);
  // In a snapshot a gap takes the place of a row that can't be read. That row is missing, but the rest can go on.
  if (snapshotTimeMs !== null) return { lsn, index, snapshotTimeMs, gap: null };
  if (change.op !== 'gap') return { lsn, index, snapshotTimeMs, gap: position.gap };
  // Changes at its place may follow.
  return lsn === position.lsn ? { ...position, gap: change.reason } : { lsn, index: index - 1, snapshotTimeMs, gap: change.reason };
}

/** The time of the snapshot that the change belongs to; null where it belongs to a transaction. */
function snapshotOf(position: ReplicaPosition, change: Change): number | null {
  if (change.op === 'snapshot' || change.op === 'bootstrap') return change.time;
  const isInSnapshot = change.op === 'gap' && change.lsn === position.lsn && change.time === position.snapshotTimeMs;
  return isInSnapshot ? change.time : null;
}

/** The position's one row, in the replica's database, written in the transaction that it is the position of. */
export class PositionTable {
  readonly #db: ReplicaDatabase;
  #read: ReplicaStatement | undefined;
  #write: ReplicaStatement | undefined;

  constructor(db: ReplicaDatabase) {
    this.#db = db;
  }

  read(): ReplicaPosition {
    if (this.#read === undefined) {
      const exists =
        this.#db.prepare(`SELECT 1 FROM main.sqlite_schema WHERE "type" = 'table' AND "name" = '_rowtap_replica'`).get() !== undefined;
      if (!exists) return startPosition;
      this.#read = this.#db
        .prepare(`SELECT "lsn", "index", "snapshot_time_ms" AS "snapshotTimeMs", "gap" FROM main."_rowtap_replica" WHERE "id" = 0`)
        .safeIntegers(false);
    }
    return (this.#read.get() as ReplicaPosition | undefined) ?? startPosition;
  }

  write(position: ReplicaPosition): void {
    if (this.#write === undefined) {
      this.#db
        .prepare(
          `CREATE TABLE IF NOT EXISTS main."_rowtap_replica" ("id" INTEGER PRIMARY KEY CHECK ("id" = 0), "lsn" INTEGER NOT NULL,
             "index" INTEGER NOT NULL, "snapshot_time_ms" INTEGER, "gap" TEXT)`,
        )
        .run();
      this.#write = this.#db.prepare(`INSERT OR REPLACE INTO main."_rowtap_replica" VALUES (0, ?, ?, ?, ?)`);
    }
    this.#write.run(position.lsn, position.index, position.snapshotTimeMs, position.gap);
  }

  /** The transaction that may have created the table was rolled back. */
  forget(): void {
    this.#read = undefined;
    this.#write = undefined;
  }
}
