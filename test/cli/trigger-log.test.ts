/** The executables on the log of triggers, which any program writes: here Python, whose SQLite is another one. */
import { execFileSync } from 'node:child_process';
import { describe, expect, test, vi } from 'vitest';
import { namesIn, newLoggedShop, newShop, numbered, parsed, type Shop } from './database-file.js';
import { run, start } from './typed.js';

const insertScript = `
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], timeout=20, isolation_level=None)
for name in sys.argv[2:]:
    db.execute("INSERT INTO products (name) VALUES (?)", (name,))
db.close()
`;

function insertFromPython(path: string, ...names: string[]): void {
  execFileSync('python3', ['-c', insertScript, path, ...names]);
}

async function newTriggeredShop(): Promise<Shop> {
  const shop = newShop();
  expect(await run('rowtap-admin', ['install', shop.path])).toMatchObject({ code: 0, stderr: '' });
  return shop;
}

/** A consumer begins with its first run. */
async function beginConsumer(path: string): Promise<void> {
  const first = start('rowtap', ['tail', path, '--consumer', 'c']);
  await vi.waitUntil(async () => (await run('rowtap-admin', ['status', path])).stdout.includes('read by process'), { timeout: 30_000 });
  expect(await first.stop('SIGTERM')).toMatchObject({ code: 0, stdout: '', stderr: '' });
}

test('what Python commits is shown while it comes, with rows that were there before it', async () => {
  const { path } = await newTriggeredShop();
  insertFromPython(path, 'kettle');
  const tail = start('rowtap', ['tail', path, '--snapshot', '--table', 'products']);
  await tail.until(2);
  insertFromPython(path, 'teapot', 'cup');
  await tail.until(4);
  expect(await tail.stop('SIGINT')).toMatchObject({ code: 0, stderr: '' });
  expect(parsed(tail.lines).map(({ op, after }) => [op, (after as { name: string } | null)?.name])).toEqual([
    ['bootstrap', undefined],
    ['snapshot', 'kettle'],
    ['insert', 'teapot'],
    ['insert', 'cup'],
  ]);
});

test.each(['SIGINT', 'SIGTERM'] as const)('%s amid a stream: the next run has the rest, once', async (signal) => {
  const shop = await newTriggeredShop();
  await beginConsumer(shop.path);
  const names = numbered(0, 6000);
  shop.db.exec('BEGIN');
  shop.insert(...names);
  shop.db.exec('COMMIT');
  const args = ['tail', shop.path, '--consumer', 'c', '--batch-size', '7'];
  // Its output is not read before the signal is there, so that it can't be at the end by then.
  const first = start('rowtap', args, { isUnread: true });
  await vi.waitUntil(() => (first.child.stdout?.readableLength ?? 0) > 0, { timeout: 30_000 });
  const ended = first.stop(signal);
  first.readOn();
  expect(await ended).toMatchObject({ code: 0, stderr: '' });
  expect(first.lines.length).toBeLessThan(names.length);
  insertFromPython(shop.path, 'the end');
  const second = start('rowtap', args);
  await second.until(names.length + 1 - first.lines.length);
  expect(await second.stop(signal)).toMatchObject({ code: 0, stderr: '' });
  expect([...namesIn(first.lines), ...namesIn(second.lines)]).toEqual([...names, 'the end']);
});

test('what a consumer still needs is counted, kept by `prune`, and forgotten with it', async () => {
  const { path } = await newTriggeredShop();
  await beginConsumer(path);
  insertFromPython(path, ...numbered(0, 10));
  expect(await run('rowtap-admin', ['prune', path])).toMatchObject({ code: 0, stderr: '' });
  const rest = start('rowtap', ['tail', path, '--consumer', 'c']);
  await rest.until(10);
  await rest.stop('SIGTERM');
  expect(namesIn(rest.lines)).toEqual(numbered(0, 10));
  expect((await run('rowtap-admin', ['status', path])).stdout).toMatch(/^ {2}c {2}0 transactions behind {2}read by nobody/m);
  expect(await run('rowtap-admin', ['drop-consumer', path, 'c'])).toMatchObject({ code: 0, stderr: '' });
  expect((await run('rowtap-admin', ['status', path])).stdout).toContain('consumers\n  none\n');
});

describe('where both engines keep a log', () => {
  test.each(['hook', 'trigger'])('--engine=%s follows that one', async (engine) => {
    const shop = newLoggedShop();
    expect(await run('rowtap-admin', ['install', shop.path])).toMatchObject({ code: 0, stderr: '' });
    const tail = start('rowtap', ['tail', shop.path, '--engine', engine, '--table', 'products']);
    await vi.waitUntil(
      () => {
        shop.insert('kettle');
        return tail.lines.length > 0;
      },
      { timeout: 30_000, interval: 100 },
    );
    expect(await tail.stop('SIGTERM')).toMatchObject({ code: 0, stderr: '' });
    expect(new Set(namesIn(tail.lines))).toEqual(new Set(['kettle']));
  });
});

test('a table that has changed since is told as outdated, and brought up to date', async () => {
  const { path } = await newTriggeredShop();
  execFileSync('python3', ['-c', 'import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute("ALTER TABLE notes ADD COLUMN stars")', path]);
  expect((await run('rowtap-admin', ['status', path])).stdout).toContain('triggers  notes outdated, products installed');
  const refused = await run('rowtap', ['tail', path]);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain('ROWTAP_NOT_INSTALLED');
  expect(await run('rowtap-admin', ['install', path])).toMatchObject({ code: 0 });
  expect((await run('rowtap-admin', ['status', path])).stdout).toContain('triggers  notes installed, products installed');
});
