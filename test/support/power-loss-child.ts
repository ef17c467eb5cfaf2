/** Runs a script until the power is cut, at the latest at its end. Each report is a line, written synchronously: what was reported arrives. */
import { writeSync } from 'node:fs';
import { clearFaults, countDurableOperations, cutPower, cutPowerAt, installFaultVfs, startLosing } from './fault-vfs.js';
import type { PowerLossReport, PowerLossTask } from './power-loss.js';

function report(line: PowerLossReport): void {
  const bytes = Buffer.from(`${JSON.stringify(line)}\n`);
  for (let written = 0; written < bytes.length; ) written += writeSync(1, bytes, written);
}

const { rowtap, script, life, loss, cut } = JSON.parse(process.argv[2] as string) as PowerLossTask;
const library: unknown = await import(rowtap);
// oxlint-disable-next-line no-eval -- the script comes as text from the test that started this process
const run = (0, eval)(`(${script})`) as (life: object) => unknown;

installFaultVfs();
startLosing(loss);
clearFaults();
if (cut !== null) cutPowerAt(cut);
try {
  await run({ ...life, rowtap: library, acknowledge: (value: unknown) => report({ acknowledged: value }) });
  report({ operations: countDurableOperations() });
} catch (error) {
  report({ failed: error instanceof Error ? `${error.stack}` : String(error) });
}
cutPower();
