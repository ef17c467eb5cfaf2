/** A thread of the program that is killed: writes its transactions as fast as it can, with a connection of its own. */
import { workerData } from 'node:worker_threads';
import type * as Rowtap from 'rowtap';
import type { Task } from './killed-child.js';
import { numberedTransaction } from './numbered-transactions.js';

const { rowtap, path, seed, firstNumber, transactions } = workerData as Task;
const { Database } = (await import(rowtap)) as typeof Rowtap;
const db = new Database(path, { timeout: 60_000 });
db.exec('PRAGMA synchronous = FULL');
for (let n = firstNumber; n < firstNumber + transactions; n++) {
  const { isRolledBack, steps } = numberedTransaction(seed, n);
  db.exec('BEGIN IMMEDIATE');
  for (const { sql, parameters } of steps) db.prepare(sql).run(...parameters);
  db.exec(isRolledBack ? 'ROLLBACK' : 'COMMIT');
}
db.close();
