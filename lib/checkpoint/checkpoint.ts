import type { PartialTransaction } from '../delivery/progress.js';

/** The position of a consumer, as its row of `_rowtap_checkpoints` has it. */
export interface Checkpoint {
  /** Everything up to it is done with; where the consumer began, before its first acknowledgement. */
  lsn: number;
  /** And a part of this transaction, behind `lsn`. */
  partial: PartialTransaction | undefined;
  /** The LSN of the newest snapshot that was read to its end; undefined where none was. */
  snapshotLsn: number | undefined;
  /** In which it was written, see NativeHub.life. */
  life: string;
  /** Names the history that its LSN is of, for whoever keeps one. */
  history: string | undefined;
}

type Position = Pick<Checkpoint, 'lsn' | 'partial'>;

/** Negative where `a` is before `b`, 0 where they are the same place. writeSql of ConsumerRows has the same order. */
export function comparePositions(a: Position, b: Position): number {
  return a.lsn - b.lsn || (a.partial?.lsn ?? 0) - (b.partial?.lsn ?? 0) || (a.partial?.index ?? 0) - (b.partial?.index ?? 0);
}

/** The further one; of a snapshot as well. */
export function furtherOf(a: Checkpoint | undefined, b: Checkpoint | undefined): Checkpoint | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  const further = comparePositions(a, b) >= 0 ? a : b;
  return { ...further, snapshotLsn: maxOf(a.snapshotLsn, b.snapshotLsn) };
}

function maxOf(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.max(a, b);
}
