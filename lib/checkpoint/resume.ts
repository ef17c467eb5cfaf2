import type { StoredProgress } from '../delivery/progress.js';
import type { SnapshotMode } from '../model/options.js';

export interface Resume {
  /** Why changes may be missing before the first one, to be said before anything else. */
  gap: 'restart' | 'history-changed' | undefined;
  /** The rows that exist already come first. */
  isSnapshotDue: boolean;
}

/**
 * How a subscription begins where a log is kept. What the log lacks of what follows a position shows when it is read, and becomes a gap there.
 *
 * `history` names the log, and `tailLsn` is its newest entry's. A position of another log, or behind the end of this one, says that the database
 * is not the one that was read; one without a log's name was written in live durability.
 */
export function resumeFromLog(mode: SnapshotMode, stored: StoredProgress | undefined, log: { history: string; tailLsn: number }): Resume {
  const isNew = stored === undefined;
  const gap = isNew ? undefined : gapBeforeLog(stored, log);
  return { gap, isSnapshotDue: isSnapshotDue(mode, isNew, gap !== undefined, isNew || stored.isSnapshotDone) };
}

function gapBeforeLog({ lsn, history }: StoredProgress, log: { history: string; tailLsn: number }): Resume['gap'] {
  if (history === undefined) return 'restart';
  return history !== log.history || lsn > log.tailLsn ? 'history-changed' : undefined;
}

/**
 * How a subscription of live durability begins, where nothing is kept that could be replayed.
 *
 * `stored` is undefined for a consumer that is new, and where no consumer is named. `currentLsn` is the last published LSN.
 * What is published while a consumer is away is gone, and so is what was committed while nobody captured: both are a gap. Only a position
 * that was written in this life, with nothing published since, is none.
 */
export function resume(mode: SnapshotMode, stored: StoredProgress | undefined, currentLsn: number): Resume {
  const isNew = stored === undefined;
  const hasMissed = !isNew && !(stored.isOfThisLife && stored.lsn >= currentLsn);
  return { gap: hasMissed ? 'restart' : undefined, isSnapshotDue: isSnapshotDue(mode, isNew, hasMissed, isNew || stored.isSnapshotDone) };
}

function isSnapshotDue(mode: SnapshotMode, isNew: boolean, hasMissed: boolean, isSnapshotDone: boolean): boolean {
  switch (mode) {
    case 'always':
    case 'only':
      return true;
    case 'never':
      return false;
    case 'initial':
      return isNew || !isSnapshotDone;
    case 'when-needed':
      return isNew || hasMissed || !isSnapshotDone;
  }
}
