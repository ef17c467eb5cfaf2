import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Database, Source, Subscription } from 'rowtap';

const transactions = 40;
const rowsPerTransaction = 2000;

/** Writes inserts and updates of many rows, and reads them, one change at a time, as they come. Times it from the first write to the last change. */
export async function measureThroughput(db: Database, source: Source): Promise<{ changes: number; ms: number }> {
  const expected = 2 * transactions * rowsPerTransaction;
  const subscription = source.subscribe({ tables: ['reviews'] });
  const startedAt = performance.now();
  await Promise.all([readChanges(subscription, expected), writeReviews(db)]);
  return { changes: expected, ms: performance.now() - startedAt };
}

async function readChanges(subscription: Subscription, expected: number): Promise<void> {
  let count = 0;
  for await (const _change of subscription) if (++count === expected) break;
}

async function writeReviews(db: Database): Promise<void> {
  const insert = db.prepare('INSERT INTO reviews (product_id, stars, words) VALUES (?, ?, ?)');
  const update = db.prepare('UPDATE reviews SET stars = 5 WHERE id > ?');
  const write = db.transaction((first: number) => {
    for (let row = 0; row < rowsPerTransaction; row++) insert.run(1 + (row % 400), row % 5, `review ${first + row}, written in the demo`);
    update.run(first);
  });
  for (let transaction = 0; transaction < transactions; transaction++) {
    write(transaction * rowsPerTransaction);
    await nextTurn();
  }
}
