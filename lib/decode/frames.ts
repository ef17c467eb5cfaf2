/**
 * Where the parts of a frame stand: the other half of native/capture/frame.h, which says what they mean. A test compares the two through the
 * addon's `frameLayout`, which has the same names without "offset".
 */
export const frameLayout = {
  opInsert: 1,
  opUpdate: 2,
  opDelete: 3,
  opRow: 4,
  opSchema: 5,
  opBatch: 6,
  opGap: 7,
  flagIndirect: 1,
  flagAscii: 2,
  offsetFrameSize: 0,
  offsetOp: 4,
  offsetFlags: 5,
  offsetReason: 6,
  offsetTableId: 8,
  offsetBeforeSize: 12,
  offsetRowidBefore: 16,
  offsetRowidAfter: 24,
  offsetAfterSize: 32,
  headerSize: 40,
} as const;

/** Why changes may be missing, by the number that a gap's frame bears. */
export const gapReasons = ['external-writer', 'log-pruned', 'history-changed'] as const;
