import { spawnSync } from 'node:child_process';
import { renameSync } from 'node:fs';
import { openSource } from 'rowtap';
import { describe, expect, test, vi } from 'vitest';
import { namesIn, newLoggedShop, newShop, numbered, parsed, type Shop } from './database-file.js';
import { type Finished, pathOf, type Running, run, start, startOnTerminal } from './typed.js';
import { UnreadPipe } from './unread-pipe.js';

/** Writes until it is seen: the first rows may have come before it was there. */
async function untilFollowing(running: Running, shop: Shop): Promise<void> {
  await vi.waitUntil(
    () => {
      shop.insert('hello');
      return running.lines.length > 0;
    },
    { timeout: 30_000, interval: 100 },
  );
}

test.each(['wal', 'delete'])('follows from now on what another process commits, in journal mode %s', async (mode) => {
  const shop = newLoggedShop({ mode });
  shop.insert('before');
  const tail = start('rowtap', ['tail', shop.path]);
  await untilFollowing(tail, shop);
  shop.db.exec("BEGIN; UPDATE products SET name = 'rolled back'; ROLLBACK; UPDATE products SET name = 'samovar' WHERE id = 1");
  shop.db.exec('DELETE FROM products WHERE id = 1');
  await vi.waitUntil(() => tail.lines.some((line) => line.includes('"delete"')));
  const { code, stderr, stdout } = await tail.stop('SIGTERM');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const changes = parsed(stdout.trimEnd().split('\n'));
  expect(new Set(namesIn(tail.lines))).toEqual(new Set(['hello', 'samovar']));
  expect(changes.slice(-2)).toMatchObject([
    { op: 'update', table: 'products', key: { id: 1 }, before: { id: 1, name: 'before' }, after: { id: 1, name: 'samovar' }, last: true },
    { op: 'delete', table: 'products', key: { id: 1 }, before: { id: 1, name: 'samovar' }, after: null, source: 'shop.db' },
  ]);
});

test('only of the tables that are asked for', async () => {
  const shop = newLoggedShop();
  await run('rowtap', ['tail', shop.path, '--consumer', 'c', '--table', 'nope']).then(({ code }) => expect(code).toBe(1));
  await shop.source.subscribe({ consumer: 'c', snapshot: 'never' }).close();
  shop.db.exec("CREATE TABLE others (x); INSERT INTO others VALUES (1); INSERT INTO notes VALUES ('note')");
  shop.insert('kettle');
  const only = start('rowtap', ['tail', shop.path, '--consumer', 'c', '--table', 'n*', '--table', 'products', '--exclude-table', 'o*']);
  await only.until(2);
  await only.stop('SIGINT');
  expect(parsed(only.lines).map(({ table }) => table)).toEqual(['notes', 'products']);
});

test('--snapshot: first the rows that exist, then the changes; and with a consumer once', async () => {
  const shop = newLoggedShop();
  shop.insert('kettle', 'teapot');
  const args = ['tail', shop.path, '--snapshot', '--table', 'products', '--consumer', 'c'];
  const first = start('rowtap', args);
  await first.until(3);
  shop.insert('cup');
  await first.until(4);
  expect((await first.stop('SIGTERM')).code).toBe(0);
  expect(parsed(first.lines).map(({ op }) => op)).toEqual(['bootstrap', 'snapshot', 'snapshot', 'insert']);
  shop.insert('saucer');
  const second = start('rowtap', args);
  await second.until(1);
  await second.stop('SIGTERM');
  expect(namesIn(second.lines)).toEqual(['saucer']);
});

test('--format text: lines for people, one for each change, whatever is in it', async () => {
  const shop = newLoggedShop();
  await shop.source.subscribe({ consumer: 'c', snapshot: 'never' }).close();
  shop.db.prepare('INSERT INTO products VALUES (1, ?)').run('ket\u001b[31mtle\nwith a lid');
  shop.db.exec('UPDATE products SET name = NULL; DELETE FROM products; ALTER TABLE notes ADD COLUMN stars');
  const tail = start('rowtap', ['tail', shop.path, '--consumer', 'c', '--format', 'text']);
  await tail.until(4);
  await tail.stop('SIGINT');
  expect(tail.lines.map((line) => line.replace(/^\d\d:\d\d:\d\d\.\d{3} /, ''))).toEqual([
    " + products id=1 name='ket␛[31mtle␊with a lid'",
    " ~ products id=1 name: 'ket␛[31mtle␊with a lid' → NULL",
    ' - products id=1 name=NULL',
    ' ! notes alter: words, stars',
  ]);
});

