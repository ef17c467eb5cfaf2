import type { NativeConnection } from '../binding/native.js';

/** The few members of a better-sqlite3-shaped database that the log's own writes call; each is open for that write alone. */
export interface LogDatabase {
  prepare(sql: string): {
    get(...values: unknown[]): unknown;
    all(...values: unknown[]): unknown[];
    run(...values: unknown[]): { changes: number };
  };
  exec(sql: string): unknown;
  /** As CheckpointDatabase has it: false where a transaction of this process stays open; nothing may be written then. */
  claim(): boolean;
  close(): unknown;
}

/** Reads the log; open while there is something to catch up with. */
export interface LogConnection {
  readonly native: NativeConnection;
  close(): void;
}
