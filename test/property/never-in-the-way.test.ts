import fc from 'fast-check';
import { expect, test } from 'vitest';
import { runBothWays, scriptArbitrary } from '../support/never-in-the-way.js';

const seed = Number(process.env.ROWTAP_SEED ?? Math.floor(Math.random() * 2 ** 31));

// The timeout is for fast-check, which looks for the shortest script that fails.
const besides = [
  ['subscribers, snapshots and consumers', 'live', 25],
  ['a log', 'log', 20],
] as const;

test.each(besides)(
  `an application sees the same with %s as without (seed ${seed})`,
  { timeout: 600_000 },
  async (_, durability, numRuns) => {
    let delivered = 0;
    await fc.assert(
      fc.asyncProperty(scriptArbitrary, async (script) => {
        const { changes, transactions, rows } = await runBothWays(script, durability);
        delivered += changes + transactions + rows;
      }),
      { numRuns, seed },
    );
    expect(delivered).toBeGreaterThan(0);
  },
);
