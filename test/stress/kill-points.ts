import type { KillPoint } from '../support/fault-vfs.js';

/**
 * What the child is doing when it is killed. Only file operations inside the scope count, so a point lies where its scope says:
 *
 * - `hook`: statements that write rows. The application keeps its temporary files in memory, so what is written to one is a page of the
 *   transaction buffer, which the preupdate hook fills.
 * - `hook-read`: a DELETE of one row that lies on ten pages, none of them cached. At most two pages lead to the row; all others are read
 *   first by the preupdate hook, which records the row as it was.
 * - `commit`: COMMIT. Its first act, before any page is written, is the commit hook, and the transaction is published when it has ended: all of it
 *   but the taking of locks lies between seal and publish. The WAL's move into the file is a part of it.
 * - `rollback`: ROLLBACK.
 * - `position`: the consumer's position is written, by rowtap's own connection.
 * - `snapshot`: a page of a snapshot is read.
 * - `spilled`: changes are read, from the spill file where they lie there.
 * - `subscribe`: a named consumer begins: its position is read or made, the snapshot's transaction begins.
 * - `apply`: the replica writes what it was given.
 * - `open`: the database is opened, and with it what the kill before has left is recovered.
 */
export type Scope = 'hook' | 'hook-read' | 'commit' | 'rollback' | 'position' | 'snapshot' | 'spilled' | 'subscribe' | 'apply' | 'open';

export interface NamedPoint<AnyScope extends string = Scope> {
  scope: AnyScope;
  operation: KillPoint['operation'];
  /** Several: whichever comes to its count first. */
  files: KillPoint['file'][];
  moment: KillPoint['moment'];
  /** So many operations are carried out before it, in one run of the scope for `hook-read`, in all of them otherwise. */
  after: number;
}

/** The counts are below what a life certainly comes to. */
export type Points<AnyScope extends string> = [
  scope: AnyScope,
  operation: `${string}.${KillPoint['operation']}`,
  counts: [from: number, to: number],
][];

const everywhere: Points<Scope> = [
  ['hook', 'temp.write', [0, 20]],
  ['hook-read', 'wal+main.read', [2, 6]],
  ['spilled', 'temp.read', [0, 6]],
  ['subscribe', 'wal+main.read', [0, 2]],
];

const inMode: Record<'wal' | 'delete', Points<Scope>> = {
  wal: [
    ['commit', 'wal.write', [0, 30]],
    ['commit', 'wal.sync', [0, 10]],
    ['commit', 'main.shmBarrier', [0, 20]],
    ['commit', 'main.shmUnlock', [0, 20]],
    ['commit', 'main.write', [0, 40]],
    ['commit', 'main.sync', [0, 0]],
    ['rollback', 'main.shmUnlock', [0, 3]],
    ['position', 'wal.write', [0, 8]],
    ['position', 'wal.sync', [0, 2]],
    ['position', 'main.shmUnlock', [0, 20]],
    ['snapshot', 'wal+main.read', [0, 10]],
    ['subscribe', 'main.shmUnlock', [0, 6]],
    ['apply', 'wal.write', [0, 20]],
    ['apply', 'main.shmUnlock', [0, 10]],
    ['open', 'wal.read', [0, 1]],
    ['open', 'main.shmUnlock', [0, 5]],
  ],
  delete: [
    ['commit', 'journal.write', [0, 10]],
    ['commit', 'journal.sync', [0, 6]],
    ['commit', 'main.write', [0, 20]],
    ['commit', 'main.sync', [0, 6]],
    ['commit', 'journal.delete', [0, 6]],
    ['commit', 'main.unlock', [0, 6]],
    ['rollback', 'journal.delete', [0, 3]],
    ['position', 'journal.write', [0, 6]],
    ['position', 'main.write', [0, 4]],
    ['position', 'journal.delete', [0, 2]],
    ['open', 'main.read', [0, 6]],
    ['open', 'main.unlock', [0, 1]],
  ],
};

function momentsOf(operation: KillPoint['operation']): KillPoint['moment'][] {
  if (operation === 'read') return ['before', 'after'];
  return operation === 'write' ? ['before', 'amid', 'after'] : ['before', 'after'];
}

export function namedPoints(mode: 'wal' | 'delete', rounds: number, random: () => number): NamedPoint[] {
  return drawPoints([...everywhere, ...inMode[mode]], rounds, random);
}

/** Every point in every moment of its operation, `rounds` times, each time at another count. */
export function drawPoints<AnyScope extends string>(
  points: Points<AnyScope>,
  rounds: number,
  random: () => number,
): NamedPoint<AnyScope>[] {
  return Array.from({ length: rounds }, () =>
    points.flatMap(([scope, name, [from, to]]) => {
      const [files, operation] = name.split('.') as [string, KillPoint['operation']];
      return momentsOf(operation).map((moment) => ({
        scope,
        operation,
        files: files.split('+') as KillPoint['file'][],
        moment,
        after: from + Math.floor(random() * (to - from + 1)),
      }));
    }),
  ).flat();
}

export function shuffled<T>(list: readonly T[], random: () => number): T[] {
  return list
    .map((item) => ({ item, at: random() }))
    .sort((one, other) => one.at - other.at)
    .map(({ item }) => item);
}
