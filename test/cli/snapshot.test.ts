import { spawnSync } from 'node:child_process';
import { copyFileSync } from 'node:fs';
import { Database } from 'rowtap';
import { describe, expect, test, vi } from 'vitest';
import { namesIn, newLoggedShop, newShop, numbered, parsed } from './database-file.js';
import { pathOf, run, start, startOnTerminal } from './typed.js';

test('prints the rows that exist as JSON lines, and ends', async () => {
  const shop = newShop();
  shop.insert('kettle', 'teapot');
  const { code, stdout, stderr } = await run('rowtap', ['snapshot', shop.path]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(parsed(stdout.trimEnd().split('\n'))).toMatchObject([
    { source: 'shop.db', op: 'bootstrap', table: 'notes', index: 0, before: null, after: null },
    { op: 'bootstrap', table: 'products' },
    { op: 'snapshot', table: 'products', key: { id: 1 }, before: null, after: { id: 1, name: 'kettle' }, indirect: false, last: false },
    { op: 'snapshot', table: 'products', key: { id: 2 }, before: null, after: { id: 2, name: 'teapot' }, last: true },
  ]);
});

test('every value has a form in JSON that gives it back', async () => {
  const { path, db } = newShop();
  db.exec('CREATE TABLE kinds (id INTEGER PRIMARY KEY, value, "__proto__", "toJSON")');
  const values = [
    null,
    1,
    -2.5,
    9_007_199_254_740_991,
    9_007_199_254_740_993n,
    -9_223_372_036_854_775_808n,
    '',
    'ünï\u0000\u009b\n"',
    Number.POSITIVE_INFINITY,
  ];
  const insert = db.prepare('INSERT INTO kinds (value, "__proto__", "toJSON") VALUES (?, 1, 2)');
  for (const value of [...values, Buffer.from([0, 255, 16]), Buffer.alloc(0)]) insert.run(value);
  const { stdout } = await run('rowtap', ['snapshot', path, '--table', 'kinds']);
  expect(stdout).not.toMatch(/[\u007f-\u009f]/);
  const rows = parsed(stdout.trimEnd().split('\n')).slice(1);
  const after = rows.map((row) => row['after'] as { value: unknown });
  expect(after.map(({ value }) => value)).toEqual([
    null,
    1,
    -2.5,
    9_007_199_254_740_991,
    { integer: '9007199254740993' },
    { integer: '-9223372036854775808' },
    '',
    'ünï\u0000\u009b\n"',
    { real: 'Infinity' },
    { base64: 'AP8Q' },
    { base64: '' },
  ]);
  expect(after.every((row) => Object.getOwnPropertyDescriptor(row, '__proto__')?.value === 1 && Object.hasOwn(row, 'toJSON'))).toBe(true);
});

test('only of the tables that are asked for; none where there is none', async () => {
  const shop = newShop();
  shop.insert('kettle');
  const only = await run('rowtap', ['snapshot', shop.path, '--exclude-table=NOTES']);
  expect(parsed(only.stdout.trimEnd().split('\n')).map(({ op, table }) => `${String(op)} ${String(table)}`)).toEqual([
    'bootstrap products',
    'snapshot products',
  ]);
  expect(await run('rowtap', ['snapshot', shop.path, '--table', 'x*'])).toMatchObject({ code: 0, stdout: '', stderr: '' });
});

test('as of one moment, while others go on writing', async () => {
  const shop = newLoggedShop();
  shop.insert(...numbered(0, 5000));
  const snapshot = start('rowtap', ['snapshot', shop.path, '--table', 'products'], { isUnread: true });
  await vi.waitUntil(() => (snapshot.child.stdout?.readableLength ?? 0) > 0);
  shop.db.exec("UPDATE products SET name = 'later'; DELETE FROM products WHERE id > 4000");
  snapshot.readOn();
  expect(await snapshot.ended()).toMatchObject({ code: 0, stderr: '' });
  expect(namesIn(snapshot.lines)).toEqual(numbered(0, 5000));
});

test('changes nothing in the file, and needs no right to', async () => {
  const { path, db, insert } = newShop({ mode: 'delete' });
  insert('kettle');
  const copy = `${path}.copy`;
  copyFileSync(path, copy);
  const { code, stderr } = await run('rowtap', ['snapshot', path]);
  expect(code).toBe(0);
  expect(stderr).toContain('in journal mode "delete" commits of others wait');
  db.close();
  const compared = spawnSync('cmp', [path, copy], { encoding: 'utf8' });
  expect(compared.status).toBe(0);
});

describe('progress', () => {
  test('is a bar on a terminal, where lines are for people', async () => {
    const shop = newShop();
    shop.insert(...numbered(0, 3000));
    const snapshot = startOnTerminal('rowtap', ['snapshot', shop.path]);
    const { code, stdout } = await snapshot.ended();
    expect(code).toBe(0);
    expect(stdout).toContain('█');
    expect(stdout).toMatch(/3,000 rows/);
    expect(stdout).toMatch(/snapshot: 3,000 rows of 2 tables in \d/);
    expect(stdout).toContain("name='n2999'");
  });

  test('is a bar on a terminal beside rows that go into a file', async () => {
    const shop = newShop();
    shop.insert(...numbered(0, 2000));
    const file = `${shop.path}.jsonl`;
    const { code, stdout } = await startOnTerminal('rowtap', ['snapshot', shop.path, '--output', file]).ended();
    expect(code).toBe(0);
    expect(stdout).toMatch(/snapshot: 2,000 rows of 2 tables/);
    expect(stdout).not.toContain('n1999');
  });

  test('is not shown in a pipe', async () => {
    const shop = newShop();
    shop.insert(...numbered(0, 3000));
    const { stdout, stderr } = await run('rowtap', ['snapshot', shop.path]);
    expect(stderr).toBe('');
    expect(stdout).not.toContain('█');
    expect(stdout).not.toContain('\u001b');
  });
});

describe('stopped before its end', () => {
  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('by %s: whole lines, and the exit code %i', async (signal, expected) => {
    const shop = newShop();
    shop.db.exec('BEGIN');
    shop.insert(...numbered(0, 20_000));
    shop.db.exec('COMMIT');
    const snapshot = start('rowtap', ['snapshot', shop.path, '--batch-size', '10'], { isUnread: true });
    await vi.waitUntil(() => (snapshot.child.stdout?.readableLength ?? 0) > 0);
    const ended = snapshot.stop(signal);
    snapshot.readOn();
    const { code, stdout, stderr } = await ended;
    expect({ code, stderr }).toEqual({ code: expected, stderr: '' });
    expect(stdout.endsWith('\n')).toBe(true);
    const names = namesIn(snapshot.lines);
    expect(names).toEqual(numbered(0, names.length));
    expect(names.length).toBeLessThan(20_000);
  });
});

test('who reads only the beginning ends it', () => {
  const shop = newShop();
  shop.db.exec('BEGIN');
  shop.insert(...numbered(0, 20_000));
  shop.db.exec('COMMIT');
  const script = '"$0" "$1" snapshot "$2" | head -n 1 > /dev/null; echo "${PIPESTATUS[0]}"';
  const { stdout, stderr } = spawnSync('bash', ['-c', script, process.execPath, pathOf('rowtap'), shop.path], { encoding: 'utf8' });
  expect({ stdout, stderr }).toEqual({ stdout: '0\n', stderr: '' });
});

test('an empty file is a database without tables', async () => {
  const { path } = newShop();
  const empty = `${path}.empty`;
  new Database(empty).close();
  expect(await run('rowtap', ['snapshot', empty])).toMatchObject({ code: 0, stdout: '' });
});
