/** Database files for the executables, written by this process: to them it is another one. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Database, openSource, type Source } from 'rowtap';
import { onTestFinished } from 'vitest';

/** A folder that goes with the test. */
export function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'rowtap-cli-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

export interface Shop {
  path: string;
  db: Database;
  insert(...names: string[]): void;
}

const createSql = 'CREATE TABLE products (id INTEGER PRIMARY KEY, name TEXT); CREATE TABLE notes (words TEXT)';

/** With two tables and no log. */
export function newShop({ mode = 'wal', path = join(folder(), 'shop.db') } = {}): Shop {
  const db = new Database(path);
  onTestFinished(() => void db.close());
  db.pragma(`journal_mode = ${mode}`);
  db.exec(createSql);
  const statement = db.prepare('INSERT INTO products (name) VALUES (?)');
  return {
    path,
    db,
    insert: (...names) => {
      for (const name of names) statement.run(name);
    },
  };
}

/** With the log of the hook engine, which is on from here. */
export function newLoggedShop(options: { mode?: string; path?: string } = {}): Shop & { source: Source } {
  const shop = newShop(options);
  const source = openSource(shop.db, { name: shop.path, durability: 'log', retention: { maxAgeMs: 3_600_000 } });
  return { ...shop, source };
}

/** What is in lines of JSON. */
export function parsed(lines: readonly string[]): Record<string, unknown>[] {
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** The names of the products that lines of JSON are about. */
export function namesIn(lines: readonly string[]): unknown[] {
  return parsed(lines)
    .map(({ after }) => after as { name?: unknown } | null)
    .filter((after) => after !== null)
    .map(({ name }) => name);
}

export function numbered(from: number, count: number): string[] {
  return Array.from({ length: count }, (_, at) => `n${from + at}`);
}