describe('on a terminal', () => {
  test.each([
    [{}, true],
    [{ NO_COLOR: '1' }, false],
    [{ TERM: 'dumb' }, false],
  ] as const)('lines for people by themselves; with %j in the environment, coloured: %s', async (env, isColoured) => {
    const shop = newLoggedShop();
    await shop.source.subscribe({ consumer: 'c', snapshot: 'never' }).close();
    shop.insert('kettle');
    const tail = startOnTerminal('rowtap', ['tail', shop.path, '--consumer', 'c', ...('TERM' in env ? ['--format', 'text'] : [])], { env });
    await tail.until(1);
    expect(tail.stdout).toContain('products');
    expect(tail.stdout).toContain("name='kettle'");
    expect(tail.stdout.includes('\u001b[32m+\u001b[39m')).toBe(isColoured);
    if (!isColoured) expect(tail.stdout).not.toContain('\u001b[3');
  });
});

describe.each(['SIGINT', 'SIGTERM'] as const)('%s amid a stream', (signal) => {
  test('ends with 0, and the next run goes on with the rest: nothing twice, nothing left out', async () => {
    const shop = newLoggedShop();
    const count = 12_000;
    await shop.source.subscribe({ consumer: 'c', snapshot: 'never' }).close();
    const names = numbered(0, count);
    for (let at = 0; at < count; at += 40) {
      shop.db.exec('BEGIN');
      shop.insert(...names.slice(at, at + 40));
      shop.db.exec('COMMIT');
    }
    const args = ['tail', shop.path, '--consumer', 'c', '--batch-size', '7'];
    // Its output is not read before the signal is there, so that it can't be at the end by then.
    const first = start('rowtap', args, { isUnread: true });
    await vi.waitUntil(() => (first.child.stdout?.readableLength ?? 0) > 0, { timeout: 30_000 });
    const ended = first.stop(signal);
    first.readOn();
    expect(await ended).toMatchObject({ code: 0, signal: null, stderr: '' });
    const taken = first.lines.length;
    expect(taken).toBeGreaterThan(0);
    expect(taken).toBeLessThan(count);
    const second = start('rowtap', args);
    await second.until(count - taken);
    shop.insert('the end');
    await second.until(count - taken + 1);
    await second.stop(signal);
    expect([...namesIn(first.lines), ...namesIn(second.lines)]).toEqual([...names, 'the end']);
  });

  test('ends one that waits', async () => {
    const shop = newLoggedShop();
    const tail = start('rowtap', ['tail', shop.path]);
    await untilFollowing(tail, shop);
    expect(await tail.stop(signal)).toMatchObject({ code: 0, stderr: '' });
  });

  test('ends one whose output nobody reads: what was not taken comes in the next run', async () => {
    const shop = newLoggedShop();
    const names = numbered(0, 5000);
    await shop.source.subscribe({ consumer: 'c', snapshot: 'never' }).close();
    shop.db.exec('BEGIN');
    shop.insert(...names);
    shop.db.exec('COMMIT');
    const args = ['tail', shop.path, '--consumer', 'c', '--batch-size', '100'];
    const pipe = new UnreadPipe();
    const first = start('rowtap', args, { stdoutTo: pipe.fd });
    await vi.waitUntil(() => pipe.isFull(), { timeout: 30_000 });
    const { code, stderr } = await first.stop(signal);
    expect(code).toBe(0);
    expect(stderr).toContain('the last batch is not acknowledged');
    const before = namesIn(pipe.wholeLines());
    const second = start('rowtap', args);
    await vi.waitUntil(() => namesIn(second.lines).at(-1) === names.at(-1), { timeout: 30_000 });
    await second.stop(signal);
    const after = namesIn(second.lines);
    expect(after).toEqual(names.slice(-after.length));
    // The last line was cut, as a kill would; its batch comes again.
    expect(before).toEqual(names.slice(0, before.length));
    expect(before.length + after.length).toBeGreaterThanOrEqual(names.length);
  });

  test('twice ends the process at once, by the signal: here nobody reads what it prints', async () => {
    const shop = newLoggedShop();
    shop.insert(...numbered(0, 5000));
    const pipe = new UnreadPipe();
    const tail = start('rowtap', ['tail', shop.path, '--snapshot', '--consumer', 'c'], { stdoutTo: pipe.fd });
    // The first batch is larger than the pipe.
    await vi.waitUntil(() => pipe.isFull(), { timeout: 30_000 });
    await vi.waitUntil(
      () => {
        tail.child.kill(signal);
        return tail.child.signalCode !== null || tail.child.exitCode !== null;
      },
      { timeout: 30_000 },
    );
    expect(await tail.ended()).toMatchObject({ code: null, signal });
  });
});

test('a killed one gives its last batch again, and leaves nothing out', async () => {
  const shop = newLoggedShop();
  const names = numbered(0, 3000);
  await shop.source.subscribe({ consumer: 'c', snapshot: 'never' }).close();
  shop.insert(...names);
  const args = ['tail', shop.path, '--consumer', 'c', '--batch-size', '10'];
  const first = start('rowtap', args);
  await first.until(100);
  await first.stop('SIGKILL');
  const second = start('rowtap', args);
  await vi.waitUntil(() => namesIn(second.lines).at(-1) === names.at(-1), { timeout: 30_000 });
  await second.stop('SIGTERM');
  const [before, after] = [namesIn(first.lines), namesIn(second.lines)];
  expect(before).toEqual(names.slice(0, before.length));
  expect(after).toEqual(names.slice(-after.length));
  expect(before.length + after.length).toBeGreaterThanOrEqual(names.length);
});

