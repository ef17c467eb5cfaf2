import type { StoredProgress } from '../delivery/progress.js';
import type { Checkpoint } from './table.js';

/** What a subscription has to know of a checkpoint to begin in this life. */
export function storedProgress({ lsn, snapshotLsn, life: writtenIn }: Checkpoint, life: string): StoredProgress {
  return { lsn, isSnapshotDone: snapshotLsn !== undefined, isOfThisLife: writtenIn === life };
}
