import { statSync } from 'node:fs';
import type { NativeConnection, NativeHub } from '../binding/native.js';

/** A commit by somebody else is noticed within a second, and sooner by the next commit of ours. */
const intervalMs = 400;

export interface WatchConnection {
  readonly native: NativeConnection;
  /** As `PRAGMA journal_mode` has it. */
  journalMode(): unknown;
  close(): void;
}

export interface ForeignCommitsConfig {
  /** Absolute. */
  path: string;
  hub: NativeHub;
  /** A read-only connection that is not captured. */
  connect: () => WatchConnection;
}

/**
 * Looks, while somebody subscribes, whether another process, or a connection that is not rowtap's, has committed to the file. The hub then puts
 * a gap into every subscription's stream. Has a read-only connection of its own, and never keeps the process running.
 *
 * In WAL mode a look is a read transaction, which is in nobody's way. In the other modes it would take a lock that can make a commit fail, so
 * there it waits until the file has been written to, by whomever.
 */
export class ForeignCommits {
  readonly #config: ForeignCommitsConfig;
  #connection: WatchConnection | undefined;
  #timer: NodeJS.Timeout | undefined;
  #users = 0;
  #writtenAt = '';
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
    this.#look(true);
    this.#timer ??= setInterval(() => this.#look(false), intervalMs).unref();
  }

  /** As often as `start`. */
  stop(): void {
    if (--this.#users > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#connection?.close();
    this.#connection = undefined;
    this.#error = undefined;
  }

  #look(isFirst: boolean): void {
    try {
      this.#connection ??= this.#config.connect();
      if (!isFirst && this.#connection.journalMode() !== 'wal' && !this.#hasBeenWritten()) return;
      this.#config.hub.checkForeignCommits(this.#connection.native);
      this.#error = undefined;
    } catch (error) {
      const { code = 'ERROR', message } = error as { code?: string; message: string };
      // Somebody writes just now; the next look comes soon.
      if (code.startsWith('SQLITE_BUSY')) return;
      this.#error = { code, message };
      this.#connection?.close();
      this.#connection = undefined;
    }
  }

  /** By its status alone: opening the file would drop the locks of this process when it is closed. */
  #hasBeenWritten(): boolean {
    const { mtimeNs, size } = statSync(this.#config.path, { bigint: true });
    const writtenAt = `${mtimeNs} ${size}`;
    if (writtenAt === this.#writtenAt) return false;
    this.#writtenAt = writtenAt;
    return true;
  }
}
