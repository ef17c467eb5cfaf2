/** The thread of one contestant: it does a slice whenever it is told to, and says how long that took. */
import { parentPort, workerData } from 'node:worker_threads';
import { contestants } from './contestants.js';
import { schema, workloads } from './workloads.js';

export interface LaneData {
  contestant: number;
  workload: number;
  path: string;
}

export interface SliceTimes {
  /** The writing calls alone. */
  writeMs: number;
  /** Until the last change had been delivered and read. */
  deliveredMs: number;
  changes: number;
}

const data = workerData as LaneData;
const contestant = contestants[data.contestant];
const workload = workloads[data.workload];
if (contestant === undefined || workload === undefined || parentPort === null) throw new Error('A lane is started by run.ts');
const port = parentPort;

const database = contestant.open(data.path);
database.pragma('journal_mode = WAL');
database.exec(schema);
const slice = workload.prepare(database);
contestant.begin?.(database);

async function measure(): Promise<SliceTimes> {
  globalThis.gc?.({ type: 'minor' });
  const begin = performance.now();
  const changes = slice();
  const writeMs = performance.now() - begin;
  await contestant?.awaitDelivery?.(changes);
  return { writeMs, deliveredMs: performance.now() - begin, changes };
}

port.on('message', (message: 'slice' | 'end') => {
  if (message === 'slice') {
    void measure().then((times) => port.postMessage(times));
  } else {
    database.close();
    port.close();
  }
});
