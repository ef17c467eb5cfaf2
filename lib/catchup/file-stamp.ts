import { statSync } from 'node:fs';
import type { CatchupDatabase } from './database.js';

/** File systems stamp a file with a clock of some milliseconds: within them it can be written again and look the same. */
const settledMs = 100;

/** The files of a connection, attached ones too; none for what is in memory. */
export function filesOf(database: CatchupDatabase): string[] {
  const rows = database.prepare('PRAGMA database_list').all() as { file: string | null }[];
  return rows.flatMap(({ file }) => (file === null || file === '' ? [] : [file]));
}

/**
 * When the files were written last, by whomever. By their status alone: opening one would drop this process's locks on it when it is closed
 * (https://www.sqlite.org/howtocorrupt.html#_posix_advisory_locks_canceled_by_a_separate_thread_doing_close_). Undefined where that can't be told
 * just now, since one was written a moment ago.
 */
export function stampOf(files: readonly string[]): string | undefined {
  const statuses = files
    .flatMap((file) => [file, `${file}-wal`])
    .map((file) => statSync(file, { bigint: true, throwIfNoEntry: false }))
    .map((status) => status && { mtimeMs: Number(status.mtimeMs), text: `${status.ino} ${status.mtimeNs} ${status.size}` });
  const lastMs = Math.max(0, ...statuses.map((status) => status?.mtimeMs ?? 0));
  return Date.now() - lastMs > settledMs ? statuses.map((status) => status?.text ?? '-').join(',') : undefined;
}
