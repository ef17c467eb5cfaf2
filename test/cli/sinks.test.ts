import { once } from 'node:events';
import { spawnSync } from 'node:child_process';
import { appendFileSync, chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { folder, namesIn, newLoggedShop, newShop, numbered } from './database-file.js';
import { pathOf, run, start } from './typed.js';

const linesIn = (content: string): string[] => content.split('\n').filter((line) => line !== '');

describe('a file', () => {
  test('is appended to, and stands at the end of each run for what was acknowledged', async () => {
    const shop = newLoggedShop();
    const file = join(folder(), 'changes.jsonl');
    await shop.source.subscribe({ consumer: 'c', snapshot: 'never' }).close();
    const names = numbered(0, 3000);
    shop.insert(...names);
    const args = ['tail', shop.path, '--consumer', 'c', '--output', file, '--batch-size', '20'];
    for (let runs = 1; ; runs++) {
      const before = existsSync(file) ? readFileSync(file, 'utf8').length : 0;
      const tail = start('rowtap', args);
      await vi.waitUntil(() => existsSync(file) && readFileSync(file, 'utf8').length > before, { timeout: 30_000, interval: 5 });
      expect(await tail.stop(runs % 2 === 0 ? 'SIGINT' : 'SIGTERM')).toMatchObject({ code: 0, stdout: '', stderr: '' });
      const taken = namesIn(linesIn(readFileSync(file, 'utf8')));
      expect(taken).toEqual(names.slice(0, taken.length));
      if (taken.length === names.length) break;
    }
  });

  test('a run after a kill gives the batch at hand again, and begins on a line of its own', async () => {
    const shop = newLoggedShop();
    const file = join(folder(), 'changes.jsonl');
    await shop.source.subscribe({ consumer: 'c', snapshot: 'never' }).close();
    shop.insert('kettle');
    // What a power cut can leave.
    writeFileSync(file, '{"source":"shop.db","lsn":17');
    const tail = start('rowtap', ['tail', shop.path, '--consumer', 'c', '--output', file]);
    await vi.waitUntil(() => readFileSync(file, 'utf8').endsWith('}\n'));
    await tail.stop('SIGTERM');
    const [torn, ...whole] = linesIn(readFileSync(file, 'utf8'));
    expect(torn).toBe('{"source":"shop.db","lsn":17');
    expect(namesIn(whole)).toEqual(['kettle']);
  });

  test('takes lines for people, without colours', async () => {
    const shop = newShop();
    shop.insert('kettle');
    const file = join(folder(), 'rows.txt');
    appendFileSync(file, 'rows:\n');
    expect(await run('rowtap', ['snapshot', shop.path, '--format', 'text', '--table', 'products', '--output', file])).toMatchObject({
      code: 0,
    });
    const [first, ...rest] = linesIn(readFileSync(file, 'utf8'));
    expect(first).toBe('rows:');
    expect(rest.map((line) => line.slice(13))).toEqual([' ! products its rows follow', " = products id=1 name='kettle'"]);
  });

  test.each<[string, (base: string) => string, string]>([
    ['in no folder', (base) => join(base, 'nowhere/changes.jsonl'), 'there is no such folder'],
    ['that is a folder', (base) => base, 'it is a folder'],
    ['on a full disk', () => '/dev/full', 'the disk is full'],
  ])('one %s ends it with 4, before anything is acknowledged', async (_, pathIn, reason) => {
    const shop = newLoggedShop();
    await shop.source.subscribe({ consumer: 'c', snapshot: 'never' }).close();
    const [before] = shop.source.consumers();
    shop.insert('kettle');
    const { code, stdout, stderr } = await run('rowtap', ['tail', shop.path, '--consumer', 'c', '--output', pathIn(folder())]);
    expect({ code, stdout }).toEqual({ code: 4, stdout: '' });
    expect(stderr).toContain(reason);
    expect(shop.source.consumers()).toMatchObject([{ consumer: 'c', lsn: before?.lsn }]);
  });

  test('that can grow no more keeps whole batches only', () => {
    const shop = newShop();
    shop.insert(...numbered(0, 2000));
    const file = join(folder(), 'changes.jsonl');
    const args = ['snapshot', shop.path, '--table', 'products', '--batch-size', '100', '--output', file];
    // A limit on the size of files, in KiB: the batch that goes beyond it can be written in part.
    const { status, stderr } = spawnSync('bash', ['-c', 'ulimit -f 40; exec "$0" "$@"', process.execPath, pathOf('rowtap'), ...args], {
      encoding: 'utf8',
    });
    expect(status).toBe(4);
    expect(stderr).toContain('EFBIG');
    const content = readFileSync(file, 'utf8');
    expect(content.endsWith('\n')).toBe(true);
    const lines = linesIn(content);
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.length % 100).toBe(0);
    expect(namesIn(lines)).toEqual(numbered(0, lines.length - 1));
  });

  test('that is a database is left as it is', async () => {
    const shop = newShop();
    shop.insert('kettle');
    const before = readFileSync(shop.path);
    const { code, stderr } = await run('rowtap', ['snapshot', shop.path, '--output', shop.path]);
    expect(code).toBe(2);
    expect(stderr).toContain('is an SQLite database, which lines would destroy');
    expect(readFileSync(shop.path).equals(before)).toBe(true);
  });

  test('that can not be written ends it with 4', async () => {
    const shop = newShop({ mode: 'delete' });
    const base = folder();
    const closed = join(base, 'closed');
    mkdirSync(closed, { mode: 0o555 });
    for (const path of [base, join(shop.path, '..')]) chmodSync(path, 0o755);
    const { code, stderr } = await run('rowtap', ['snapshot', shop.path, '--output', join(closed, 'x')], { isPlainUser: true });
    expect(code).toBe(4);
    expect(stderr).toContain('it can not be written');
  });
});

