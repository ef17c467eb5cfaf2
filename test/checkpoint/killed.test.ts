import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { expect, it } from 'vitest';
import { newPath } from '../snapshot/database-file.js';

/** Reads under the name "c" and prints what comes; inserts a row and acknowledges it, then inserts one that it does not acknowledge, then waits. */
const program = `
const [, rowtap, path, snapshot] = process.argv;
const { Database } = await import(rowtap);
const db = new Database(path);
db.pragma('journal_mode = WAL');
db.exec('CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY)');
const subscription = db.changes({ consumer: 'c', snapshot, ack: 'manual' });
const insert = db.prepare('INSERT INTO t DEFAULT VALUES');
const first = insert.run().lastInsertRowid;
for await (const change of subscription) {
  process.stdout.write(JSON.stringify([change.op, change.lsn, change.after?.id ?? null]) + '\\n');
  if (change.op !== 'insert') continue;
  if (change.after.id === first) {
    subscription.ack(change);
    await subscription.flush();
    insert.run();
  } else {
    process.stdout.write('"ready"\\n');
    // Until it is killed.
    setInterval(() => {}, 1000);
  }
}
`;

async function runUntilKilled(path: string, snapshot: string): Promise<[op: string, lsn: number, id: number | null][]> {
  const rowtap = new URL('../../dist/index.js', import.meta.url).href;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program, rowtap, path, snapshot], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const changes: [string, number, number | null][] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    const message = JSON.parse(line) as [string, number, number | null] | 'ready';
    if (message === 'ready') child.kill('SIGKILL');
    else changes.push(message);
  }
  expect(await exited).toEqual([null, 'SIGKILL']);
  return changes;
}

it('comes back after kill -9: a gap, the rows again, and LSNs that only grow', async () => {
  const path = newPath();
  const lives = [await runUntilKilled(path, 'when-needed'), await runUntilKilled(path, 'when-needed'), await runUntilKilled(path, 'never')];
  const brief = lives.map((changes) => changes.map(([op, , id]) => `${op}${id === null ? '' : ` ${id}`}`));
  expect(brief).toEqual([
    ['bootstrap', 'insert 1', 'insert 2'],
    ['gap', 'bootstrap', 'snapshot 1', 'snapshot 2', 'insert 3', 'insert 4'],
    ['gap', 'insert 5', 'insert 6'],
  ]);
  const lsns = lives.map((changes) => changes.filter(([op]) => op === 'insert').map(([, lsn]) => lsn)).flat();
  expect(lsns).toEqual([...new Set(lsns)].sort((x, y) => x - y));
});
