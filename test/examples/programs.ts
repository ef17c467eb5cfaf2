import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCompiler } from '../support/compile.js';
import { projectRoot } from '../support/markdown.js';

/** The programs of examples/, compiled as `make demo` compiles them, but into a folder of their own. */
export class Programs {
  readonly #folder = mkdtempSync(join(tmpdir(), 'rowtap-examples-'));
  /** What the programs see as the folder for temporary files. */
  readonly temporary = join(this.#folder, 'tmp');

  constructor() {
    mkdirSync(this.temporary);
    mkdirSync(join(this.#folder, 'node_modules'));
    symlinkSync(projectRoot, join(this.#folder, 'node_modules/rowtap'), 'dir');
    writeFileSync(join(this.#folder, 'package.json'), '{ "type": "module" }');
    const compilerOptions = {
      outDir: this.#folder,
      rootDir: projectRoot,
      incremental: false,
      tsBuildInfoFile: null,
      typeRoots: [join(projectRoot, 'node_modules/@types')],
    };
    const config = { extends: join(projectRoot, 'tsconfig.programs.json'), compilerOptions, include: [join(projectRoot, 'examples')] };
    writeFileSync(join(this.#folder, 'tsconfig.json'), JSON.stringify(config));
    runCompiler(['-p', this.#folder], this.#folder);
  }

  /** Runs one to its end. `preload` is code that runs before it. */
  run(
    name: string,
    args: readonly string[] = [],
    { preload = '', env = {} }: { preload?: string; env?: NodeJS.ProcessEnv } = {},
  ): Finished {
    const first = join(this.#folder, 'preload.js');
    writeFileSync(first, preload);
    const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', first, this.pathOf(name), ...args], {
      cwd: this.#folder,
      encoding: 'utf8',
      env: { ...this.environment, ...env },
    });
    return { status, stdout, stderr };
  }

  pathOf(name: string): string {
    return join(this.#folder, `examples/${name}.js`);
  }

  get environment(): NodeJS.ProcessEnv {
    const { NO_COLOR: _noColor, ...rest } = process.env;
    return { ...rest, TERM: 'xterm', TMPDIR: this.temporary };
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

export interface Finished {
  status: number | null;
  stdout: string;
  stderr: string;
}

/** A preload after which the program takes its pipe for a terminal. */
export const asTerminal = `Object.assign(process.stdout, { isTTY: true, columns: 100, rows: 50 });`;
