import type { StoredProgress } from '../delivery/progress.js';
import type { Checkpoint } from './checkpoint.js';

/** What a subscription has to know of a checkpoint to begin in this life. */
export function storedProgress({ lsn, partial, snapshotLsn, life: writtenIn, history }: Checkpoint, life: string): StoredProgress {
  return { lsn, partial, isSnapshotDone: snapshotLsn !== undefined, history, isOfThisLife: writtenIn === life };
}
