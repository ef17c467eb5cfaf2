/** Writes all that `write` does, or nothing; gives what it gives. Throws what it throws, and what SQLite throws. */
export function inTransaction<T>(database: { exec(sql: string): unknown }, write: () => T): T {
  database.exec('BEGIN IMMEDIATE');
  try {
    const result = write();
    database.exec('COMMIT');
    return result;
  } catch (error) {
    rollBack(database);
    throw error;
  }
}

function rollBack(database: { exec(sql: string): unknown }): void {
  try {
    database.exec('ROLLBACK');
  } catch {
    // SQLite has rolled back by itself (https://www.sqlite.org/lang_transaction.html#response_to_errors_within_a_transaction).
  }
}
