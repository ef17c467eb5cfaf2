import { createRequire } from 'node:module';
import type { NativeConnection } from '../../lib/binding/native.js';

export interface AllocationCounts {
  /** Allocations and reallocations since `clearAllocationFaults`. */
  asked: number;
  /** Those of them that were refused. */
  refused: number;
  /** What SQLite has not freed, since the process began. */
  held: number;
}

interface NativeTesting {
  failAllocation(passes: number, isPersistent: boolean): void;
  clearAllocations(): void;
  allocations(): AllocationCounts;
  allocateSingly(connection: NativeConnection): void;
}

function nativeTesting(): NativeTesting {
  const path = process.env.ROWTAP_ADDON;
  if (path === undefined) throw new Error('Faults need the test build of the addon: run the tests by `make test`.');
  return (createRequire(import.meta.url)(path) as { testing: NativeTesting }).testing;
}

/** After so many allocations of SQLite's the next one fails, and where `isPersistent` all that follow, in the whole process. */
export function failAllocation(after: number, isPersistent = false): void {
  nativeTesting().failAllocation(after, isPersistent);
}

/** Takes the fault back and sets the counts to zero, but for what is held. */
export function clearAllocationFaults(): void {
  nativeTesting().clearAllocations();
}

export function countAllocations(): AllocationCounts {
  return nativeTesting().allocations();
}

/** Takes from the connection the memory that it keeps ready for small things, so that each of them is an allocation that can fail. */
export function allocateSingly(connection: NativeConnection): void {
  nativeTesting().allocateSingly(connection);
}
