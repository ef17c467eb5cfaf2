import { SqliteError } from '../errors/sqlite-error.js';

const firstMs = 5;
const mostMs = 1000;

/** How often a row whose own work meets a lock is tried again, one after the other; what this project's statements meet is tried for ever. */
export const mostRowRetries = 8;

/** Somebody else holds a lock, which passes (https://www.sqlite.org/rescode.html#busy). */
export function isBusy(error: unknown): boolean {
  return error instanceof SqliteError && /^SQLITE_(?:BUSY|LOCKED)/.test(error.code);
}

/** How long to wait after `failures` in a row. Half of it by chance, so that processes which met once don't meet again. */
export function busyDelayMs(failures: number, chance: number): number {
  const fullMs = Math.min(firstMs * 2 ** Math.min(Math.max(failures - 1, 0), 16), mostMs);
  return fullMs / 2 + (fullMs / 2) * chance;
}

/** Failures in a row. */
export class Retries {
  failures = 0;

  nextDelayMs(): number {
    return busyDelayMs(++this.failures, Math.random());
  }

  reset(): void {
    this.failures = 0;
  }
}
