/** The few members of a better-sqlite3-shaped database that checkpoints call. Its busy timeout should be a few milliseconds: it holds up the thread. */
export interface CheckpointDatabase {
  prepare(sql: string): CheckpointStatement;
  exec(sql: string): unknown;
  /**
   * To be called before anything is written: no transaction of this process is open on the file, and until this connection is closed none
   * begins. False where one stays open; nothing may be written then.
   */
  claim(): boolean;
  close(): unknown;
}

export interface CheckpointStatement {
  run(...values: unknown[]): { changes: number };
  get(...values: unknown[]): unknown;
  all(...values: unknown[]): unknown[];
}
