import { type AllocationCounts, clearAllocationFaults, countAllocations, failAllocation } from '../support/allocation-faults.js';
import { clearFaults, countFileOperations, type Fault, failFile, resultCode } from '../support/fault-vfs.js';

/** One thing that fails, at one place of a script; `name` tells it from all others. */
export interface FaultPoint {
  name: string;
  arm(): void;
}

export interface Operations {
  files: Record<string, number>;
  allocations: AllocationCounts;
}

type Answer = Pick<Fault, 'code' | 'isHalfWritten' | 'isDone'>;

/** What a file system answers, by the operation. A lock that is busy for ever would be waited for. */
const answers: Partial<Record<Fault['operation'], Record<string, Answer>>> = {
  open: { cannotOpen: { code: resultCode.cannotOpen } },
  read: { ioerr: { code: resultCode.ioerrRead } },
  write: { full: { code: resultCode.full, isHalfWritten: true }, ioerr: { code: resultCode.ioerrWrite } },
  sync: { ioerr: { code: resultCode.ioerrFsync } },
  truncate: { ioerr: { code: resultCode.ioerrTruncate }, done: { code: resultCode.ioerrTruncate, isDone: true } },
  lock: { busy: { code: resultCode.busy }, ioerr: { code: resultCode.ioerrLock } },
  shmLock: { ioerr: { code: resultCode.ioerrShmLock } },
  delete: { ioerr: { code: resultCode.ioerrDelete }, unsynced: { code: resultCode.ioerrDirFsync, isDone: true } },
};

const lives = ['once', 'on'] as const;

export function clearAllFaults(): void {
  clearFaults();
  clearAllocationFaults();
}

export function countOperations(): Operations {
  return { files: countFileOperations(), allocations: countAllocations() };
}

/** Every file operation of a run in turn, with everything that it can be answered, once and from then on. */
export function* filePoints({ files }: Operations): Generator<FaultPoint> {
  for (const [place, count] of Object.entries(files)) {
    const [file, operation] = place.split('.') as [Fault['file'], Fault['operation']];
    // Giving up a lock is counted too, and can't fail.
    for (const [answer, fault] of Object.entries(answers[operation] ?? {})) {
      for (const life of lives) {
        for (let after = 0; after < count; after++) {
          const arm = (): void => failFile({ ...fault, file, operation, after, isPersistent: life === 'on' });
          yield { name: `${place}.${answer}.${life}.${after}`, arm };
        }
      }
    }
  }
}

/** Every allocation of SQLite's in turn, once and from then on. */
export function* allocationPoints({ allocations }: Operations): Generator<FaultPoint> {
  for (const life of lives) {
    for (let after = 0; after < allocations.asked; after++) {
      yield { name: `allocation.${life}.${after}`, arm: () => failAllocation(after, life === 'on') };
    }
  }
}
