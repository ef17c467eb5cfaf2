import { pause } from '../delivery/pause.js';
import type { Retention } from '../model/options.js';
import type { OwnConnection } from './connection.js';
import { logNames } from './log-names.js';
import { mostPrunedRows, pruneSome } from './log-pruner.js';
import { LogTables } from './log-tables.js';
import { targetOf } from './target.js';

const lockTimeoutMs = 5000;
/** Between two transactions of it: others come first. */
const pauseMs = 25;

/**
 * Prunes a trigger log once, in as many short transactions as it takes, for whoever has no source open on it. Gives how many rows of it have gone.
 * Throws what SQLite throws.
 */
export async function pruneTriggerLog(path: string, retention: Retention, logTable?: string): Promise<{ rows: number }> {
  const names = logNames(logTable);
  const connection: OwnConnection = targetOf(path, 'pruneTriggerLog').open({ isReadonly: false, timeoutMs: lockTimeoutMs });
  try {
    if (!new LogTables(connection, names).exist) return { rows: 0 };
    for (let rows = 0; ; await pause(pauseMs, undefined)) {
      const pruned = pruneSome(connection, names, { retention, heldLsn: Number.MAX_SAFE_INTEGER, nowMs: Date.now() });
      rows += pruned;
      if (pruned < mostPrunedRows) return { rows };
    }
  } finally {
    connection.close();
  }
}
