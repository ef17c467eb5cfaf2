import { SqliteError } from '../errors/sqlite-error.js';

/** By the first part of SQLite's code: what happened, and what to do about it. */
const sqliteFailures: Readonly<Record<string, string>> = {
  SQLITE_CANTOPEN: 'the database can not be opened. Check the permissions of the file and of its folder.',
  SQLITE_NOTADB: 'this is not an SQLite database. Check the path; an encrypted database can not be read either.',
  SQLITE_BUSY: 'the database is locked by another program. Try again when its transaction has ended.',
  SQLITE_LOCKED: 'the database is locked. Try again when the transaction that is open has ended.',
  SQLITE_READONLY: 'the database can not be written. Check the permissions of the file and of its folder.',
  SQLITE_PERM: 'the database can not be opened. Check the permissions of the file and of its folder.',
  SQLITE_CORRUPT: 'the database is damaged. Check it with `PRAGMA integrity_check`.',
  SQLITE_FULL: 'the disk is full. Make room and try again.',
};

/** What a user is told of a failure: no stack, and the code by which it can be looked up. */
export function failureText(error: unknown): string {
  if (error instanceof SqliteError) {
    const known = sqliteFailures[error.code.split('_').slice(0, 2).join('_')];
    return known === undefined ? `${error.message} (${error.code})` : `${known} (${error.code}: ${error.message})`;
  }
  if (!(error instanceof Error)) return String(error);
  const { code } = error as { code?: unknown };
  return typeof code === 'string' && code.startsWith('ROWTAP_') ? `${error.message} (${code})` : error.message;
}
