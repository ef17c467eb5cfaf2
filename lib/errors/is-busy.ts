import { SqliteError } from './sqlite-error.js';

/** Somebody else holds a lock, which passes (https://www.sqlite.org/rescode.html#busy). */
export function isBusy(error: unknown): boolean {
  return error instanceof SqliteError && /^SQLITE_(?:BUSY|LOCKED)/.test(error.code);
}
