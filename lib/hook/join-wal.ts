import { nativeOf } from '../sources/own-connection.js';
import { type Database as Writer, withoutVerbose } from '../writer/database.js';

/**
 * A connection that has switched the file to WAL mode opens the WAL when it reads next. Until then each connection of our own would be the last
 * one to close it, and SQLite's count of commits would begin anew behind it, as if others had committed.
 */
export function joinWal(database: Writer): void {
  if (database.memory || database.inTransaction || nativeOf(database).isExclusive) return;
  try {
    withoutVerbose(database, () => database.prepare('SELECT 1 FROM sqlite_schema LIMIT 1').get());
  } catch {
    // What keeps it from reading is told by what the source reads itself.
  }
}
