export interface LogWaitParts {
  /** Lets the subscription read again after that time. */
  wake(delayMs: number): void;
  /** Reads with a connection that may write, which takes back what a killed writer has left. */
  recover(): void;
  /** Those that wait now. */
  waiting: Set<LogWait>;
  nowMs?: () => number;
}

/** How soon a log is asked again that is locked just now. */
const retryMs = 20;
/** Locks are held for milliseconds. Somebody is told of one that lasts. */
const longMs = 1000;

/** What one reader does while it can't read the log because of somebody's lock: it asks again for ever, and shows when that takes long. */
export class LogWait {
  readonly #parts: LogWaitParts;
  readonly #nowMs: () => number;
  #sinceMs: number | undefined;
  #recoveredMs = 0;

  constructor(parts: LogWaitParts) {
    this.#parts = parts;
    this.#nowMs = parts.nowMs ?? (() => performance.now());
  }

  get isLong(): boolean {
    return this.#sinceMs !== undefined && this.#nowMs() - this.#sinceMs >= longMs;
  }

  /** It was locked. */
  again(): void {
    const nowMs = this.#nowMs();
    this.#sinceMs ??= this.#recoveredMs = nowMs;
    this.#parts.waiting.add(this);
    // A connection that only reads does not roll back what somebody has left who was killed amid a commit; nobody else may be there to do it.
    if (nowMs - this.#recoveredMs >= longMs) {
      this.#recoveredMs = nowMs;
      this.#parts.recover();
    }
    this.#parts.wake(retryMs);
  }

  /** It was read, or there is nobody any more to read it. */
  over(): void {
    this.#sinceMs = undefined;
    this.#parts.waiting.delete(this);
  }
}
