import fc from 'fast-check';
import { expect, test } from 'vitest';
import { runBothWays, scriptArbitrary } from '../support/never-in-the-way.js';

const seed = Number(process.env.ROWTAP_SEED ?? Math.floor(Math.random() * 2 ** 31));
const scripts = process.env.ROWTAP_SOAK === undefined ? 200 : 2000;

// What an application can notice all the same stands in one table, in test/support/never-in-the-way.ts. With ROWTAP_SHRINK fast-check looks for
// the shortest script that fails, which takes minutes.
const title = `with durability %j an application sees the same in ${scripts} random scripts as without rowtap (seed ${seed})`;
test.each(['live', 'log'] as const)(title, { timeout: 3_600_000 }, async (durability) => {
  const total = { changes: 0, transactions: 0, rows: 0, snapshots: 0, written: 0, sources: 0 };
  await fc.assert(
    fc.asyncProperty(scriptArbitrary, async (script) => {
      const done = await runBothWays(script, durability);
      for (const key of Object.keys(total) as (keyof typeof total)[]) total[key] += done[key];
    }),
    { numRuns: scripts, seed, endOnFailure: process.env.ROWTAP_SHRINK === undefined },
  );
  // Whoever looks on really did.
  for (const [what, times] of Object.entries(total)) expect(times, what).toBeGreaterThan(scripts / 10);
});
