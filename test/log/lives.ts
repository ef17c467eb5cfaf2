/** A database file that keeps a log, opened and closed as often as a test likes. */
import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Change, Database, openSource, type Source, type SourceOptions, type Subscription } from 'rowtap';
import { onTestFinished } from 'vitest';

export interface Life {
  db: Database;
  source: Source;
  close(): Promise<void>;
}

const rowtap = new URL('../../dist/index.js', import.meta.url).href;

/** An empty folder's file, removed when the test has finished. */
export function logFile(): string {
  const folder = mkdtempSync(join(tmpdir(), 'rowtap-log-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'logged.db');
}

/** From the opening of the file to its closing, as a program's run. */
export function live(path: string, { mode = 'wal', ...options }: SourceOptions & { mode?: 'wal' | 'delete' } = {}): Life {
  const db = new Database(path);
  db.pragma(`journal_mode = ${mode}`);
  const source = openSource(db, { durability: 'log', ...options });
  const close = async (): Promise<void> => {
    await source.close();
    if (db.open) db.close();
  };
  onTestFinished(close);
  return { db, source, close };
}

/** Reads a subscription a piece at a time; it stays open between. */
export class Reading {
  readonly #iterator: AsyncIterator<Change>;

  constructor(subscription: Subscription) {
    this.#iterator = subscription[Symbol.asyncIterator]();
  }

  /** The next so many changes. */
  async take(count: number): Promise<Change[]> {
    const changes: Change[] = [];
    while (changes.length < count) {
      const { value, done } = await this.#iterator.next();
      if (done === true) break;
      changes.push(value);
    }
    return changes;
  }

  /** Up to the first that is wanted, that one included. */
  async until(isWanted: (change: Change) => boolean): Promise<Change[]> {
    const changes: Change[] = [];
    for (;;) {
      const { value, done } = await this.#iterator.next();
      if (done === true) return changes;
      changes.push(value);
      if (isWanted(value)) return changes;
    }
  }
}

/** A row that says that everything before it has come. */
export const isMarker = (change: Change): boolean => change.op === 'insert' && change.table === 'marker';

export const markerTable = 'CREATE TABLE IF NOT EXISTS marker (id INTEGER PRIMARY KEY)';

export function mark(db: Database): void {
  db.exec('INSERT INTO marker DEFAULT VALUES');
}

const run = promisify(execFile);

/** Runs a program of its own, which sees `rowtap`, `path` and what is given; gives what it printed. */
export async function otherProcess(path: string, source: string, ...given: string[]): Promise<string> {
  const { stdout } = await run(process.execPath, argumentsFor(path, source, given));
  return stdout;
}

/** The same, while this thread stands still. */
export function otherProcessSync(path: string, source: string, ...given: string[]): void {
  execFileSync(process.execPath, argumentsFor(path, source, given));
}

function argumentsFor(path: string, source: string, given: string[]): string[] {
  const program = `const [, address, path, ...given] = process.argv; const rowtap = await import(address); ${source}`;
  return ['--input-type=module', '-e', program, rowtap, path, ...given];
}
