import { beforeAll, describe, expect, test } from 'vitest';
import { countAllocations } from '../support/allocation-faults.js';
import { installFaultVfs } from '../support/fault-vfs.js';
import { allocationPoints, type FaultPoint, filePoints, type Operations } from './fault-points.js';
import { type FaultScript, faultScripts } from './fault-scripts.js';
import { userCodeScripts } from './user-code-scripts.js';
import { type Beside, FaultyRun, type JournalMode } from './faulty-run.js';

beforeAll(installFaultVfs);

/** Only this run, by the name that a failure prints. */
const only = process.env.ROWTAP_FAULT;
/** Where not every point is tried, the first one: a different one at each run. */
const offset = Number(process.env.ROWTAP_FAULT_OFFSET ?? Date.now() % 1000);
const isFull = process.env.ROWTAP_SOAK !== undefined;
const maxFailures = 20;
const timeoutMs = 3_600_000;

type Points = (operations: Operations) => Iterable<FaultPoint>;

/** One point after the other, in turn; at CI size one of `stride` of them. */
async function tryPoints(script: FaultScript, mode: JournalMode, beside: Beside, pointsOf: Points, stride: number): Promise<void> {
  const run = new FaultyRun(script, mode, beside);
  const failures: string[] = [];
  const lost: Record<string, number> = {};
  const step = isFull || only !== undefined ? 1 : stride;
  let seen = step === 1 ? 0 : offset;
  let tried = 0;
  try {
    await run.begin();
    // The first run also does what is done once in a process.
    await run.run(undefined);
    const { operations } = await run.run(undefined);
    const { held } = countAllocations();
    for (const point of pointsOf(operations)) {
      const name = `${mode}/${beside}/${script.name}/${point.name}`;
      if (seen++ % step !== 0 || (only !== undefined && only !== name)) continue;
      tried++;
      try {
        const { lostWith } = await run.run(point);
        if (lostWith !== undefined) lost[lostWith] = (lost[lostWith] ?? 0) + 1;
        expect(countAllocations().held, 'what SQLite holds when all is closed').toBe(held);
      } catch (error) {
        if (only !== undefined) throw error;
        failures.push(`ROWTAP_FAULT='${name}': ${String(error)}`);
        if (failures.length === maxFailures) break;
      }
    }
  } finally {
    run.close();
  }
  console.log(`${mode}, ${beside}, ${script.name}: ${tried} tried${step === 1 ? '' : `, ROWTAP_FAULT_OFFSET=${offset}`}; ended:`, lost);
  expect(failures).toEqual([]);
}

/** What the scripts of user code do beside that code is tried by the others at every point. */
const scripts = [...faultScripts.map((script) => ({ script, factor: 1 })), ...userCodeScripts.map((script) => ({ script, factor: 3 }))];

describe.each(['wal', 'delete'] as const)('%s mode', (mode) => {
  describe.each(scripts)('$script.name', ({ script, factor }) => {
    const tryAt = (beside: Beside, pointsOf: Points, stride: number) => tryPoints(script, mode, beside, pointsOf, stride * factor);
    test('every file operation', { timeout: timeoutMs }, () => tryAt('nothing', filePoints, 1));
    test('every allocation', { timeout: timeoutMs }, () => tryAt('nothing', allocationPoints, 10));
    test('beside a consumer: every file operation', { timeout: timeoutMs }, () => tryAt('consumer', filePoints, 10));
    test('beside a consumer: every allocation', { timeout: timeoutMs }, () => tryAt('consumer', allocationPoints, 50));
    test('with a log: every file operation', { timeout: timeoutMs }, () => tryAt('log', filePoints, 4));
    test('with a log: every allocation', { timeout: timeoutMs }, () => tryAt('log', allocationPoints, 40));
    if (mode === 'delete') return;
    test('beside a snapshot: every file operation', { timeout: timeoutMs }, () => tryAt('snapshot', filePoints, 10));
    test('beside a snapshot: every allocation', { timeout: timeoutMs }, () => tryAt('snapshot', allocationPoints, 50));
  });
});
