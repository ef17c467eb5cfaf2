import type { NativeReader } from '../binding/native.js';

/** What a subscription reads from: a native reader, or one that reads the log besides. */
export interface StreamReader extends Pick<NativeReader, 'read' | 'batch' | 'skipBatch' | 'state' | 'end' | 'buffered' | 'close'> {
  /** More is to come than `buffered` knows. */
  readonly isReplaying?: boolean;
}
