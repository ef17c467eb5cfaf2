import { expect, it } from 'vitest';
import { runMeasured, scale } from './measured-child.js';

const mebibyte = 1024 * 1024;

/** In a process of its own: leaves the reader behind, then goes on, more slowly, until its input ends. */
const writer = `
  const [, rowtap, path, behind, size] = process.argv;
  const { Database } = await import(rowtap);
  const database = new Database(path);
  database.pragma('synchronous = OFF');
  const insert = database.prepare('INSERT INTO reading VALUES (?, ?, ?, ?)');
  let id = 0;
  const write = database.transaction(() => {
    for (let row = 0; row < Number(size); row++) {
      ++id;
      insert.run(id, id % 100, 'reading ' + id, id / 8);
    }
  });
  while (id < Number(behind)) write();
  process.stdout.write('behind\\n');
  let isAsked = false;
  process.stdin.on('end', () => { isAsked = true; }).resume();
  while (!isAsked) {
    write();
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  database.close();
  process.stdout.write(id + '\\n');
`;

const reader = (behind: number, size: number): string => `
  const { openSource } = await import(rowtap);
  const { spawn } = await import('node:child_process');
  const { createInterface } = await import('node:readline');
  const database = new Database(path);
  database.pragma('journal_mode = WAL');
  database.exec('CREATE TABLE reading (id INTEGER PRIMARY KEY, device INTEGER, name TEXT, value REAL)');
  const source = openSource(database, { durability: 'log' });
  await source.subscribe({ consumer: 'laggard', snapshot: 'never' }).close();
  const child = spawn(process.execPath, ['--input-type=module', '-e', ${JSON.stringify(writer)}, rowtap, path, '${behind}', '${size}'],
    { stdio: ['pipe', 'pipe', 'inherit'] });
  const said = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  await said.next();
  let received = 0, lsn = 0, index = -1, isInOrder = true, written = Infinity, perSecond;
  const begin = performance.now();
  for await (const change of source.subscribe({ consumer: 'laggard', snapshot: 'never' })) {
    received++;
    isInOrder &&= change.op === 'insert' && change.after.id === received && change.index === (change.lsn === lsn ? index + 1 : 0) && change.lsn >= lsn;
    ({ lsn, index } = change);
    if (received === ${behind}) {
      perSecond = Math.round(${behind} / (performance.now() - begin) * 1000);
      child.stdin.end();
      void said.next().then(({ value }) => { written = Number(value); insertLast(); });
    }
    if (received > written) break;
  }
  // One more, so that there is something to end with however far the reader has come.
  function insertLast() { database.prepare('INSERT INTO reading (id) VALUES (?)').run(written + 1); }
  const left = database.prepare('SELECT count(*) FROM reading').pluck().get() - received;
  database.close();
  return { received, left, isInOrder, perSecond };
`;

interface CaughtUp {
  received: number;
  left: number;
  isInOrder: boolean;
  perSecond: number;
}

it.each([
  // Fewer of them: it is the writing that takes its time.
  { size: 1, changes: 2_000_000 },
  { size: 10, changes: 10_000_000 },
  { size: 1000, changes: 10_000_000 },
])(
  'a consumer $changes changes behind, in transactions of $size, has each once and in order, in bounded memory, while they go on',
  {
    timeout: 900_000,
  },
  async ({ size, changes }) => {
    const behind = changes * scale;
    const { received, left, isInOrder, perSecond, peakBytes } = await runMeasured<CaughtUp>(reader(behind, size));
    console.log(
      `catch-up of a laggard, ${size} changes a transaction: ${perSecond.toLocaleString('en')} changes/s, ${Math.round(peakBytes / mebibyte)} MiB at the most`,
    );
    expect(received).toBeGreaterThan(behind);
    expect({ left, isInOrder }).toEqual({ left: 0, isInOrder: true });
    expect(peakBytes).toBeLessThan(150 * mebibyte);
  },
);
