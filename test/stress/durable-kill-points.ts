import { drawPoints, type NamedPoint, type Points } from './kill-points.js';

/**
 * What the child that keeps a log is doing when it is killed. Its page cache is small, so pages of a large transaction, those of the log too, reach
 * the file before its COMMIT has done more than to call the commit hook.
 *
 * - `hook`: statements that write rows; temporary files are the transaction buffer's, which the preupdate hook fills.
 * - `commit`: COMMIT. It begins with the commit hook, which writes the transaction into the log; what follows is SQLite's, and then it is
 *   published.
 * - `rollback`: ROLLBACK.
 * - `effect`: a transaction of the consumer whose effect lies in the same database, with its acknowledgement.
 * - `position`: a position is written, by rowtap's own connection.
 * - `source`: the source is opened; on a new file, the log is made.
 * - `subscribe`: the consumers begin: their leases are written, their positions read or made.
 * - `replay`: the log is read.
 * - `prune`: everything is acknowledged, and the log is pruned.
 * - `open`: the database is opened, and with it what the kill before has left is recovered.
 */
export type DurableScope = 'hook' | 'commit' | 'rollback' | 'effect' | 'position' | 'source' | 'subscribe' | 'replay' | 'prune' | 'open';

export type DurablePoint = NamedPoint<DurableScope>;
type Mode = 'wal' | 'delete';

const ofWriter: Record<Mode, Points<DurableScope>> = {
  wal: [
    ['hook', 'temp.write', [0, 10]],
    ['hook', 'wal.write', [0, 10]],
    ['commit', 'wal.write', [0, 30]],
    ['commit', 'wal.sync', [0, 10]],
    ['commit', 'main.shmBarrier', [0, 20]],
    ['commit', 'main.shmUnlock', [0, 20]],
    ['commit', 'main.write', [0, 40]],
    ['rollback', 'main.shmUnlock', [0, 2]],
  ],
  delete: [
    ['hook', 'temp.write', [0, 10]],
    ['commit', 'journal.write', [0, 20]],
    ['commit', 'journal.sync', [0, 6]],
    ['commit', 'main.write', [0, 40]],
    ['commit', 'main.sync', [0, 6]],
    ['commit', 'journal.delete', [0, 6]],
    ['commit', 'main.unlock', [0, 6]],
    ['rollback', 'journal.delete', [0, 2]],
  ],
};

const ofConsumers: Record<Mode, Points<DurableScope>> = {
  wal: [
    ['effect', 'wal.write', [0, 20]],
    ['effect', 'wal.sync', [0, 4]],
    ['effect', 'main.shmUnlock', [0, 10]],
    ['position', 'wal.write', [0, 4]],
    ['position', 'wal.sync', [0, 2]],
    ['position', 'main.shmUnlock', [0, 10]],
    ['subscribe', 'wal.write', [0, 1]],
    ['subscribe', 'main.shmUnlock', [0, 6]],
    ['replay', 'wal+main.read', [0, 6]],
    ['open', 'wal.read', [0, 1]],
    ['open', 'main.shmUnlock', [0, 4]],
  ],
  delete: [
    ['effect', 'journal.write', [0, 6]],
    ['effect', 'main.write', [0, 10]],
    ['effect', 'journal.delete', [0, 4]],
    ['position', 'journal.write', [0, 4]],
    ['position', 'main.write', [0, 3]],
    ['position', 'journal.delete', [0, 2]],
    ['subscribe', 'main.write', [0, 1]],
    ['subscribe', 'journal.delete', [0, 1]],
    ['replay', 'main.read', [0, 6]],
    ['open', 'main.read', [0, 4]],
  ],
};

const ofPruning: Record<Mode, Points<DurableScope>> = {
  wal: [
    ['prune', 'wal.write', [0, 1]],
    ['prune', 'main.shmUnlock', [0, 4]],
  ],
  delete: [
    ['prune', 'journal.write', [0, 2]],
    ['prune', 'main.write', [0, 1]],
    ['prune', 'journal.delete', [0, 0]],
  ],
};

const ofMaking: Record<Mode, Points<DurableScope>> = {
  wal: [['source', 'wal.write', [0, 3]]],
  delete: [['source', 'main.write', [0, 3]]],
};

export interface PointsOfRoles {
  writer: DurablePoint[];
  consumers: DurablePoint[];
  pruning: DurablePoint[];
  /** For the first life of a file. */
  making: DurablePoint[];
}

export function durablePoints(mode: Mode, rounds: number, random: () => number): PointsOfRoles {
  return {
    writer: drawPoints(ofWriter[mode], rounds, random),
    consumers: drawPoints(ofConsumers[mode], rounds, random),
    pruning: drawPoints(ofPruning[mode], rounds, random),
    making: drawPoints(ofMaking[mode], rounds, random),
  };
}
