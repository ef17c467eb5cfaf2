import type { NativeHub } from '../binding/native.js';
import { pause } from '../delivery/pause.js';
import { RowtapError } from '../errors/rowtap-error.js';
import type { Retention } from '../model/options.js';
import type { LogDatabase } from './database.js';
import { prune } from './prune.js';

export interface PruneAllConfig {
  hub: Pick<NativeHub, 'heldLogLsn'>;
  retention: Retention;
  /** As FileLogConfig. */
  connect: () => LogDatabase;
}

/** Between two transactions of it: others come first. */
const pauseMs = 25;

/**
 * Prunes a log once, in as many short transactions as it takes. Gives how many rows of it have gone. Throws ROWTAP_BUSY while a transaction of this
 * process is open, and what SQLite throws.
 */
export async function pruneAll({ hub, retention, connect }: PruneAllConfig): Promise<{ rows: number }> {
  for (let rows = 0; ; await pause(pauseMs, undefined)) {
    const database = connect();
    try {
      if (!database.claim())
        throw new RowtapError('ROWTAP_BUSY', { detail: 'the log can not be pruned while a transaction is open on the database' });
      const { next, pruned } = prune(database, { retention, heldLsn: hub.heldLogLsn(), nowMs: Date.now() });
      rows += pruned;
      if (next !== 'now') return { rows };
    } finally {
      database.close();
    }
  }
}
