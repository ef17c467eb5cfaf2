import { inTransaction } from '../checkpoint/in-transaction.js';
import type { Retention } from '../model/options.js';
import type { LogDatabase } from './database.js';

export interface PruneLimits {
  retention: Retention;
  /** Somebody of this process may still read entries behind it. */
  heldLsn: number;
  nowMs: number;
}

/** Entries of one short transaction: what takes a few milliseconds to be given back to the file's free pages. */
const maxEntries = 2048;
const maxBytes = 4 * 1024 * 1024;
/** Subscriptions without a name in other processes look several times a second: what is newer is left to them. */
const graceMs = 2000;

/** As LogRowid of native/capture/log_entry.h. */
const lsnSql = '"id" >> 11';
const partSql = '"id" & 2047';
/** `bytes_before` of an entry's header: all that was ever written before it. */
const bytesBeforeSql = 'substr("entry", 41, 8)';

interface Entry {
  lsn: number;
  part: number;
  time: number;
  size: number;
}

/** When there may be more to prune: at once, when what is too young has grown older, or when somebody has acknowledged or written something. */
export type PruneNext = 'now' | 'soon' | 'later';

/**
 * Deletes the oldest entries that nobody needs, a few at a time, in one transaction. The newest entry always stays: with it the log goes on.
 * Throws what SQLite throws.
 */
export function prune(database: LogDatabase, limits: PruneLimits): { next: PruneNext; isEmpty: boolean; pruned: number } {
  return inTransaction(database, () => {
    const last = database
      .prepare(
        `SELECT ${lsnSql} AS "lsn", ${bytesBeforeSql} AS "before", length("entry") AS "size" FROM main."_rowtap_log" ORDER BY "id" DESC LIMIT 1`,
      )
      .get() as { lsn: number; before: Uint8Array; size: number } | undefined;
    if (last === undefined) return { next: 'later', isEmpty: true, pruned: 0 };
    const entries = database
      .prepare(
        `SELECT ${lsnSql} AS "lsn", ${partSql} AS "part", "time", length("entry") AS "size" FROM main."_rowtap_log"
         WHERE "id" < (? << 11) ORDER BY "id" LIMIT ${maxEntries}`,
      )
      .all(last.lsn) as Entry[];
    const floorLsn = floorOf(database, limits.heldLsn);
    const excessBytes = excessOf(database, last, limits.retention);
    const { count, next } = choosePrunable(entries, { ...limits, floorLsn, excessBytes });
    const cut = entries[count - 1];
    if (cut !== undefined) database.prepare(`DELETE FROM main."_rowtap_log" WHERE "id" <= (? << 11 | ?)`).run(cut.lsn, cut.part);
    return { next, isEmpty: entries.length === 0, pruned: count };
  });
}

/** What every named consumer that reads this log has acknowledged. Without one, what is held alone counts. */
function floorOf(database: LogDatabase, heldLsn: number): number {
  const table = database
    .prepare(`SELECT 1 AS "one" FROM main.sqlite_schema WHERE "type" = 'table' AND "name" = '_rowtap_checkpoints'`)
    .get();
  if (table === undefined) return heldLsn;
  const row = database.prepare(`SELECT min("lsn") AS "lsn" FROM main."_rowtap_checkpoints" WHERE "history" IS NOT NULL`).get() as {
    lsn: unknown;
  };
  return typeof row.lsn === 'number' ? Math.min(row.lsn, heldLsn) : heldLsn;
}

function excessOf(database: LogDatabase, last: { before: Uint8Array; size: number }, { maxBytes: most }: Retention): number {
  if (most === undefined) return 0;
  const first = database.prepare(`SELECT ${bytesBeforeSql} AS "before" FROM main."_rowtap_log" ORDER BY "id" LIMIT 1`).get() as {
    before: Uint8Array;
  };
  return numberOf(last.before) + last.size - numberOf(first.before) - most;
}

function numberOf(bytes: Uint8Array): number {
  return bytes.length === 8 ? Number(Buffer.from(bytes).readBigUInt64LE()) : 0;
}

/** How many of the oldest entries can go, no more than one transaction takes. */
export function choosePrunable(
  entries: readonly Entry[],
  limits: PruneLimits & { floorLsn: number; excessBytes: number },
): { count: number; next: PruneNext } {
  const { retention, floorLsn, nowMs } = limits;
  const freeBeforeMs = nowMs - (retention.maxAgeMs ?? graceMs);
  let excessBytes = limits.excessBytes;
  let bytes = 0;
  let count = 0;
  for (const { lsn, time, size } of entries) {
    const isNeeded = retention.maxAgeMs === undefined && lsn > floorLsn;
    const isYoung = time >= freeBeforeMs;
    if ((isNeeded || isYoung) && excessBytes <= 0) return { count, next: isNeeded ? 'later' : 'soon' };
    if (bytes >= maxBytes) return { count, next: 'now' };
    bytes += size;
    excessBytes -= size;
    ++count;
  }
  return { count, next: count === maxEntries ? 'now' : 'later' };
}
