import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { threadSource } from './thread.js';

const rowtap = new URL('../../dist/index.js', import.meta.url).href;

export interface ProgramOptions {
  /** What `start(name, path, data)` begins as a worker thread, see Thread. */
  threads?: Record<string, string>;
  data?: unknown;
  env?: Record<string, string>;
}

/**
 * How a process of its own ends, and all that it has written. `program` has what a Thread's has but for messages, and `start`, which gives the
 * Worker. A process that does not end makes the test run out of time.
 */
export async function runProgram(
  program: string,
  path: string,
  { threads = {}, data = {}, env = {} }: ProgramOptions = {},
): Promise<{ code: number | string | null; output: string }> {
  const sources = Object.fromEntries(Object.entries(threads).map(([name, source]) => [name, threadSource(source)]));
  const source = `
    import { Worker } from 'node:worker_threads';
    const { sources, rowtapUrl, path, data } = JSON.parse(process.argv[1]);
    const rowtap = await import(rowtapUrl);
    const { Database } = rowtap;
    const start = (name, threadPath = path, threadData = {}) =>
      new Worker(sources[name], { eval: true, execArgv: [], workerData: { rowtap: rowtapUrl, path: threadPath, data: threadData } });
    ${program}`;
  const given = JSON.stringify({ sources, rowtapUrl: rowtap, path, data });
  const child = spawn(process.execPath, ['--input-type=module', '--eval', source, given], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = new Promise<number | string | null>((resolve, reject) => {
    child.on('error', reject).on('close', (code, signal) => resolve(signal ?? code));
  });
  const [code, output, complaints] = await Promise.all([exited, text(child.stdout), text(child.stderr)]);
  return { code, output: output + complaints };
}
