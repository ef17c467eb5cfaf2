import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Compiled, as users have it. */
export const compiledWriter = new URL('../../dist/writer/database.js', import.meta.url).href;

/** How a program of its own ends: `program` has `Database`, `path` (a file) and everything that Node has. */
export function runProgram(
  program: string,
  path: string,
  flags: string[] = [],
): { code: number | null; signal: string | null; output: string } {
  const source = `import { Database } from ${JSON.stringify(compiledWriter)}; const path = ${JSON.stringify(path)};\n${program}`;
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, [...flags, '--input-type=module', '--eval', source], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    encoding: 'utf8',
    timeout: 50_000,
  });
  return { code: status, signal, output: stdout + stderr };
}
