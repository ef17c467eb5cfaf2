import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, onTestFinished, test } from 'vitest';
import { catchupOn, doneIds, eventLog, upTo } from './event-log.js';

/** Processes rows, slowly enough to be killed amid them, and says how many it has seen. */
const program = `
const [, rowtap, path, batchSize] = process.argv;
const { Database, Catchup } = await import(rowtap);
const db = new Database(path);
const insert = db.prepare('INSERT INTO done VALUES (?, ?)');
const catchup = new Catchup(db, {
  name: 'c',
  maxSql: 'SELECT max(id) AS max FROM events',
  nextSql: 'SELECT id, body FROM events WHERE id > @last AND id <= @max ORDER BY id',
  batchSize: Number(batchSize),
});
let seen = 0;
await catchup.run((row) => {
  insert.run(row.id, row.body);
  if (++seen % 5 === 0) process.stdout.write('.');
});
db.close();
`;

function start(path: string, batchSize: number): ChildProcess {
  const rowtap = new URL('../../dist/index.js', import.meta.url).href;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program, rowtap, path, String(batchSize)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

const rows = process.env.ROWTAP_SOAK === undefined ? 20_000 : 200_000;

test.each([1, 7, 200])('every row is processed once, however often the process is killed amid them (batches of %i)', async (batchSize) => {
  const db = eventLog(rows);
  let kills = 0;
  for (const dots of [1, 3, 10, 30]) {
    const child = start(db.name, batchSize);
    const exited = once(child, 'exit');
    let seen = 0;
    child.stdout?.on('data', (data: Buffer) => {
      seen += data.length;
      if (seen >= dots) child.kill('SIGKILL');
    });
    const [, signal] = (await exited) as [number | null, string | null];
    if (signal === 'SIGKILL') kills++;
    const done = doneIds(db);
    expect(done).toEqual(upTo(done.length));
    expect(catchupOn(db).position()).toBe(done.length);
  }
  expect(kills).toBeGreaterThan(0);
  await catchupOn(db).run((row) => db.prepare('INSERT INTO done VALUES (?, ?)').run(row.id, row.body));
  expect(doneIds(db)).toEqual(upTo(rows));
});

test('several processes under one name share the rows, and each row is processed once', async () => {
  const db = eventLog(rows / 4);
  const children = [1, 7, 20].map((batchSize) => start(db.name, batchSize));
  expect(await Promise.all(children.map((child) => once(child, 'exit')))).toEqual(children.map(() => [0, null]));
  expect(doneIds(db)).toEqual(upTo(rows / 4));
});
