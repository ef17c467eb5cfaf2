import type { Database } from '../rowtap.js';

/** What stands in the log of the hook engine. */
export interface HookLogStatus {
  transactions: number;
  bytes: number;
  /** Unix milliseconds of the oldest and the newest transaction; null where there is none. */
  oldestAt: number | null;
  newestAt: number | null;
  lsn: number | null;
}

/** As LogRowid of native/capture/log_entry.h. */
const partBits = 11;
/** The first part of a transaction has the number 0. One without frames (in its header) is a commit of which nothing is delivered. */
const isTransaction = `"id" & ${2 ** partBits - 1} = 0 AND substr("entry", 49, 4) <> x'00000000'`;

const statusSql = `
SELECT count(*) FILTER (WHERE ${isTransaction}) AS "transactions", coalesce(sum(length("entry")), 0) AS "bytes",
  min("time") AS "oldestAt", max("time") AS "newestAt", max("id") >> ${partBits} AS "lsn"
FROM main."_rowtap_log"`;

const lagSql = `SELECT count(*) AS "lag" FROM main."_rowtap_log" WHERE "id" >= (? + 1) << ${partBits} AND ${isTransaction}`;

export function readHookLog(database: Database): HookLogStatus {
  return database.prepare(statusSql).get() as HookLogStatus;
}

/** How many transactions of the log a consumer has before it that has acknowledged everything up to that LSN. */
export function lagBehind(database: Database, lsn: number): number {
  return (database.prepare(lagSql).get(lsn) as { lag: number }).lag;
}
