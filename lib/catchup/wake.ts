import type { CatchupDatabase } from './database.js';
import { filesOf, stampOf } from './file-stamp.js';

/** Four times a second at most. */
const intervalMs = 250;

/** Something that calls back when this process has committed. */
export interface CommitSignal {
  close(): void;
}

/** Undefined where there can be none just now. */
export type OpenCommitSignal = (wake: () => void) => CommitSignal | undefined;

/**
 * Waits for a commit: of this process, in any of its threads, by `openSignal`; of others by the status of the files. What is committed after it
 * was made ends the wait, so it is to be made before the last look for rows. While it waits it keeps the process running.
 */
export class Wake {
  readonly #database: CatchupDatabase;
  readonly #signal: CommitSignal | undefined;
  readonly #files: string[];
  readonly #stamp: string | undefined;
  #isDue = false;
  #end: (() => void) | undefined;

  constructor(database: CatchupDatabase, openSignal: OpenCommitSignal) {
    this.#database = database;
    this.#files = filesOf(database);
    this.#stamp = stampOf(this.#files);
    this.#signal = openSignal(() => this.#wake());
  }

  /** Ends as well when the signal is aborted, and when the database is closed. */
  async wait(signal: AbortSignal): Promise<void> {
    if (this.#isDue || signal.aborted) return;
    const timer = setInterval(() => this.#look(), intervalMs);
    const wake = (): void => this.#wake();
    signal.addEventListener('abort', wake);
    try {
      await new Promise<void>((resolve) => {
        this.#end = resolve;
      });
    } finally {
      clearInterval(timer);
      signal.removeEventListener('abort', wake);
    }
  }

  /** Twice is fine. */
  close(): void {
    this.#signal?.close();
  }

  #look(): void {
    const isUnknown = this.#signal === undefined || this.#stamp === undefined;
    if (isUnknown || !this.#database.open || stampOf(this.#files) !== this.#stamp) this.#wake();
  }

  #wake(): void {
    this.#isDue = true;
    this.#end?.();
  }
}
