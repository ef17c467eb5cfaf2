/** The thread of one contestant: it does a slice whenever it is told to, and says how long that took. */
import { parentPort, workerData } from 'node:worker_threads';
import { comparisons } from './comparisons.js';
import { logging } from './contestants.js';
import type { SliceTimes } from './report.js';
import { schema } from './workloads.js';

export interface LaneData {
  comparison: number;
  contestant: number;
  workload: number;
  path: string;
}

export interface LaneEnd {
  /** Of its database, free pages left out. */
  usedBytes: number;
  /** All that it ever made. */
  changes: number;
  /** Of the newest entry of its log, all its parts; undefined where it keeps none. */
  entryBytes: number | undefined;
}

const data = workerData as LaneData;
const comparison = comparisons[data.comparison];
const contestant = comparison?.contestants[data.contestant];
const workload = comparison?.workloads[data.workload];
if (contestant === undefined || workload === undefined || parentPort === null) throw new Error('A lane is started by run.ts');
const port = parentPort;

const database = contestant.open(data.path);
database.pragma('journal_mode = WAL');
database.exec(schema);
const work = workload.prepare(database, contestant.beside?.(database, workload));
contestant.begin?.(database);
let allChanges = 0;

async function measure(): Promise<SliceTimes> {
  const tidied = work.tidy?.() ?? 0;
  if (tidied > 0) await contestant?.awaitDelivery?.(tidied);
  globalThis.gc?.({ type: 'minor' });
  const begin = performance.now();
  const changes = work.run();
  const writeMs = performance.now() - begin;
  allChanges += tidied + changes;
  await contestant?.awaitDelivery?.(changes);
  return { writeMs, deliveredMs: performance.now() - begin, changes };
}

function newestEntryBytes(): number | undefined {
  if (contestant?.name !== logging.log.name) return undefined;
  const { bytes } = database
    .prepare('SELECT sum(length(entry)) AS bytes FROM _rowtap_log WHERE id >> 11 = (SELECT max(id) >> 11 FROM _rowtap_log)')
    .get() as { bytes: number };
  return bytes;
}

function end(): LaneEnd {
  const read = (name: string): number => Object.values((database.pragma(name) as Record<string, number>[])[0] ?? {})[0] ?? Number.NaN;
  const usedBytes = (read('page_count') - read('freelist_count')) * read('page_size');
  const entryBytes = newestEntryBytes();
  database.close();
  return { usedBytes, changes: allChanges, entryBytes };
}

port.on('message', (message: 'slice' | 'end') => {
  if (message === 'slice') {
    void measure().then((times) => port.postMessage(times));
  } else {
    port.postMessage(end());
    port.close();
  }
});
