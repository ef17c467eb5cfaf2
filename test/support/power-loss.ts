import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type * as Rowtap from 'rowtap';
import { afterAll, beforeAll, expect } from 'vitest';
import { runCompiler } from './compile.js';
import type { PowerCut, PowerLoss } from './fault-vfs.js';

/** What a script is given. */
export interface PowerLossLife<Argument> {
  rowtap: typeof Rowtap;
  path: string;
  argument: Argument;
  /** Tells the test, at once, what the script has been promised: that a COMMIT has returned, for example. */
  acknowledge(value: unknown): void;
}

export interface PowerLossRun<Argument> {
  /**
   * Runs in a process of its own, from its text: it sees its argument and what Node has (modules by `process.getBuiltinModule`), and nothing of
   * the file where it stands.
   */
  script: (life: PowerLossLife<Argument>) => unknown;
  /** Of the database. What lies there when the script begins counts as synced. */
  path: string;
  argument: Argument;
  /** After so many operations, counted from the script's start, or at another point; at its end where it comes to that first. */
  cutAt: number | PowerCut;
  /** Whether all or some of what was not synced is lost. */
  mode: PowerLoss['loses'];
  sectorBytes?: PowerLoss['sectorBytes'];
  seed: number;
}

export interface PowerLossResult<Acknowledged> {
  acknowledged: Acknowledged[];
  /** Where the script has come to its end: how many operations it took, at each of which the power can be cut. */
  operations: number | undefined;
}

export interface PowerLossTask {
  rowtap: string;
  script: string;
  life: { path: string; argument: unknown };
  loss: PowerLoss;
  cut: PowerCut | null;
}

export type PowerLossReport = { acknowledged: unknown } | { operations: number } | { failed: string };

const folder = mkdtempSync(join(tmpdir(), 'rowtap-power-loss-'));
const program = join(folder, 'power-loss-child.js');

beforeAll(() => {
  const options = ['--target', 'es2023', '--module', 'nodenext', '--rootDir', '.', '--outDir', folder];
  // Only these files, without the types that they import.
  const sources = ['power-loss-child.ts', 'fault-vfs.ts', '--ignoreConfig', '--noResolve', '--noCheck', '--verbatimModuleSyntax'];
  runCompiler([...sources, ...options], dirname(fileURLToPath(import.meta.url)));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
});
afterAll(() => rmSync(folder, { recursive: true }));

/**
 * Runs the script in a process whose power is cut, as native/testing/lossy_disk.h says, and resolves when its files are what the cut has left. Open
 * the database then: SQLite recovers it. Throws what the script throws. Equal runs of one thread leave equal files, but for SQLite's
 * random salts.
 */
export async function runUntilPowerLoss<Acknowledged, Argument>(run: PowerLossRun<Argument>): Promise<PowerLossResult<Acknowledged>> {
  const { script, path, argument, cutAt, mode, sectorBytes = 4096, seed } = run;
  const atEnd = cutAt === Number.POSITIVE_INFINITY;
  const task: PowerLossTask = {
    rowtap: new URL('../../dist/index.js', import.meta.url).href,
    script: script.toString(),
    life: { path, argument },
    loss: { loses: mode, sectorBytes, seed },
    cut: atEnd ? null : typeof cutAt === 'number' ? { after: cutAt } : cutAt,
  };
  const child = spawn(process.execPath, [program, JSON.stringify(task)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  const result: PowerLossResult<Acknowledged> = { acknowledged: [], operations: undefined };
  for await (const line of createInterface({ input: child.stdout })) {
    const report = JSON.parse(line) as PowerLossReport;
    if ('failed' in report) throw new Error(`The script failed: ${report.failed}`);
    if ('acknowledged' in report) result.acknowledged.push(report.acknowledged as Acknowledged);
    else result.operations = report.operations;
  }
  expect(await exited).toEqual([null, 'SIGKILL']);
  return result;
}
