import type { Change } from '../model/change.js';
import type { SnapshotProgress } from '../model/options.js';

/**
 * The rows that existed at one position, a page at a time, each table begun by its BootstrapEvent. Pulled by the subscription only when its
 * reader asks for more, so a slow reader never makes it grow. Implemented by lib/snapshot, which owns the read-only connection behind it.
 */
export interface Bootstrap {
  /** The rows are as of this LSN; also the `lsn` of every change it gives. */
  readonly lsn: number;
  /** The tables it reads, in its order. */
  readonly tables: readonly string[];
  /** Rows given so far. */
  readonly rows: number;
  /** How far it is, for `Source.info()`, as of now. */
  readonly progress: SnapshotProgress | undefined;
  /** The next page, at least one change long; undefined at the end. The very last row of all has `last: true`. Throws what stops it. */
  next(): Change[] | undefined;
  /** Ends the read transaction. Twice is fine. */
  close(): void;
}
