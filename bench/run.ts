/**
 * `make bench`: every contestant does every workload, a slice each in turn, in one process and one run, so that what disturbs the machine disturbs
 * all of them. Each has a thread to itself, since one thread can load only one build of the addon; they never work at the same time. What is printed
 * are ratios of times of the same round, the median over the rounds; 1.00 is equal, more is slower (in the comparison of the writer: faster).
 *
 * With a subscriber there are two figures: the writing calls alone, and until the last change has been delivered and all its fields read.
 *
 * `ROUNDS=80` makes it longer; `ONLY=log` runs the comparisons whose name holds that word, `WORK=insert` the workloads.
 */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { type Comparison, comparisons } from './comparisons.js';
import type { LaneData, LaneEnd } from './lane.js';
import type { Lane, SliceTimes } from './report.js';
import type { Workload } from './workloads.js';

interface RunningLane extends Lane {
  worker: Worker;
}

function start(comparison: number, contestant: number, workload: number, folder: string): RunningLane {
  const { name, addon, awaitDelivery } = comparisons[comparison]?.contestants[contestant] ?? { name: '' };
  const workerData: LaneData = { comparison, contestant, workload, path: join(folder, `${contestant}.db`) };
  const env = addon === undefined ? process.env : { ...process.env, ROWTAP_ADDON: addon };
  const worker = new Worker(new URL('lane.js', import.meta.url), { workerData, env });
  return { name, hasReader: awaitDelivery !== undefined, worker, rounds: [], usedBytes: 0, changes: 0, entryBytes: undefined };
}

async function slice(lane: RunningLane): Promise<SliceTimes> {
  lane.worker.postMessage('slice');
  const [times] = (await once(lane.worker, 'message')) as [SliceTimes];
  return times;
}

async function end(lane: RunningLane): Promise<void> {
  // Both may come in one turn.
  const events = [once(lane.worker, 'message'), once(lane.worker, 'exit')] as const;
  lane.worker.postMessage('end');
  const [[{ usedBytes, changes, entryBytes }]] = (await Promise.all(events)) as [[LaneEnd], unknown];
  lane.usedBytes = usedBytes;
  lane.changes = changes;
  lane.entryBytes = entryBytes;
}

/** Each turn begins with another one: nobody always runs on what the same neighbour left in the caches. */
async function turn(lanes: RunningLane[], at: number, note: (lane: RunningLane, times: SliceTimes) => void): Promise<void> {
  for (let place = 0; place < lanes.length; place++) {
    const lane = lanes[(at + place) % lanes.length];
    if (lane !== undefined) note(lane, await slice(lane));
  }
}

async function run(comparison: number, workload: number, folder: string): Promise<void> {
  const { contestants, workloads, slicesPerRound, report, warmUpSlices, ...rest } = comparisons[comparison] as Comparison;
  const rounds = Number(process.env.ROUNDS ?? rest.rounds);
  const lanes = contestants.map((_, contestant) => start(comparison, contestant, workload, folder));
  for (let at = 0; at < warmUpSlices; at++) await turn(lanes, at, () => {});
  for (let round = 0; round < rounds; round++) {
    for (const lane of lanes) lane.rounds.push({ writeMs: 0, deliveredMs: 0, changes: 0 });
    for (let at = 0; at < slicesPerRound; at++) {
      await turn(lanes, round * slicesPerRound + at, (lane, times) => {
        const sums = lane.rounds[round];
        if (sums === undefined) return;
        sums.writeMs += times.writeMs;
        sums.deliveredMs += times.deliveredMs;
        sums.changes += times.changes;
      });
    }
  }
  for (const lane of lanes) await end(lane);
  report(workloads[workload] as Workload, lanes);
}

console.log(`Node ${process.version}, ${process.arch}; ratios of times in the same round, median over the rounds`);
for (const [comparison, { name, workloads }] of comparisons.entries()) {
  if (!name.includes(process.env.ONLY ?? '')) continue;
  for (const [workload, { name: work }] of workloads.entries()) {
    if (!work.includes(process.env.WORK ?? '')) continue;
    const folder = mkdtempSync(join(tmpdir(), 'rowtap-bench-'));
    try {
      await run(comparison, workload, folder);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
}
