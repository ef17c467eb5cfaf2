/** The few members of a better-sqlite3-shaped database that a snapshot calls. */
export interface SnapshotDatabase {
  prepare(sql: string): SnapshotStatement;
  /** Ends the read transaction. Twice is fine. */
  close(): unknown;
}

export interface SnapshotStatement {
  get(...values: unknown[]): unknown;
  all(...values: unknown[]): unknown[];
}
