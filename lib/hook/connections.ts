import type { NativeHub } from '../binding/native.js';
import { badOption } from '../errors/rowtap-error.js';
import type { LogConnection, LogDatabase } from '../log/database.js';
import { requireWal } from '../snapshot/journal-mode.js';
import { memoryPath } from '../sources/captured-file.js';
import { nativeOf, openOnFile } from '../sources/own-connection.js';
import { openUncaptured, type Database as Writer } from '../writer/database.js';

/** The file, and how the application has it open. */
export interface OpenedFile {
  /** Absolute; ":memory:" for what is no file. */
  path: string;
  hub: NativeHub;
  isReadonly: boolean;
}

/** How long a snapshot waits to begin, as an application's own connection does. */
const lockTimeoutMs = 5000;

export function openForReading({ path, hub }: Pick<OpenedFile, 'path' | 'hub'>, timeoutMs: number): LogConnection {
  const connection = openOnFile(path, hub, { isReadonly: true, timeoutMs });
  return { native: nativeOf(connection), close: () => connection.close() };
}

/** For what rowtap writes for itself; read-only where the application is. */
export function openForWriting({ path, hub, isReadonly }: OpenedFile, timeoutMs: number): LogDatabase {
  const connection = openOnFile(path, hub, { isReadonly, timeoutMs });
  return {
    prepare: (sql) => connection.prepare(sql),
    exec: (sql) => connection.exec(sql),
    claim: () => hub.witness(nativeOf(connection)),
    close: () => connection.close(),
  };
}

/**
 * For the rows of a snapshot. `owners` are the databases of this thread that its source was opened or used through. Throws ROWTAP_BAD_OPTION where
 * the database can't be read beside its writers, or from this thread.
 */
export function openForSnapshot({ path, hub, isReadonly }: OpenedFile, owners: ReadonlySet<Writer>): Writer {
  const isMemory = path === memoryPath;
  if (isMemory && owners.size === 0) {
    throw badOption(
      "the rows of an in-memory database can be read only in the thread of its Database; subscribe there, or with snapshot 'never'",
    );
  }
  const connection = isMemory ? openUncaptured(path) : openOnFile(path, hub, { isReadonly: true, timeoutMs: waitForLockMs(hub, owners) });
  try {
    const isWritten = owners.size === 0 ? !isReadonly : [...owners].some((database) => !database.readonly);
    if (!isMemory && isWritten) requireWal(connection);
    return connection;
  } catch (error) {
    connection.close();
    throw error;
  }
}

/** Somebody else's lock is waited for, but not this thread's own, which would be waiting for oneself. */
export function waitForLockMs(hub: NativeHub, owners: ReadonlySet<Writer>): number {
  const isOwnLock = hub.isThreadInTransaction() || [...owners].some((database) => nativeOf(database).isExclusive);
  return isOwnLock ? 0 : lockTimeoutMs;
}
