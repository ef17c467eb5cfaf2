// Follows the file that other threads write with a replica, and sees that every transaction comes once, in the order of the ledger.
import { parentPort, workerData } from 'node:worker_threads';

const { rowtap, path } = workerData;
const { Database, Replica } = await import(rowtap);

const db = new Database(path);
const target = new Database(':memory:');
const replica = new Replica(target);
const subscription = db.changes({ snapshot: 'initial', maxBuffered: 2 ** 31 });
parentPort.postMessage('subscribed');

let wanted = Infinity;
parentPort.on('message', (ledger) => {
  wanted = ledger;
  if (last >= wanted) void subscription.close();
});
let last = 0;
let lsn = 0;
let changes = 0;
for await (const transaction of subscription.transactions()) {
  replica.apply(transaction);
  let raised = 0;
  for (const change of transaction) {
    ++changes;
    if (change.op === 'gap') throw new Error(`a gap where only our own commits are: ${JSON.stringify(change)}, behind ${last}`);
    if (change.table !== 'ledger' || change.op !== 'update') continue;
    ++raised;
    if (change.after.n !== last + 1) throw new Error(`the ledger's ${change.after.n} comes after ${last}`);
    last = change.after.n;
  }
  const isSnapshot = [...transaction].some(({ op }) => op === 'snapshot' || op === 'bootstrap');
  if (!isSnapshot && raised !== 1) throw new Error(`the ledger is raised ${raised} times in one transaction behind ${last}`);
  if (!isSnapshot && transaction.lsn <= lsn) throw new Error(`LSN ${transaction.lsn} comes after ${lsn}`);
  lsn = transaction.lsn;
  if (last >= wanted) break;
}
parentPort.postMessage({ last, changes, verification: replica.verify(db) });
parentPort.close();
