import { expect, it } from 'vitest';
import { runMeasured, scale } from './measured-child.js';

const mebibyte = 1024 * 1024;

/** 1 GiB of changes in transactions of 1 MiB, written without letting anybody read between them. */
const writeBurst = `
  const database = new Database(path);
  database.pragma('journal_mode = WAL');
  database.pragma('synchronous = OFF');
  database.exec('CREATE TABLE part (id INTEGER PRIMARY KEY, body TEXT)');
  const transactions = Math.round(1024 * scale);
  const budget = Math.round(64 * 1024 * 1024 * scale);
  const insert = database.prepare('INSERT OR REPLACE INTO part VALUES (?, ?)');
  const body = 'x'.repeat(8000);
  const writeAll = () => {
    for (let transaction = 0; transaction < transactions; transaction++) {
      database.transaction(() => {
        // The same rows again and again (a delete and an insert each): the database stays small, what is captured does not.
        for (let row = 0; row < 66; row++) insert.run(row, body);
      })();
    }
  };
`;

interface Burst {
  changes: number;
  expected: number;
  spilled: number;
  isInOrder: boolean;
  state: string;
  files: number;
}

it('a burst written in one synchronous stretch reaches an attentive subscriber whole, on disk where memory ends', {
  timeout: 600_000,
}, async () => {
  const plain = await runMeasured(`${writeBurst} writeAll(); database.close(); return {};`);
  const burst = await runMeasured<Burst>(`${writeBurst}
    const { readdirSync, readlinkSync } = await import('node:fs');
    const subscription = database.changes({ maxTransactionMemory: budget, maxBuffered: budget });
    writeAll();
    // What was spilled has no name any more, so that a crash leaves nothing behind.
    const links = process.platform === 'linux' ? readdirSync('/proc/self/fd').map((fd) => { try { return readlinkSync('/proc/self/fd/' + fd); } catch { return ''; } }) : [];
    const files = links.filter((link) => link.includes('etilqs') && !link.endsWith('(deleted)')).length;
    const expected = transactions * 66 * 2 - 66;
    let changes = 0, lsn = 0, index = -1, isInOrder = true;
    for await (const change of subscription) {
      isInOrder &&= change.lsn > lsn ? change.index === 0 : change.lsn === lsn && change.index === index + 1;
      ({ lsn, index } = change);
      changes++;
      // An attentive reader need not be an immediate one.
      if (changes % 1000 === 0) await new Promise((resolve) => setImmediate(resolve));
      if (changes === expected) break;
    }
    const { listSources } = await import(rowtap);
    const { spilled, state } = listSources()[0];
    database.close();
    return { changes, expected, spilled, isInOrder, state, files };
  `);
  expect(burst.changes).toBe(burst.expected);
  expect(burst.isInOrder).toBe(true);
  expect(burst.state).toBe('running');
  expect(burst.files).toBe(0);
  expect(burst.spilled).toBeGreaterThan(900 * mebibyte * scale);
  expect(burst.peakBytes - plain.peakBytes).toBeLessThan((64 * scale + 96) * mebibyte);
});
