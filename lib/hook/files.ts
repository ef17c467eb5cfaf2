import type { NativeBinding, NativeSource } from '../binding/native.js';
import { memoryPath } from '../sources/captured-file.js';
import { nativeOf } from '../sources/own-connection.js';
import type { Database as Writer } from '../writer/database.js';
import type { OpenedFile } from './connections.js';
import { type HookFile, makeFile } from './file.js';

/** The files of which a source is open in this thread, by the keys of their hubs. */
export class HookFiles {
  readonly #binding: () => Pick<NativeBinding, 'hubOf' | 'hubOfSource'>;
  readonly #files = new Map<string, HookFile>();

  constructor(binding: () => Pick<NativeBinding, 'hubOf' | 'hubOfSource'>) {
    this.#binding = binding;
  }

  /** Of a source that is open, in whatever thread that was done. */
  ofSource(native: NativeSource, isReadonly: boolean): HookFile {
    const { hubKey, path } = native;
    return this.#files.get(hubKey) ?? this.#add(hubKey, { path, hub: this.#binding().hubOfSource(native), isReadonly });
  }

  /**
   * For a new source of the database, which `open` opens; where it throws, and nothing else holds the file, it is let go of. With the first one of a
   * file in this thread, LSNs go on above those of earlier lives.
   */
  openSource<Source>(database: Writer, open: (file: HookFile) => Source): Source {
    const { hub, key, path } = this.#binding().hubOf(nativeOf(database));
    const known = this.#files.get(key);
    const file = known ?? this.#add(key, { path: database.memory ? memoryPath : path, hub, isReadonly: database.readonly });
    try {
      if (known === undefined) file.store.restoreLsn();
      return open(file);
    } catch (error) {
      this.forget(file);
      throw error;
    }
  }

  /**
   * Where only ended sources are left of a file, nothing here holds it any more: subscriptions that nobody will ever read can go with their garbage,
   * and a new file in its place (the system may give it the same inode) is not mistaken for it.
   */
  forget(file: HookFile): void {
    if (file.openSource() !== undefined) return;
    if (this.#files.get(file.key) === file) this.#files.delete(file.key);
    file.foreignCommits?.end();
  }

  #add(key: string, opened: OpenedFile): HookFile {
    const file = makeFile(key, opened);
    this.#files.set(key, file);
    return file;
  }
}
