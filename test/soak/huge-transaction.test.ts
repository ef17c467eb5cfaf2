import { expect, it } from 'vitest';
import { runMeasured } from './measured-child.js';

const mebibyte = 1024 * 1024;

/** Ten million rows in one transaction. */
const writeRows = `
  const database = new Database(path);
  database.pragma('journal_mode = WAL');
  database.pragma('synchronous = OFF');
  database.exec('CREATE TABLE reading (id INTEGER PRIMARY KEY, device INTEGER, name TEXT, value REAL)');
  const rows = 10_000_000 * scale;
  const fill = database.prepare(\`
    WITH RECURSIVE counter(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM counter WHERE id < ?)
    INSERT INTO reading SELECT id, id % 100, 'reading ' || id, id / 8.0 FROM counter\`);
`;

interface Received {
  received: number;
  rows: number;
  beforeCommit: number;
  isWhole: boolean;
  iterated: number;
  length: number;
}

it('one huge transaction spills, is delivered after its commit only, and never as a whole in memory', { timeout: 900_000 }, async () => {
  const plain = await runMeasured(`${writeRows} fill.run(rows); database.close(); return {};`);
  const watched = await runMeasured<Received>(`${writeRows}
    const subscription = database.changes();
    const byTransaction = database.changes();
    let received = 0, sum = 0, last;
    let isDone;
    const done = new Promise((resolve) => { isDone = resolve; });
    void (async () => {
      for await (const change of subscription) {
        received++;
        sum += change.after.id;
        last = change;
        if (change.last) break;
      }
      isDone();
    })();
    database.exec('BEGIN');
    fill.run(rows);
    // Every chance to read, while the transaction is open.
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
    const beforeCommit = received;
    database.exec('COMMIT');
    await done;
    const isWhole = sum === (rows * (rows + 1)) / 2 && last.index === rows - 1;
    let iterated = 0, length = 0;
    for await (const transaction of byTransaction.transactions()) {
      length = transaction.length;
      for (const change of transaction) if (change.after.id === ++iterated && change.index !== iterated - 1) throw new Error('out of place');
      break;
    }
    database.close();
    return { received, rows, beforeCommit, isWhole, iterated, length };
  `);
  expect(watched).toMatchObject({ beforeCommit: 0, received: watched.rows, isWhole: true, iterated: watched.rows, length: watched.rows });
  expect(watched.peakBytes - plain.peakBytes).toBeLessThan(200 * mebibyte);
});
