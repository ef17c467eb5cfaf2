/**
 * `make bench`: every contestant does every workload, a slice each in turn, in one process and one run, so that what disturbs the machine disturbs
 * all of them. Each has a thread to itself, since one thread can load only one build of the addon; they never work at the same time. What is printed are ratios of times to the first contestant, the median over the rounds; 1.00 is equal, more is slower.
 *
 * With a subscriber there are two figures: the writing calls alone, and until the last change has been delivered and all its fields read.
 */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { contestants } from './contestants.js';
import type { LaneData, SliceTimes } from './lane.js';
import { workloads } from './workloads.js';

const rounds = Number(process.env.ROUNDS ?? 40);
const warmUpRounds = 6;

interface Lane {
  name: string;
  hasReader: boolean;
  worker: Worker;
  times: SliceTimes[];
}

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

function ratio(lane: Lane, base: Lane, of: 'writeMs' | 'deliveredMs'): string {
  return median(lane.times.map((times, round) => times[of] / (base.times[round]?.writeMs ?? Number.NaN)))
    .toFixed(2)
    .padStart(7);
}

function report(name: string, lanes: Lane[]): void {
  const [base] = lanes;
  if (base === undefined) return;
  console.log(`\n${name}`);
  console.log(`  ${''.padEnd(48)}  write  delivered   changes/s`);
  for (const lane of lanes) {
    const changes = lane.times.reduce((sum, times) => sum + times.changes, 0);
    const perSecond = Math.round((changes / lane.times.reduce((sum, times) => sum + times.deliveredMs, 0)) * 1000);
    const delivered = lane.hasReader ? ratio(lane, base, 'deliveredMs') : ''.padStart(7);
    console.log(`  ${lane.name.padEnd(48)}${ratio(lane, base, 'writeMs')}    ${delivered} ${perSecond.toLocaleString('en').padStart(11)}`);
  }
}

async function slice(lane: Lane): Promise<void> {
  lane.worker.postMessage('slice');
  const [times] = (await once(lane.worker, 'message')) as [SliceTimes];
  lane.times.push(times);
}

async function run(workload: number, folder: string): Promise<void> {
  const lanes = contestants.map(({ name, addon, awaitDelivery }, contestant): Lane => {
    const workerData: LaneData = { contestant, workload, path: join(folder, `${contestant}.db`) };
    const env = addon === undefined ? process.env : { ...process.env, ROWTAP_ADDON: addon };
    const worker = new Worker(new URL('lane.js', import.meta.url), { workerData, env });
    return { name, hasReader: awaitDelivery !== undefined, worker, times: [] };
  });
  for (let round = 0; round < warmUpRounds + rounds; round++) {
    // Each round begins with another one: nobody always runs on what the same neighbour left in the caches.
    for (let at = 0; at < lanes.length; at++) {
      const lane = lanes[(at + round) % lanes.length];
      if (lane !== undefined) await slice(lane);
    }
    if (round === warmUpRounds - 1) for (const lane of lanes) lane.times = [];
  }
  report(workloads[workload]?.name ?? '', lanes);
  for (const { worker } of lanes) {
    worker.postMessage('end');
    await once(worker, 'exit');
  }
}

console.log(`Node ${process.version}, ${process.arch}; ${rounds} rounds; ratios to the first line of each table, median over the rounds`);
for (let workload = 0; workload < workloads.length; workload++) {
  const folder = mkdtempSync(join(tmpdir(), 'rowtap-bench-'));
  try {
    await run(workload, folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