test('standard output on a full disk ends it with 4', () => {
  const shop = newShop();
  const { status, stderr } = spawnSync(
    'bash',
    ['-c', '"$0" "$1" snapshot "$2" > /dev/full', process.execPath, pathOf('rowtap'), shop.path],
    {
      encoding: 'utf8',
    },
  );
  expect(status).toBe(4);
  expect(stderr).toContain('ENOSPC');
});

interface Post {
  headers: IncomingHttpHeaders;
  method: string | undefined;
  names: unknown[];
}

/** What it answers is decided post by post; undefined: it never answers. */
type Answer = { status: number; headers?: Record<string, string>; body?: string } | 'hang-up' | undefined;

async function serve(answer: (count: number) => Answer, port = 0): Promise<{ url: string; port: number; posts: Post[]; server: Server }> {
  const posts: Post[] = [];
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      posts.push({ headers: request.headers, method: request.method, names: namesIn(linesIn(body)) });
      const given = answer(posts.length);
      if (given === 'hang-up') request.socket.destroy();
      else if (given !== undefined) response.writeHead(given.status, given.headers).end(given.body ?? '');
    });
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port: used } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${used}/changes`, port: used, posts, server };
}

/** A port on which nobody listens. */
async function freePort(): Promise<number> {
  const { port, server } = await serve(() => undefined);
  server.close();
  await once(server, 'close');
  return port;
}

describe('an address', () => {
  test('gets each batch as JSON lines, in order, by POST', async () => {
    const shop = newShop();
    shop.insert(...numbered(0, 250));
    const { url, posts } = await serve(() => ({ status: 204 }));
    const args = ['snapshot', shop.path, '--table', 'products', '--output', url, '--batch-size', '100'];
    expect(await run('rowtap', args)).toMatchObject({ code: 0, stdout: '', stderr: '' });
    expect(posts.flatMap(({ names }) => names)).toEqual(numbered(0, 250));
    expect(posts.every(({ names }) => names.length <= 100)).toBe(true);
    expect(posts[0]).toMatchObject({ method: 'POST', headers: { 'content-type': 'application/x-ndjson' } });
    expect(posts[0]?.headers).not.toHaveProperty('authorization');
  });

  test('gets the name and the password that stand in it, which no message shows', async () => {
    const shop = newShop();
    const { url, posts } = await serve(() => ({ status: 401, body: 'who are you?' }));
    const { code, stderr } = await run('rowtap', [
      'snapshot',
      shop.path,
      '--output',
      `${url.replace('//', '//ada:s%40cret@')}?token=hidden`,
    ]);
    expect(code).toBe(4);
    expect(posts[0]?.headers.authorization).toBe(`Basic ${Buffer.from('ada:s@cret').toString('base64')}`);
    expect(stderr).toContain('answers 401 Unauthorized (who are you?)');
    expect(stderr).not.toMatch(/cret|hidden/);
  });

  test.each<[string, Answer]>([
    ['503', { status: 503 }],
    ['500', { status: 500, body: 'out of order' }],
    ['429, to be asked again later', { status: 429, headers: { 'retry-after': '1' } }],
    ['a closed connection', 'hang-up'],
  ])('that answers with %s gets the batch again, and the next one after it', async (_, refusal) => {
    const shop = newShop();
    shop.insert('kettle', 'teapot');
    const { url, posts } = await serve((count) => (count === 2 || count === 3 ? refusal : { status: 200, body: 'thanks' }));
    const args = ['snapshot', shop.path, '--table', 'products', '--output', url, '--batch-size', '1'];
    const { code, stderr } = await run('rowtap', args);
    expect(code).toBe(0);
    expect(posts.map(({ names }) => names)).toEqual([[], ['kettle'], ['kettle'], ['kettle'], ['teapot']]);
    expect(stderr.match(/again in/g)).toHaveLength(2);
  });

  test('that never answers gets it again after --timeout', async () => {
    const shop = newShop();
    shop.insert('kettle');
    const { url, posts } = await serve((count) => (count === 1 ? undefined : { status: 200 }));
    const { code, stderr } = await run('rowtap', ['snapshot', shop.path, '--output', url, '--timeout', '300ms']);
    expect(code).toBe(0);
    expect(posts.map(({ names }) => names)).toEqual([['kettle'], ['kettle']]);
    expect(stderr).toContain('no answer within 0.3 s');
  });

  test('that comes up later gets what was waiting for it', async () => {
    const shop = newShop();
    shop.insert('kettle');
    const port = await freePort();
    const snapshot = start('rowtap', ['snapshot', shop.path, '--output', `http://127.0.0.1:${port}/`]);
    await vi.waitUntil(() => snapshot.stderr.includes('the connection was refused'), { timeout: 30_000 });
    const { posts } = await serve(() => ({ status: 200 }), port);
    expect(await snapshot.ended()).toMatchObject({ code: 0 });
    expect(posts.flatMap(({ names }) => names)).toEqual(['kettle']);
  });

  test.each<[string, Answer, string]>([
    ['400', { status: 400, body: 'no\nsuch \u001b[31mfield' }, 'answers 400 Bad Request (no such  [31mfield)'],
    ['404', { status: 404 }, 'answers 404 Not Found'],
    ['a redirect', { status: 307, headers: { location: '/elsewhere' } }, 'redirects are not followed'],
  ])('that answers with %s is not asked again: 4, and nothing is acknowledged', async (_, refusal, reason) => {
    const shop = newLoggedShop();
    await shop.source.subscribe({ consumer: 'c', snapshot: 'never' }).close();
    const [before] = shop.source.consumers();
    shop.insert('kettle');
    const { url, posts } = await serve(() => refusal);
    const { code, stderr } = await run('rowtap', ['tail', shop.path, '--consumer', 'c', '--output', url]);
    expect({ code, posts: posts.length }).toEqual({ code: 4, posts: 1 });
    expect(stderr).toContain(reason);
    expect(shop.source.consumers()).toMatchObject([{ consumer: 'c', isActive: false, lsn: before?.lsn }]);
  });

  test.each([
    ['0', 1],
    ['2', 3],
  ])('where nobody listens is given up after --retries %s', async (retries, attempts) => {
    const shop = newShop();
    const url = `http://127.0.0.1:${await freePort()}/`;
    const { code, stdout, stderr } = await run('rowtap', ['snapshot', shop.path, '--output', url, '--retries', retries]);
    expect({ code, stdout }).toEqual({ code: 4, stdout: '' });
    expect(stderr.match(/the connection was refused/g)).toHaveLength(attempts);
  });

  test('stopped while it is tried again: the batch comes again in the next run', async () => {
    const shop = newLoggedShop();
    await shop.source.subscribe({ consumer: 'c', snapshot: 'never' }).close();
    shop.insert('kettle');
    const port = await freePort();
    const args = ['tail', shop.path, '--consumer', 'c', '--output', `http://127.0.0.1:${port}/`];
    const first = start('rowtap', args);
    await vi.waitUntil(() => first.stderr.includes('again in'), { timeout: 30_000 });
    const { code, stderr } = await first.stop('SIGTERM');
    expect(code).toBe(0);
    expect(stderr).toContain('the last batch is not acknowledged');
    const { posts } = await serve(() => ({ status: 200 }), port);
    const second = start('rowtap', args);
    await vi.waitUntil(() => posts.length > 0, { timeout: 30_000 });
    expect(await second.stop('SIGTERM')).toMatchObject({ code: 0 });
    expect(posts.flatMap(({ names }) => names)).toEqual(['kettle']);
  });

  test.each(['SIGINT', 'SIGTERM'] as const)(
    'stopped by %s while it is about to answer: what it then takes is acknowledged',
    async (signal) => {
      const shop = newLoggedShop();
      await shop.source.subscribe({ consumer: 'c', snapshot: 'never' }).close();
      shop.insert(...numbered(0, 50));
      let release: (() => void) | undefined;
      const posts: unknown[][] = [];
      const server = createServer((request, response) => {
        void text(request).then((body) => {
          posts.push(namesIn(linesIn(body)));
          release = () => response.writeHead(200).end();
          if (posts.length !== 2) release();
        });
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      onTestFinished(() => {
        server.closeAllConnections();
        server.close();
      });
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
      const args = ['tail', shop.path, '--consumer', 'c', '--output', url, '--batch-size', '20'];
      const first = start('rowtap', args);
      await vi.waitUntil(() => posts.length === 2, { timeout: 30_000 });
      const ended = first.stop(signal);
      release?.();
      expect(await ended).toMatchObject({ code: 0, stderr: '' });
      const second = start('rowtap', args);
      await vi.waitUntil(() => posts.flat().length >= 50, { timeout: 30_000 });
      await second.stop(signal);
      expect(posts.flat()).toEqual(numbered(0, 50));
    },
  );
});
