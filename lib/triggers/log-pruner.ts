import { isBusy } from '../errors/is-busy.js';
import type { Retention } from '../model/options.js';
import type { OwnConnection } from './connection.js';
import { acknowledgedLsn } from './log-consumers.js';
import type { LogNames } from './log-names.js';
import { LogTables } from './log-tables.js';

export interface LogPrunerConfig {
  names: LogNames;
  retention: Retention;
  /** Opens a connection that may write, with a busy timeout of a few milliseconds. */
  connect(): OwnConnection;
  /** Up to where the subscriptions of this process have read; past all numbers where there are none. */
  heldLsn(): number;
  isInTransaction(): boolean;
}

const lookMs = 1000;
/** Between two transactions of it: others come first. */
const pauseMs = 25;
/** Rows of one short transaction. */
export const mostPrunedRows = 4096;
/** Subscriptions without a name in other processes look several times a second: what is newer is left to them. */
const graceMs = 2000;

/**
 * Removes from the log what nobody needs any more, a little at a time, and never the newest row and the newest commit: with them ids and LSNs go
 * on. Without `maxAgeMs` that is what every consumer has acknowledged; with it, what is older, acknowledged or not; and past `maxBytes` the oldest.
 */
export class LogPruner {
  readonly #config: LogPrunerConfig;
  readonly #interval: NodeJS.Timeout;
  #timer: NodeJS.Timeout | undefined;
  #error: { code: string; message: string } | undefined;

  constructor(config: LogPrunerConfig) {
    this.#config = config;
    this.#interval = setInterval(() => this.#prune(), lookMs).unref();
  }

  error(): { code: string; message: string } | undefined {
    return this.#error;
  }

  close(): void {
    clearInterval(this.#interval);
    clearTimeout(this.#timer);
  }

  #prune(): void {
    clearTimeout(this.#timer);
    if (this.#config.isInTransaction()) return;
    try {
      const connection = this.#config.connect();
      try {
        const { names, retention } = this.#config;
        const isMore = pruneSome(connection, names, { retention, heldLsn: this.#config.heldLsn(), nowMs: Date.now() }) === mostPrunedRows;
        if (isMore) this.#timer = setTimeout(() => this.#prune(), pauseMs).unref();
      } finally {
        connection.close();
      }
      this.#error = undefined;
    } catch (error) {
      const { code = 'ERROR', message } = error as { code?: string; message: string };
      if (!isBusy(error)) this.#error = { code, message };
    }
  }
}

export interface LogPruneLimits {
  retention: Retention;
  heldLsn: number;
  nowMs: number;
}

/** One short transaction of it; gives how many rows of the log are gone. Throws what SQLite throws. */
export function pruneSome(connection: OwnConnection, names: LogNames, { retention, heldLsn, nowMs }: LogPruneLimits): number {
  const log = new LogTables(connection, names);
  // Looked at without a lock first: mostly there is nothing to do.
  const oldest = log.oldestCommit();
  const newest = log.newestCommit();
  if (oldest.lsn === newest.lsn) return 0;
  const floorLsn = Math.min(acknowledgedLsn(connection, log.readState('history') ?? '') ?? heldLsn, heldLsn);
  const isFree = (lsn: number, timeMs: number): boolean =>
    retention.maxAgeMs === undefined ? lsn <= floorLsn && timeMs < nowMs - graceMs : timeMs < nowMs - retention.maxAgeMs;
  const commits = log.commitsAfter(oldest.lsn - 1, newest.lsn - 1, mostPrunedRows);
  let cut = commits.findLast(({ lsn, timeMs }) => isFree(lsn, timeMs));
  if (retention.maxBytes !== undefined) {
    const firstId = log.firstIdWithin(retention.maxBytes);
    const tooMany = commits.findLast(({ lastId }) => lastId < firstId) ?? (firstId > 0 ? commits[0] : undefined);
    if (tooMany !== undefined && tooMany.lsn > (cut?.lsn ?? 0)) cut = tooMany;
  }
  if (cut === undefined) return 0;
  connection.exec('BEGIN IMMEDIATE');
  try {
    const removed = log.removeUpTo(cut, mostPrunedRows);
    connection.exec('COMMIT');
    return removed;
  } catch (error) {
    connection.exec('ROLLBACK');
    throw error;
  }
}
