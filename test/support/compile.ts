import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { projectRoot } from './markdown.js';

/** Runs the TypeScript compiler, without the sanitizer that the tests themselves may run under. Throws where it complains. */
export function runCompiler(args: readonly string[], folder: string): void {
  const { LD_PRELOAD: _preload, NODE_OPTIONS: _options, ...env } = process.env;
  execFileSync(process.execPath, [join(projectRoot, 'node_modules/typescript/bin/tsc'), ...args], {
    cwd: folder,
    env,
    encoding: 'utf8',
    stdio: 'pipe',
  });
}
