import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { onTestFinished } from 'vitest';

/** Compiled, as users have it: the package, in a thread of its own, with the addon that the test itself has loaded. */
const rowtap = new URL('../../dist/index.js', import.meta.url).href;

/**
 * The program has the package as `rowtap`, its `Database`, `path`, `data`, `say(message)`, `heard()` for the next message to it, `stay()`, after
 * which the thread does not end by itself, and `waitForever()`, which stands still.
 */
export const threadSource = (program: string): string => `
const { parentPort, workerData } = require('node:worker_threads');
const { path, data } = workerData;
const say = (message) => parentPort.postMessage(message);
const waitForever = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
const told = [];
let onTold = () => {};
parentPort.on('message', (message) => { told.push(message); onTold(); });
parentPort.unref();
let isStaying = false;
const stay = () => { isStaying = true; parentPort.ref(); };
const heard = async () => {
  parentPort.ref();
  while (told.length === 0) await new Promise((resolve) => { onTold = resolve; });
  if (!isStaying) parentPort.unref();
  return told.shift();
};
import(workerData.rowtap).then(async (rowtap) => {
  const { Database } = rowtap;
  ${program}
});
`;

/** A worker thread that runs the body of an async function. Terminated, if it still runs, when the test has finished. */
export class Thread {
  readonly #worker: Worker;
  readonly #said: unknown[] = [];
  #error: unknown;
  /** Its exit code. */
  readonly exited: Promise<number>;

  constructor(program: string, path: string, data: Record<string, unknown> = {}) {
    this.#worker = new Worker(threadSource(program), { eval: true, workerData: { rowtap, path, data } });
    this.#worker.on('message', (message) => this.#said.push(message));
    this.#worker.on('error', (error) => {
      this.#error = error;
    });
    this.exited = new Promise((resolve) => this.#worker.on('exit', resolve));
    onTestFinished(() => void this.terminate());
  }

  /** What it threw, if that ended it. */
  get error(): unknown {
    return this.#error;
  }

  /** The next thing that it says. Rejects if it ends before. */
  async said(): Promise<unknown> {
    while (this.#said.length === 0) {
      const hasExited = await Promise.race([once(this.#worker, 'message').then(() => false), this.exited.then(() => true)]);
      if (hasExited && this.#said.length === 0) throw new Error('the thread ended without a word', { cause: this.#error });
    }
    return this.#said.shift();
  }

  tell(message: unknown): void {
    this.#worker.postMessage(message);
  }

  terminate(): Promise<number> {
    return this.#worker.terminate();
  }
}
