import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll } from 'vitest';
import { runCompiler } from '../support/compile.js';

/** What every task of such a program begins with. */
export interface ProgramTask {
  /** The address of the library. */
  rowtap: string;
}

/** How one life is to end: at a point, after so many reports, or by itself. */
export type End<Point> = { point: Point } | { reports: number } | 'over';

/** The library as it is shipped: a program of its own has no other. */
export const rowtapAddress = new URL('../../dist/index.js', import.meta.url).href;

/**
 * A program that says what it does, a line of JSON for each report, and is killed amid it: compiled for the test file that makes it, run in a
 * process for each life. What it writes belongs into `folder`, which goes when the file's tests are done.
 */
export class KilledProgram<Task extends ProgramTask, Report> {
  readonly folder: string;
  readonly #path: string;

  /** `sources` lie beside this file; the first one is the program. */
  constructor(...sources: [string, ...string[]]) {
    const name = basename(sources[0], '.ts');
    this.folder = mkdtempSync(join(tmpdir(), `rowtap-${name}-`));
    const program = join(this.folder, 'program');
    this.#path = join(program, `stress/${name}.js`);
    beforeAll(() => {
      const options = ['--target', 'es2023', '--module', 'nodenext', '--rootDir', '..', '--outDir', program];
      // Only these files, without the types that they import.
      const only = ['--ignoreConfig', '--noResolve', '--noCheck', '--verbatimModuleSyntax'];
      runCompiler([...sources, ...options, ...only], dirname(fileURLToPath(import.meta.url)));
      writeFileSync(join(program, 'package.json'), '{ "type": "module" }');
    });
    afterAll(() => rmSync(this.folder, { recursive: true }));
  }

  /**
   * Resolves with how it has ended, exit code and signal. It is killed at the last of `mostReports`, and where `take` throws, which is thrown on.
   * SQLite's temporary files go to `temporary`.
   */
  async live(task: Task, temporary: string, mostReports: number, take: (report: Report) => void): Promise<unknown> {
    const child = spawn(process.execPath, [this.#path, JSON.stringify(task)], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, SQLITE_TMPDIR: temporary },
    });
    const exited = once(child, 'exit');
    let reports = 0;
    try {
      for await (const line of createInterface({ input: child.stdout })) {
        const report = parse(line) as Report | undefined;
        if (report === undefined) continue;
        if (++reports === mostReports) child.kill('SIGKILL');
        take(report);
      }
    } catch (error) {
      child.kill('SIGKILL');
      throw error;
    }
    return await exited;
  }
}

/** The last line may have been cut by the kill. */
function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
