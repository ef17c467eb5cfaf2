import type { NativeHub } from '../binding/native.js';
import { isBusy } from '../errors/is-busy.js';
import type { Retention } from '../model/options.js';
import type { LogDatabase } from './database.js';
import { prune } from './prune.js';

export interface PrunerConfig {
  hub: Pick<NativeHub, 'lsn' | 'heldLogLsn' | 'isThreadInTransaction'>;
  retention: Retention;
  /** As FileLogConfig. */
  connect: () => LogDatabase;
}

/** How often it looks whether something was written or acknowledged. */
const lookMs = 1000;
/** Between two transactions of it: others come first. */
const pauseMs = 25;
/** While entries are kept for somebody who may acknowledge them in another process. */
const idleLooks = 5;

/**
 * Prunes a file's log while it is open: a little at a time, in transactions of a few milliseconds, when no transaction of this process is open.
 * Keeps no process running. What can't be pruned now is pruned later.
 */
export class Pruner {
  readonly #config: PrunerConfig;
  readonly #interval: NodeJS.Timeout;
  #timer: NodeJS.Timeout | undefined;
  #seenLsn = 0;
  #isDue = true;
  #isKept = false;
  #looks = 0;
  #error: { code: string; message: string } | undefined;

  constructor(config: PrunerConfig) {
    this.#config = config;
    this.#interval = setInterval(() => this.#look(), lookMs).unref();
  }

  /** What keeps it from pruning, other than that the file is busy. */
  error(): { code: string; message: string } | undefined {
    return this.#error;
  }

  /** Something was acknowledged. */
  note(): void {
    this.#isDue = true;
  }

  close(): void {
    clearInterval(this.#interval);
    clearTimeout(this.#timer);
  }

  #look(): void {
    const lsn = this.#config.hub.lsn();
    ++this.#looks;
    if (lsn !== this.#seenLsn || this.#isDue || (this.#isKept && this.#looks % idleLooks === 0)) {
      this.#seenLsn = lsn;
      this.#isDue = false;
      this.#prune();
    }
  }

  #prune(): void {
    clearTimeout(this.#timer);
    if (this.#step()) this.#timer = setTimeout(() => this.#prune(), pauseMs).unref();
  }

  /** Whether to go on soon. */
  #step(): boolean {
    const { hub, retention, connect } = this.#config;
    if (hub.isThreadInTransaction()) return true;
    try {
      const database = connect();
      try {
        if (!database.claim()) return true;
        const { next, isEmpty } = prune(database, { retention, heldLsn: hub.heldLogLsn(), nowMs: Date.now() });
        this.#isKept = !isEmpty;
        this.#isDue = next === 'soon';
        this.#error = undefined;
        return next === 'now';
      } finally {
        database.close();
      }
    } catch (error) {
      const { code = 'ERROR', message } = error as { code?: string; message: string };
      this.#isDue = true;
      if (!isBusy(error) && code !== 'ROWTAP_FILE_GONE') this.#error = { code, message };
      return false;
    }
  }
}
