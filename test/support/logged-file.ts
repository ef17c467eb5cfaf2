import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Database } from 'rowtap';
import { onTestFinished } from 'vitest';
import { beginArchive, readArchive } from './archive.js';
import { briefTransactions } from './captured.js';

export interface LoggedOptions {
  mode?: 'wal' | 'delete';
  encoding?: string;
  /** Run when the log has begun; what it does is left out of `logged`. */
  before?: string;
}

/** A file that keeps a log, and has no source open; removed when the test has finished. */
export class LoggedFile {
  readonly path: string;
  #before = 0;

  private constructor(path: string) {
    this.path = path;
  }

  static async make({ mode = 'wal', encoding = 'UTF-8', before = '' }: LoggedOptions = {}): Promise<LoggedFile> {
    const folder = mkdtempSync(join(tmpdir(), 'rowtap-logged-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const file = new LoggedFile(join(folder, 'test.db'));
    // The encoding is kept with the first table.
    new Database(file.path)
      .exec(`PRAGMA encoding = "${encoding}"; PRAGMA journal_mode = ${mode}; CREATE TABLE x (x); DROP TABLE x`)
      .close();
    await beginArchive(file.path);
    new Database(file.path).exec(before).close();
    file.#before = (await file.#transactions()).length;
    return file;
  }

  /** Closed when the test has finished, if not before. */
  open(): Database {
    const db = new Database(this.path, { timeout: 0 });
    onTestFinished(() => void db.close());
    return db;
  }

  /** What the log has, as brief texts, an array for each transaction. No transaction is open on the file. */
  async logged(): Promise<string[][]> {
    return (await this.#transactions()).slice(this.#before);
  }

  async #transactions(): Promise<string[][]> {
    return briefTransactions(await readArchive(this.path));
  }
}
