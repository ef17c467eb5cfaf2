import fc from 'fast-check';
import { expect, test } from 'vitest';
import { runBothWays, scriptArbitrary } from '../support/never-in-the-way.js';

const seed = Number(process.env.ROWTAP_SEED ?? Math.floor(Math.random() * 2 ** 31));

// The timeout is for fast-check, which looks for the shortest script that fails.
test(`an application sees the same with subscribers, snapshots and consumers as without (seed ${seed})`, { timeout: 600_000 }, async () => {
  let delivered = 0;
  await fc.assert(
    fc.asyncProperty(scriptArbitrary, async (script) => {
      const { changes, transactions, rows } = await runBothWays(script);
      delivered += changes + transactions + rows;
    }),
    { numRuns: 25, seed },
  );
  expect(delivered).toBeGreaterThan(0);
});
