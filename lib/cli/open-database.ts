import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { Database } from '../rowtap.js';
import { CommandError } from './command-error.js';
import { failureText } from './failure-text.js';

/** Opens a file that is there, and is a database. Throws a CommandError that names it otherwise. */
export function openDatabase(path: string, { isReadonly }: { isReadonly: boolean }): Database {
  requireFile(path);
  let database: Database | undefined;
  try {
    // As an absolute path: ":memory:" and "file:" would be something else to SQLite.
    database = new Database(resolve(path), { fileMustExist: true, readonly: isReadonly });
    database.prepare('SELECT count(*) FROM main.sqlite_schema').get();
    return database;
  } catch (error) {
    database?.close();
    throw new CommandError(`${path}: ${failureText(error)}`, undefined, { cause: error });
  }
}

/** Throws a CommandError where there is none. */
export function requireFile(path: string): void {
  let isFile: boolean;
  try {
    isFile = statSync(path).isFile();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const reason = code === 'ENOENT' || code === 'ENOTDIR' ? 'no such file. Check the path.' : message;
    throw new CommandError(`${path}: ${reason}`, undefined, { cause: error });
  }
  if (!isFile) throw new CommandError(`${path}: it is no file. Name the file of a database.`);
}
