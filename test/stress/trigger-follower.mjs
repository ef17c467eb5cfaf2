// Follows a log of the trigger engine into a replica, and says how far it is: a line for each transaction. Arguments: rowtap, the file, the replica.
import { argv } from 'node:process';

const [, , rowtap, path, replicaPath] = argv;
const { Database, openSource, Replica } = await import(rowtap);

const target = new Database(replicaPath);
target.pragma('journal_mode = WAL');
const replica = new Replica(target);
const source = openSource(path, { engine: 'trigger' });
const subscription = source.subscribe({ consumer: 'replica' });
const follow = async function* () {
  for await (const transaction of subscription.transactions()) {
    yield transaction;
    process.stdout.write(`${transaction.lsn} ${transaction.length}\n`);
  }
};
await replica.follow({ transactions: follow, accepts: (table) => subscription.accepts(table), integers: subscription.integers });
