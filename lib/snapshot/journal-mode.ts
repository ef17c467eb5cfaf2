import { RowtapError } from '../errors/rowtap-error.js';
import type { SnapshotDatabase } from './database.js';

/**
 * Only in WAL mode can somebody read for a while without holding up the commits of others (https://www.sqlite.org/wal.html); in every other
 * mode the application's own commits would fail with SQLITE_BUSY for as long as a snapshot is read. To be asked before anything is changed or
 * opened, and not for a read-only or an in-memory database: nobody commits beside the first, and the second is read from a copy.
 *
 * Throws RowtapError ROWTAP_NOT_WAL.
 */
export function requireWal(database: SnapshotDatabase): void {
  const { journal_mode: mode } = database.prepare('PRAGMA main.journal_mode').get() as { journal_mode: string };
  if (mode !== 'wal') throw new RowtapError('ROWTAP_NOT_WAL', { mode });
}
