/** What an old SQLite writes: the triggers say nothing that 3.35 does not know. It runs as WebAssembly, on a copy of the file in memory. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Change, Database, installTriggers, openSource } from 'rowtap';
import { expect, onTestFinished, test } from 'vitest';
import { brief } from '../support/captured.js';

interface OldDatabase {
  exec(sql: string): { values: unknown[][] }[];
  export(): Uint8Array;
  close(): void;
}

const require = createRequire(import.meta.url);
const open = require('sql.js') as (options: { wasmBinary: Buffer }) => Promise<{ Database: new (file: Uint8Array) => OldDatabase }>;

test('SQLite 3.35 fires the triggers', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'rowtap-older-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'test.db');
  const db = new Database(path);
  const columns = Array.from({ length: 40 }, (_, index) => `c${index}`);
  db.exec(`CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, s AS (a || '!') STORED); CREATE TABLE w (k, n INT, PRIMARY KEY (n DESC, k)) WITHOUT ROWID;
    CREATE TABLE wide (${columns.join(', ')})`);
  installTriggers(db);
  const first = openSource(db, { engine: 'trigger' });
  await first.subscribe({ consumer: 'c', snapshot: 'never' }).close();
  await first.close();
  db.close();

  const old = new (await open({ wasmBinary: readFileSync(require.resolve('sql.js/dist/sql-wasm.wasm')) })).Database(readFileSync(path));
  expect(old.exec('SELECT sqlite_version()')[0]?.values).toEqual([['3.35.0']]);
  old.exec(`PRAGMA recursive_triggers = ON; BEGIN; INSERT INTO t (id, a) VALUES (1, 'x'), (2, x'00'); UPDATE t SET a = 9007199254740993 WHERE id = 2;
    REPLACE INTO t (id, a) VALUES (1, 'y'); SAVEPOINT s; DELETE FROM t; ROLLBACK TO s; COMMIT; INSERT INTO w VALUES ('k', 1e999);
    INSERT INTO wide VALUES (${columns.map((_, index) => index).join(', ')}); DELETE FROM w`);
  writeFileSync(path, old.export());
  old.close();

  const source = openSource(path, { engine: 'trigger' });
  onTestFinished(() => source.close());
  const seen: Change[] = [];
  for await (const change of source.subscribe({ consumer: 'c', snapshot: 'never' })) {
    seen.push(change);
    if (change.op !== 'gap' && change.table === 'w' && change.op === 'delete') break;
  }
  expect(seen.map(brief)).toEqual([
    "insert t (1, 'x', 'x!')",
    "insert t (2, x'00', '\0!')",
    "update t (2, x'00', '\0!') > (2, '9007199254740993', '9007199254740993!')",
    "delete t (1, 'x', 'x!')",
    "insert t (1, 'y', 'y!')",
    "insert w ('k', Infinity)",
    `insert wide (${columns.map((_, index) => index).join(', ')})`,
    "delete w ('k', Infinity)",
  ]);
});
