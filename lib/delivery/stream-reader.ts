import type { NativeReader } from '../binding/native.js';
import type { Change, Transaction } from '../model/change.js';

/** What a subscription asks of its place in the stream. */
export interface StreamState extends Pick<NativeReader, 'state' | 'end' | 'buffered' | 'close'> {
  /** More is to come than `buffered` knows. */
  readonly isReplaying?: boolean;
}

/** A place from which frames are read: a native reader, or one that reads the log besides. */
export interface StreamReader extends StreamState, Pick<NativeReader, 'read' | 'batch' | 'skipBatch'> {}

/** Gives what waits at a place, a piece at a time. */
export interface ChangeDrain {
  /** Appends the next changes to `out`. About how many bytes that took; 0 where nothing waits. */
  changes(out: Change[]): number;
  /** The same by transactions; those of which nothing is wanted are left out. */
  transactions(out: Transaction[]): number;
  /** Whether an event is the last of its transaction; row changes say so themselves. */
  isFinal(event: object): boolean;
  /** Whether a gap stands in place of a change that could not be decoded: then nothing else is missing. */
  isStandIn(gap: object): boolean;
}

/** A place in the stream, and what gives its changes. */
export interface ChangeStream {
  reader: StreamState;
  drain: ChangeDrain;
}
