import { statSync } from 'node:fs';
import type { NativeConnection, NativeHub } from '../binding/native.js';

/** A commit by somebody else is noticed within a second, and sooner by the next commit of ours. */
const intervalMs = 400;
/** File systems stamp a file with a clock of some milliseconds: within them it can be written again and look the same. */
const settledMs = 100;

export interface WatchConnection {
  readonly native: NativeConnection;
  close(): void;
}

export interface ForeignCommitsConfig {
  /** Absolute. */
  path: string;
  hub: NativeHub;
  /** A read-only connection that is not captured and does not wait for locks. */
  connect: () => WatchConnection;
}

/**
 * Looks, while somebody subscribes, whether another process, or a connection that is not rowtap's, has committed to the file. The hub then puts
 * a gap into every subscription's stream. Never keeps the process running.
 *
 * It looks after the file has been written to, by whomever, with a connection that is opened for that moment: one that stayed open would keep
 * the application from changing the journal mode.
 */
export class ForeignCommits {
  readonly #config: ForeignCommitsConfig;
  #timer: NodeJS.Timeout | undefined;
  #users = 0;
  /** When the files had been written last, as of the last look; "" for a look that is due. */
  #seen = '';
  #error: { code: string; message: string } | undefined;

  constructor(config: ForeignCommitsConfig) {
    this.#config = config;
  }

  /** What keeps it from looking just now; it goes on trying. */
  error(): { code: string; message: string } | undefined {
    return this.#error;
  }

  /** Before a subscription takes its position: from here on commits of others are noticed. */
  start(): void {
    ++this.#users;
    this.#seen = '';
    this.#look();
    this.#timer ??= setInterval(() => this.#look(), intervalMs).unref();
  }

  /** As often as `start`. */
  stop(): void {
    if (--this.#users > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#error = undefined;
  }

  /** The writers are closed: what others commit from now on is no gap in what ours did. */
  end(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    try {
      const written = this.#whenWritten();
      if (written.stamp === this.#seen) return;
      this.#check();
      this.#seen = Date.now() - written.lastMs > settledMs ? written.stamp : '';
      this.#error = undefined;
    } catch (error) {
      this.#seen = '';
      const { code = 'ERROR', message } = error as { code?: string; message: string };
      // Somebody writes just now; the next look comes soon.
      if (!code.startsWith('SQLITE_BUSY')) this.#error = { code, message };
    }
  }

  #check(): void {
    const connection = this.#config.connect();
    try {
      this.#config.hub.checkForeignCommits(connection.native);
    } finally {
      connection.close();
    }
  }

  /** By the files' status alone: opening them would drop the locks of this process when they are closed. */
  #whenWritten(): { stamp: string; lastMs: number } {
    const database = statSync(this.#config.path, { bigint: true });
    const wal = statSync(`${this.#config.path}-wal`, { bigint: true, throwIfNoEntry: false });
    const parts = [database.mtimeNs, database.size, wal?.mtimeNs, wal?.size];
    return { stamp: parts.join(' '), lastMs: Math.max(Number(database.mtimeMs), Number(wal?.mtimeMs ?? 0)) };
  }
}
