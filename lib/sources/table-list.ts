import type { NativeHub } from '../binding/native.js';
import { listUserTables } from '../schema/user-tables.js';
import { connectionOf, type Database as Writer, withoutVerbose } from '../writer/database.js';
import { memoryPath } from './captured-file.js';
import { openOnFile } from './own-connection.js';

/**
 * The user tables of a file as the first of a source's databases sees them; a thread without one looks for itself, and can't where it is no file:
 * undefined. Throws what SQLite throws.
 */
export function listTablesOf(file: { path: string; hub: NativeHub }, owners: Iterable<Writer>): string[] | undefined {
  const [database] = owners;
  const openOnlooker = (): Writer => openOnFile(file.path, file.hub, { isReadonly: true, timeoutMs: 0 });
  if (database !== undefined) return listTablesSeenBy(database, openOnlooker);
  return file.path === memoryPath ? undefined : listTablesOnFile(openOnlooker);
}

/**
 * The user tables, as `database` sees them. In its own transaction only it sees what it has changed. Otherwise another connection looks, opened by
 * `openOnlooker`, since even a read would leave traces: it decides what a transaction sees that has not read yet, and keeps others from
 * committing meanwhile. Throws what SQLite throws.
 */
function listTablesSeenBy(database: Writer, openOnlooker: () => Writer): string[] {
  const { native } = connectionOf(database);
  if (database.memory || native.hasBegun) return withoutVerbose(database, () => listUserTables(database));
  try {
    return listTablesOnFile(openOnlooker);
  } catch (error) {
    // It has the file for itself.
    if (!native.isExclusive || native.isInTransaction) throw error;
    return withoutVerbose(database, () => listUserTables(database));
  }
}

/** As somebody sees them who has nothing open. Throws what SQLite throws. */
function listTablesOnFile(openOnlooker: () => Writer): string[] {
  const onlooker = openOnlooker();
  try {
    return listUserTables(onlooker);
  } finally {
    onlooker.close();
  }
}