describe('a database that is locked when it is stopped', () => {
  async function stopLocked(): Promise<{ shop: ReturnType<typeof newLoggedShop>; ended: Promise<Finished> }> {
    const shop = newLoggedShop();
    const tail = start('rowtap', ['tail', shop.path, '--consumer', 'c']);
    await vi.waitUntil(() => shop.source.consumers().length > 0);
    shop.insert('kettle');
    await tail.until(1);
    shop.insert('teapot');
    shop.db.exec('BEGIN IMMEDIATE');
    await tail.until(2);
    return { shop, ended: tail.stop('SIGTERM') };
  }

  test('is waited for, so that the position is written', async () => {
    const { shop, ended } = await stopLocked();
    shop.db.exec('COMMIT');
    expect(await ended).toMatchObject({ code: 0, stderr: '' });
    expect(shop.source.consumers()).toMatchObject([{ consumer: 'c', isActive: false, lsn: shop.source.info().lsn }]);
  });

  test('but not for ever, and then it says so', async () => {
    const { ended } = await stopLocked();
    const { code, stderr } = await ended;
    expect(code).toBe(1);
    expect(stderr).toContain('the last position of consumer "c" could not be written');
  });
});

test('a reader that goes away ends it, quietly', () => {
  const shop = newLoggedShop();
  shop.insert(...numbered(0, 5000));
  const { status, stdout, stderr } = spawnSync(
    'bash',
    ['-c', '"$0" "$1" tail "$2" --snapshot | head -n 2; echo "${PIPESTATUS[0]}"', process.execPath, pathOf('rowtap'), shop.path],
    { encoding: 'utf8' },
  );
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  const lines = stdout.trimEnd().split('\n');
  expect(lines.length).toBe(3);
  expect(lines[2]).toBe('0');
});

test('a consumer is read by one at a time', async () => {
  const shop = newLoggedShop();
  start('rowtap', ['tail', shop.path, '--consumer', 'c']);
  await vi.waitUntil(() => shop.source.consumers().some(({ isActive }) => isActive));
  const { code, stdout, stderr } = await run('rowtap', ['tail', shop.path, '--consumer', 'c']);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toContain('ROWTAP_DUPLICATE_CONSUMER');
});

test('it prunes nothing: how long the log is kept is for the application to say', async () => {
  const entries = (shop: Shop): unknown => shop.db.prepare('SELECT count(*) FROM _rowtap_log').pluck().get();
  const shop = newLoggedShop();
  const tail = start('rowtap', ['tail', shop.path, '--consumer', 'c']);
  await vi.waitUntil(() => shop.source.consumers().length > 0);
  shop.insert('kettle', 'teapot', 'cup');
  await tail.until(3);
  const before = entries(shop);
  // By what a source does without any retention, later than `tail` would have.
  const pruned = newShop();
  const source = openSource(pruned.db, { name: pruned.path, durability: 'log' });
  for (let round = 0; round < 2; round++) {
    pruned.insert('kettle', 'teapot', 'cup');
    await vi.waitUntil(() => Number(entries(pruned)) < 3, { timeout: 30_000 });
  }
  await source.close();
  await tail.stop('SIGTERM');
  expect(entries(shop)).toBeGreaterThanOrEqual(Number(before));
});

test('a file that is replaced meanwhile ends it', async () => {
  const shop = newLoggedShop();
  const tail = start('rowtap', ['tail', shop.path]);
  await untilFollowing(tail, shop);
  renameSync(shop.path, `${shop.path}.old`);
  const { code, stderr } = await tail.ended();
  expect(code).toBe(1);
  expect(stderr).toContain('ROWTAP_FILE_GONE');
});

test('--snapshot is refused where it would hold up those who write', async () => {
  const shop = newLoggedShop({ mode: 'delete' });
  const { code, stdout, stderr } = await run('rowtap', ['tail', shop.path, '--snapshot']);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toContain('ROWTAP_NOT_WAL');
});

describe('a database that keeps no log', () => {
  test('is refused with what to do', async () => {
    const { path } = newShop();
    const { code, stderr } = await run('rowtap', ['tail', path]);
    expect(code).toBe(1);
    expect(stderr).toContain(`rowtap-admin install ${path}`);
    expect(stderr).toContain('durability: "log"');
  });

  test('and so is the wrong engine', async () => {
    const { path } = newLoggedShop();
    const { code, stderr } = await run('rowtap', ['tail', path, '--engine', 'trigger']);
    expect(code).toBe(1);
    expect(stderr).toContain('only one of the hook engine');
  });
});
