import { statSync } from 'node:fs';
import { ForeignLook, type NativeConnection, type NativeHub } from '../binding/native.js';
import { RowtapError } from '../errors/rowtap-error.js';

/** A commit by somebody else is noticed within a second, and sooner by the next commit of ours; what other processes log, within this. */
const intervalMs = 250;
/** File systems stamp a file with a clock of some milliseconds: within them it can be written again and look the same. */
const settledMs = 100;

export interface WatchConnection {
  readonly native: NativeConnection;
  close(): void;
}

export interface ForeignCommitsConfig {
  /** Absolute. */
  path: string;
  hub: Pick<NativeHub, 'checkForeignCommits'>;
  /** A read-only connection that is not captured and does not wait for locks. Throws ROWTAP_FILE_GONE where another file is in its place. */
  connect: () => WatchConnection;
  /** Others have committed without writing the log: writes it there. False where it is to be tried again. Throws what SQLite throws. */
  tell: () => boolean;
  /** The file that is captured is not at its path any more. */
  onGone: (error: RowtapError) => void;
}

/**
 * Looks, while somebody subscribes, whether another process, or a connection that is not rowtap's, has committed to the file. The hub then puts
 * a gap into every subscription's stream. Looks as well whether the file is still there. Never keeps the process running.
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

  /** Before a subscription takes its position: from here on commits of others are noticed. Throws ROWTAP_FILE_GONE. */
  start(): void {
    this.#seen = '';
    const gone = this.#lookOrEnd();
    if (gone !== undefined) throw gone;
    ++this.#users;
    this.#timer ??= setInterval(() => this.#lookOrEnd(), intervalMs).unref();
  }

  /** Once, now, as far as that can be done. */
  lookNow(): void {
    this.#seen = '';
    this.#lookOrEnd();
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

  #lookOrEnd(): RowtapError | undefined {
    const gone = this.#look();
    if (gone === undefined) return undefined;
    this.end();
    this.#config.onGone(gone);
    return gone;
  }

  /** Gives the error where the file is gone. */
  #look(): RowtapError | undefined {
    try {
      const written = this.#whenWritten();
      if (written.stamp === this.#seen) return undefined;
      const hasLooked = this.#check();
      this.#seen = hasLooked && Date.now() - written.lastMs > settledMs ? written.stamp : '';
      this.#error = undefined;
    } catch (error) {
      this.#seen = '';
      const { code = 'ERROR', message } = error as { code?: string; message: string };
      if (code === 'ROWTAP_FILE_GONE') return error as RowtapError;
      // Somebody writes just now; the next look comes soon.
      if (!code.startsWith('SQLITE_BUSY')) this.#error = { code, message };
    }
    return undefined;
  }

  #check(): boolean {
    const connection = this.#config.connect();
    let look: number;
    try {
      look = this.#config.hub.checkForeignCommits(connection.native);
    } finally {
      connection.close();
    }
    if (look === ForeignLook.foreignCommits) return this.#config.tell();
    return look === ForeignLook.done;
  }

  /** By the files' status alone: opening them would drop the locks of this process when they are closed. */
  #whenWritten(): { stamp: string; lastMs: number } {
    const { path } = this.#config;
    const database = statSync(path, { bigint: true, throwIfNoEntry: false });
    if (database === undefined) throw new RowtapError('ROWTAP_FILE_GONE', { path });
    const wal = statSync(`${path}-wal`, { bigint: true, throwIfNoEntry: false });
    const parts = [database.dev, database.ino, database.mtimeNs, database.size, wal?.mtimeNs, wal?.size];
    return { stamp: parts.join(' '), lastMs: Math.max(Number(database.mtimeMs), Number(wal?.mtimeMs ?? 0)) };
  }
}
