import { expect, it } from 'vitest';
import { runMeasured, scale } from './measured-child.js';

const mebibyte = 1024 * 1024;

const program = `
  const { installTriggers, openSource } = await import(rowtap);
  const db = new Database(path);
  db.pragma('journal_mode = WAL');
  db.exec('CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT, price REAL, stock INTEGER, note TEXT)');
  installTriggers(db);
  const source = openSource(path, { engine: 'trigger' });
  await source.subscribe({ consumer: 'c', snapshot: 'never' }).close();
  const changes = 1_000_000 * scale;
  for (let id = 0; id < changes / 2; id += 500) {
    db.exec("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 500) " +
      "INSERT INTO item (name, price, stock, note) SELECT 'item ' || i, i * 1.5, i, 'some words about it' FROM n; " +
      'UPDATE item SET stock = stock + 1 WHERE id > ' + id);
  }
  const read = async (subscription) => {
    const begin = performance.now();
    let received = 0, isInOrder = true, position = 0;
    for await (const change of subscription) {
      received++;
      isInOrder &&= change.lsn > position || change.index > 0;
      position = change.lsn;
      if (received === changes) break;
    }
    return { received, isInOrder, perSecond: Math.round((received / (performance.now() - begin)) * 1000) };
  };
  const first = await read(source.subscribe({ consumer: 'c', snapshot: 'never', ack: 'manual' }));
  const begin = performance.now();
  let inTransactions = 0;
  for await (const transaction of source.subscribe({ consumer: 'c', snapshot: 'never' }).transactions()) {
    for (const change of transaction) if (change.after !== null) inTransactions++;
    if (inTransactions >= changes) break;
  }
  const perSecondInTransactions = Math.round((inTransactions / (performance.now() - begin)) * 1000);
  await source.close();
  db.close();
  return { ...first, changes, inTransactions, perSecondInTransactions };
`;

it('a million logged changes are drained, each once and in order, in bounded memory', { timeout: 300_000 }, async () => {
  const { peakBytes, perSecond, perSecondInTransactions, ...rest } = await runMeasured<{
    received: number;
    isInOrder: boolean;
    changes: number;
    inTransactions: number;
    perSecond: number;
    perSecondInTransactions: number;
  }>(program);
  const figures = [perSecond, perSecondInTransactions].map((figure) => figure.toLocaleString('en'));
  console.log(
    `a log of triggers: ${figures[0]} changes/s, ${figures[1]} by transactions, ${Math.round(peakBytes / mebibyte)} MiB at the most`,
  );
  const changes = 1_000_000 * scale;
  expect(rest).toEqual({ received: changes, isInOrder: true, changes, inTransactions: changes });
  expect(peakBytes).toBeLessThan(250 * mebibyte);
});
