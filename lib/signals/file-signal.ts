import { type FSWatcher, watch } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { badOption } from '../errors/rowtap-error.js';
import type { Signal } from '../model/signal.js';

/**
 * Wakes when the database file, its WAL or its rollback journal is written, made or removed, as the file system tells of their directory. None of
 * them is opened: closing one would drop the locks that SQLite holds on it in this process
 * (https://www.sqlite.org/howtocorrupt.html#_posix_advisory_locks_canceled_by_a_separate_thread_doing_close_). Not every file system tells of
 * everything, those of a network least of all: have a timer behind it. Fails where the directory can't be watched, or is gone.
 */
export function fileSignal(path: string): Signal {
  if (typeof path !== 'string' || path === '') throw badOption('`fileSignal` takes the path of a database file');
  const file = resolve(path);
  const names = new Set(['', '-wal', '-journal'].map((suffix) => basename(file) + suffix));
  let watcher: FSWatcher | undefined;
  return {
    start: (wake, fail) => {
      try {
        watcher = watch(dirname(file), { persistent: false }, (_event, name) => {
          // Where the system gives no name, it may be one of them.
          if (name === null || names.has(name)) wake();
        });
        watcher.on('error', fail);
      } catch (error) {
        queueMicrotask(() => fail(error as Error));
      }
    },
    [Symbol.asyncDispose]: () => {
      watcher?.close();
      return Promise.resolve();
    },
  };
}
