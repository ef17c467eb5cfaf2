/** The few members of a better-sqlite3-shaped database that checkpoints call. Its busy timeout should be a few milliseconds: it holds up the thread. */
export interface CheckpointDatabase {
  prepare(sql: string): CheckpointStatement;
  exec(sql: string): unknown;
  close(): unknown;
}

export interface CheckpointStatement {
  run(...values: unknown[]): unknown;
  get(...values: unknown[]): unknown;
}
