import { createRequire } from 'node:module';
import type { NativeConnection } from '../../lib/binding/native.js';

/** SQLite's result codes that a file system can answer (https://www.sqlite.org/rescode.html). */
export const resultCode = {
  busy: 5,
  full: 13,
  cannotOpen: 14,
  ioerrRead: 266,
  ioerrWrite: 778,
  ioerrFsync: 1034,
  ioerrDirFsync: 1290,
  ioerrTruncate: 1546,
  ioerrDelete: 2570,
  ioerrLock: 3850,
  ioerrShmLock: 5130,
} as const;

export interface Fault {
  /** `temp`: whatever SQLite keeps in temporary files, statement journals included. */
  file: 'main' | 'wal' | 'journal' | 'temp';
  operation: 'open' | 'read' | 'write' | 'sync' | 'truncate' | 'lock' | 'shmLock' | 'delete';
  /** So many of these operations still succeed, counted from now. Default 0: the next one fails. */
  after?: number;
  code: number;
  /** Every later operation fails too, until `clear`. Default false. */
  isPersistent?: boolean;
  /** Half of what was to be written reaches the file before the write fails. Default false. */
  isHalfWritten?: boolean;
  /** It is done, and answered with the error all the same (a folder that could not be synced, for example). Default false. */
  isDone?: boolean;
}

export interface KillPoint {
  file: Fault['file'];
  /** `unlock` gives up the file's lock, `shmUnlock` one of those of the WAL index, which `shmBarrier` makes others see. */
  operation: Fault['operation'] | 'unlock' | 'shmUnlock' | 'shmBarrier';
  /** So many of these operations are still carried out, counted from now. Default 0: it is the next one. */
  after?: number;
  /** Before it is carried out, when half of what was to be written has reached the file, or after it. */
  moment: 'before' | 'amid' | 'after';
}

export interface PowerLoss {
  /** What of the writes since a file's last sync: all, or sectors, sizes, creations and deletions drawn by the seed. */
  loses: 'all' | 'some';
  sectorBytes: 512 | 4096;
  seed: number;
}

export interface PowerCut {
  /** Default: any but temporary ones, and any by which a file on the disk changes or is synced (write, truncate, sync, delete). */
  at?: { file: Fault['file']; operation: KillPoint['operation'] };
  /** So many of these operations are still carried out, counted from now. Default 0: it is the next one. */
  after?: number;
  /** Before it is carried out (the default), when half of what was to be written has been, or after it. */
  moment?: KillPoint['moment'];
}

interface NativeTesting {
  installFaultVfs(): void;
  fail(file: string, operation: string, passes: number, code: number, isPersistent: boolean, effect: number): void;
  kill(file: string, operation: string, passes: number, effect: number): void;
  startLosing(isEverythingLost: boolean, sectorBytes: number, seed: number): void;
  cutPowerAt(passes: number, effect: number, ...at: [] | [file: string, operation: string]): void;
  cutPower(): never;
  clear(): void;
  counts(): Record<string, number>;
  blobWrite(connection: NativeConnection, table: string, column: string, rowid: number, bytes: Buffer): void;
}

function nativeTesting(): NativeTesting {
  const path = process.env.ROWTAP_ADDON;
  if (path === undefined) throw new Error('Faults need the test build of the addon: run the tests by `make test`.');
  return (createRequire(import.meta.url)(path) as { testing: NativeTesting }).testing;
}

/** Connections opened from now on use a file system that fails on demand. Call it before opening any; again does nothing. */
export function installFaultVfs(): void {
  nativeTesting().installFaultVfs();
}

/** Several faults can wait at the same time. Process-wide: other connections' files count as well. */
export function failFile(fault: Fault): void {
  const { file, operation, after = 0, code, isPersistent = false, isHalfWritten = false, isDone = false } = fault;
  nativeTesting().fail(file, operation, after, code, isPersistent, isDone ? 2 : isHalfWritten ? 1 : 0);
}

const moments: readonly KillPoint['moment'][] = ['before', 'amid', 'after'];

/** The process ends there by SIGKILL. */
export function killAt({ file, operation, after = 0, moment }: KillPoint): void {
  nativeTesting().kill(file, operation, after, moments.indexOf(moment));
}

/** What this process writes from now on is lost by a power cut, unless it was synced. native/testing/lossy_disk.h says how. */
export function startLosing({ loses, sectorBytes, seed }: PowerLoss): void {
  nativeTesting().startLosing(loses === 'all', sectorBytes, seed);
}

/** The process ends there by SIGKILL, and its files are what a power cut leaves of them. */
export function cutPowerAt({ at, after = 0, moment = 'before' }: PowerCut): void {
  nativeTesting().cutPowerAt(after, moments.indexOf(moment), ...(at === undefined ? ([] as const) : ([at.file, at.operation] as const)));
}

/** The same, at once. */
export function cutPower(): never {
  return nativeTesting().cutPower();
}

/** The operations at which `cutPowerAt` cuts by default, since `clearFaults`. */
export function countDurableOperations(): number {
  const counts = countFileOperations();
  const ofFile = (file: string) => ['write', 'truncate', 'sync', 'delete'].map((operation) => counts[`${file}.${operation}`] ?? 0);
  return ['main', 'wal', 'journal'].flatMap(ofFile).reduce((sum, count) => sum + count, 0);
}

/** Takes all faults back and sets the counts to zero. */
export function clearFaults(): void {
  nativeTesting().clear();
}

/** Operations since `clearFaults`: under "wal.write" and so on how many were asked for, under "failed" how many of all were refused. */
export function countFileOperations(): Record<string, number> {
  return nativeTesting().counts();
}

/** Overwrites the start of a blob in place by sqlite3_blob_write, which no method of the library does. */
export function blobWrite(connection: NativeConnection, table: string, column: string, rowid: number, bytes: Uint8Array): void {
  nativeTesting().blobWrite(connection, table, column, rowid, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
}
