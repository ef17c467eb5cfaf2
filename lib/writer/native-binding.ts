import { loadBinding } from '../binding/load.js';
import type { NativeWriterBinding } from '../binding/native-writer.js';
import { SqliteError } from '../errors/sqlite-error.js';

let loaded: NativeWriterBinding | undefined;

/**
 * The addon, loaded when the first database is opened. Throws an Error where `path` names another file than the one in use: two copies of
 * SQLite in one process would take each other's locks away (https://www.sqlite.org/howtocorrupt.html, section 2.2.1).
 */
export function writerBinding(path?: string): NativeWriterBinding {
  if (loaded !== undefined && path === undefined) return loaded;
  const binding = loadBinding(path) as unknown as NativeWriterBinding;
  if (loaded === undefined) {
    binding.setSqliteError(SqliteError);
    loaded = binding;
  } else if (loaded !== binding) {
    throw new Error(`The option "nativeBinding" names ${path}, but another addon is in use already; name the same file for every database`);
  }
  return loaded;
}
