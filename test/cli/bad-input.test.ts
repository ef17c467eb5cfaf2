/** Every command on what is no database that it can use: one line that says what is wrong, and what to do. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { folder, newLoggedShop, newShop } from './database-file.js';
import { type Executable, type Finished, run } from './typed.js';

/** How each is typed for a database. */
const commands: [string, Executable, (path: string, other: string) => string[]][] = [
  ['tail', 'rowtap', (path) => ['tail', path]],
  ['tail --consumer', 'rowtap', (path) => ['tail', path, '--consumer', 'c']],
  ['tail --snapshot', 'rowtap', (path) => ['tail', path, '--snapshot']],
  ['snapshot', 'rowtap', (path) => ['snapshot', path]],
  ['verify', 'rowtap', (path, other) => ['verify', path, other]],
  ['verify, as the other one', 'rowtap', (path, other) => ['verify', other, path]],
  ['status', 'rowtap-admin', (path) => ['status', path]],
  ['drop-consumer', 'rowtap-admin', (path) => ['drop-consumer', path, 'c']],
  ['prune', 'rowtap-admin', (path) => ['prune', path]],
  ['install', 'rowtap-admin', (path) => ['install', path]],
  ['uninstall', 'rowtap-admin', (path) => ['uninstall', path]],
];

function expectFailure({ code, signal, stdout, stderr }: Finished, path: string, reason: string | RegExp): void {
  expect({ code, signal, stdout }).toEqual({ code: 1, signal: null, stdout: '' });
  expect(stderr).toMatch(reason);
  expect(stderr).toContain(path);
  expect(stderr.trimEnd().split('\n'), stderr).toHaveLength(1);
  expect(stderr).not.toContain('node:internal');
}

describe.each(commands)('%s', (_, executable, typed) => {
  test('of no file', async () => {
    const shop = newShop();
    const paths = [join(dirname(shop.path), 'nope.db'), join(dirname(shop.path), 'nowhere/nope.db'), ':memory:'];
    const finished = await Promise.all(paths.map((path) => run(executable, typed(path, shop.path))));
    for (const [at, path] of paths.entries()) expectFailure(finished[at] as Finished, path, /no such file\. Check the path/);
  });

  test('of a folder', async () => {
    const shop = newShop();
    expectFailure(await run(executable, typed(dirname(shop.path), shop.path)), dirname(shop.path), 'it is no file');
  });

  test('of what is not a database', async () => {
    const shop = newShop();
    const path = join(folder(), 'notes.txt');
    writeFileSync(path, 'Some notes, and no database at all. '.repeat(100));
    expectFailure(await run(executable, typed(path, shop.path)), path, 'this is not an SQLite database');
  });
});

test('every command on a database that another program has locked', async () => {
  const [shop, other] = [newLoggedShop({ mode: 'delete' }), newShop()];
  shop.db.exec('BEGIN EXCLUSIVE');
  const finished = await Promise.all(commands.map(([, executable, typed]) => run(executable, typed(shop.path, other.path))));
  shop.db.exec('ROLLBACK');
  for (const each of finished) expectFailure(each, shop.path, 'locked by another program. Try again');
});

test.each<[string, Executable, string[]]>([
  ['prune', 'rowtap-admin', ['prune', '--max-bytes', '1']],
  ['install', 'rowtap-admin', ['install']],
])('%s while another program writes', async (_, executable, [command = '', ...rest]) => {
  const shop = newLoggedShop();
  shop.db.exec('BEGIN IMMEDIATE');
  const finished = await run(executable, [command, shop.path, ...rest]);
  shop.db.exec('ROLLBACK');
  expectFailure(finished, shop.path, 'locked by another program. Try again');
});

const filtered = commands.filter(([name]) => /^(?:tail|snapshot|verify|install)/.test(name));

test.each(filtered)('%s of a table that is not there', async (_, executable, typed) => {
  const [shop, other] = [newLoggedShop(), newLoggedShop()];
  const { code, stdout, stderr } = await run(executable, [...typed(shop.path, other.path), '--table', 'prodcuts']);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toMatch(/no such table: prodcuts \(.* has: notes, products\)/);
});

describe('a database that may only be read', () => {
  /** In a folder in which nothing can be made either. */
  async function readOnlyShop(): Promise<string> {
    const shop = newLoggedShop({ mode: 'delete', path: join(makeFolder(), 'shop.db') });
    shop.insert('kettle');
    await shop.source.subscribe({ consumer: 'old', snapshot: 'never' }).close();
    await shop.source.close();
    shop.db.close();
    chmodSync(shop.path, 0o444);
    chmodSync(dirname(shop.path), 0o555);
    return shop.path;
  }

  function makeFolder(): string {
    const path = folder();
    chmodSync(path, 0o755);
    mkdirSync(join(path, 'closed'));
    return join(path, 'closed');
  }

  test('is shown and compared', async () => {
    const path = await readOnlyShop();
    expect((await run('rowtap', ['snapshot', path], { isPlainUser: true })).stdout).toContain('kettle');
    expect(await run('rowtap', ['verify', path, path], { isPlainUser: true })).toMatchObject({ code: 0, stderr: '' });
    expect(await run('rowtap-admin', ['status', path], { isPlainUser: true })).toMatchObject({ code: 0, stderr: '' });
  });

  test.each<[string, Executable, string[]]>([
    ['tail --consumer', 'rowtap', ['tail', '--consumer', 'c']],
    ['prune', 'rowtap-admin', ['prune', '--max-bytes', '1']],
    ['drop-consumer', 'rowtap-admin', ['drop-consumer', 'old']],
    ['install', 'rowtap-admin', ['install']],
  ])('but %s says that it can not be written', async (_, executable, [command = '', ...rest]) => {
    const path = await readOnlyShop();
    const { code, stdout, stderr } = await run(executable, [command, path, ...rest], { isPlainUser: true });
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/the database can not be written\. Check the permissions|could not be written.*readonly database/);
  });

  test('and one that may not even be read', async () => {
    const shop = newShop({ mode: 'delete', path: join(makeFolder(), 'shop.db') });
    chmodSync(shop.path, 0o000);
    const { code, stderr } = await run('rowtap', ['snapshot', shop.path], { isPlainUser: true });
    expect(code).toBe(1);
    expect(stderr).toContain('the database can not be opened. Check the permissions');
  });
});
