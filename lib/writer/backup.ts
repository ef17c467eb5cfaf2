import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { BackupOutcome, type NativeBackup } from '../binding/native-writer.js';
import { SqliteError } from '../errors/sqlite-error.js';
import type { WriterConnection } from './connection.js';
import { attachedName } from './options.js';

export interface BackupProgress {
  totalPages: number;
  remainingPages: number;
}

export interface BackupOptions {
  /** Name of the attached database to copy. Default "main". */
  attached?: string;
  /**
   * Called after each turn but the last. Returns how many pages the next one is to copy; 0 pauses, undefined leaves it as it was. Default 100. What it throws ends the
   * backup.
   */
  progress?: ((progress: BackupProgress) => number | undefined | void) | null;
}

export interface CheckedBackup {
  path: string;
  attached: string;
  progress: ((progress: BackupProgress) => unknown) | undefined;
}

const defaultPages = 100;
/** The most that SQLite can be told. */
const maxPages = 0x7fffffff;
/** How long to wait before looking whether a lock is free. */
const lookMs = 10;

/** Throws a TypeError for what is not as it has to be. */
export function checkBackup(destination: unknown, options: unknown): CheckedBackup {
  if (typeof destination !== 'string') throw new TypeError('Expected the path of the backup, a string, as the first argument');
  const wanted = options ?? {};
  if (typeof wanted !== 'object') throw new TypeError('Expected an object with options as the second argument');
  const path = destination.trim();
  if (path === '') throw new TypeError('The path of the backup cannot be an empty string');
  if (path === ':memory:') throw new TypeError('A backup cannot be written to ":memory:"; use `serialize` for a copy in memory');
  if (path.includes('\0')) throw new TypeError('The path of the backup holds a NUL character');
  const attached = attachedName(wanted);
  const progress = 'progress' in wanted ? (wanted.progress ?? undefined) : undefined;
  if (progress !== undefined && typeof progress !== 'function') throw new TypeError('The option "progress" has to be a function');
  if (!existsSync(dirname(path))) throw new TypeError(`The backup cannot be written: there is no directory ${dirname(path)}`);
  return { path, attached, progress: progress as CheckedBackup['progress'] };
}

export async function backUp(connection: WriterConnection, { path, attached, progress }: CheckedBackup): Promise<BackupProgress> {
  connection.requireOpen();
  connection.requireNotBusy();
  const native = new connection.binding.Backup(connection.native, attached, path);
  try {
    await copyAll(native, connection.timeoutMs, progress);
    return progressOf(native);
  } finally {
    native.close();
  }
}

async function copyAll(native: NativeBackup, timeoutMs: number, progress: CheckedBackup['progress']): Promise<void> {
  const pace = new Pace();
  let lockedAtMs: number | undefined;
  for (;;) {
    await turn();
    const pages = pace.pages;
    const outcome = native.transfer(pages);
    if (outcome === BackupOutcome.done) return;
    if (outcome === BackupOutcome.copied) {
      pace.note(pages, native.totalPages - native.remainingPages);
      lockedAtMs = undefined;
    } else {
      // The application ends its own transaction when it likes; of others no more is waited for than any statement would.
      lockedAtMs = outcome === BackupOutcome.locked ? (lockedAtMs ?? performance.now()) : undefined;
      if (lockedAtMs !== undefined && performance.now() - lockedAtMs >= timeoutMs)
        throw new SqliteError('database is locked', 'SQLITE_BUSY');
      await sleep(lookMs);
    }
    if (progress !== undefined && pace.hasBegun) pace.set(progress(progressOf(native)));
  }
}

function progressOf({ totalPages, remainingPages }: NativeBackup): BackupProgress {
  return { totalPages, remainingPages };
}

/**
 * How many pages a turn copies. The first only locks the destination and finds out how many there are. SQLite begins the copy anew when another
 * connection has committed; a turn copies twice as much then, so that the backup of a database that is written to all the time comes to its end.
 */
class Pace {
  hasBegun = false;
  #pages = defaultPages;
  #factor = 1;
  #copied = 0;

  get pages(): number {
    return this.hasBegun ? Math.min(maxPages, this.#pages * this.#factor) : 0;
  }

  /** A turn of so many pages has left so many copied. */
  note(pages: number, copied: number): void {
    this.hasBegun = true;
    if (copied < this.#copied + pages && this.#copied > 0) this.#factor = Math.min(maxPages, this.#factor * 2);
    this.#copied = copied;
  }

  /** Takes what `progress` has returned. Throws a TypeError for what is neither a number nor undefined. */
  set(wanted: unknown): void {
    if (wanted === undefined) return;
    if (typeof wanted !== 'number' || Number.isNaN(wanted)) {
      throw new TypeError('The function "progress" has to return a number of pages, or undefined');
    }
    this.#pages = Math.max(0, Math.min(maxPages, Math.round(wanted)));
  }
}
