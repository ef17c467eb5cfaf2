import { Database, Replica } from 'rowtap';
import { expect, onTestFinished, test } from 'vitest';
import { capture } from '../support/captured.js';

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;
const names = [
  'sqliteXusers',
  'say "hi"',
  'a.b',
  'two words',
  'select',
  "it's",
  'tab\tline\n',
  '[x]',
  '`y`',
  'Ärger',
  'ärger',
  '漢字',
  '😀',
  '__proto__',
  'constructor',
  'toString',
  '%_*?',
  '--',
  '1st',
];

test.each(names)('a table and its column may be called %j', async (name) => {
  const target = new Database(':memory:');
  onTestFinished(() => void target.close());
  const replica = new Replica(target);
  const captured = capture({
    before: `CREATE TABLE ${quoted(name)} (${quoted(name)} PRIMARY KEY, v); INSERT INTO ${quoted(name)} VALUES ('old', 0)`,
    snapshot: 'initial',
  });
  captured.db.exec(
    `INSERT INTO ${quoted(name)} VALUES ('x', 1); UPDATE ${quoted(name)} SET v = 2;
      DELETE FROM ${quoted(name)} WHERE ${quoted(name)} = 'x'`,
  );
  captured.db.exec(`ALTER TABLE ${quoted(name)} ADD COLUMN added DEFAULT 5; UPDATE ${quoted(name)} SET v = 3`);
  const changes = await captured.changes();
  expect(changes.every((change) => change.table === name)).toBe(true);
  const inserted = changes.find((change) => change.op === 'insert');
  expect(Object.entries(inserted?.after ?? {})).toEqual([
    [name, 'x'],
    ['v', 1],
  ]);
  expect(Object.getPrototypeOf(inserted?.after)).toBe(Object.prototype);
  replica.apply(changes);
  expect(replica.verify(captured.db).tables.find((table) => table.table === name)).toEqual({
    table: name,
    rows: 1,
    missing: 0,
    extra: 0,
    different: 0,
  });
});

test('the table that LIKE would take for one of SQLite is captured, and by its exact name in a list', async () => {
  const captured = capture({ before: 'CREATE TABLE sqliteXusers (a)', tables: ['SQLITExusers', 'test_marker*'] });
  captured.db.exec('INSERT INTO sqlitexUSERS VALUES (1)');
  expect(await captured.transactions()).toEqual([['insert sqliteXusers (1)']]);
});

test('tables that differ in non-ASCII case only are two', async () => {
  const captured = capture({ before: 'CREATE TABLE "ä" (a); CREATE TABLE "Ä" (a)', tables: ['ä', 'test_marker*'] });
  captured.db.exec('INSERT INTO "ä" VALUES (1); INSERT INTO "Ä" VALUES (2)');
  expect(await captured.transactions()).toEqual([['insert ä (1)']]);
});
