import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { onTestFinished } from 'vitest';

const rowtap = new URL('../../dist/index.js', import.meta.url).href;

/**
 * A process of its own, that runs `program` on a file. It has `Database`, `path`, `say(value)`, and `heard()`, which resolves to the next value it
 * is told.
 */
export class Child {
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #exited: Promise<unknown>;
  readonly #said: AsyncIterator<string>;

  constructor(program: string, path: string) {
    const source = `
      import { createInterface } from 'node:readline';
      const [, rowtap, path] = process.argv;
      const { Database, openSource } = await import(rowtap);
      const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
      const heard = async () => JSON.parse((await lines.next()).value ?? 'null');
      const say = (value) => process.stdout.write(JSON.stringify(value ?? null) + '\\n');
      ${program}`;
    this.#process = spawn(process.execPath, ['--input-type=module', '--eval', source, rowtap, path]);
    this.#process.stderr.pipe(process.stderr);
    this.#exited = once(this.#process, 'exit');
    this.#said = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
    onTestFinished(() => this.kill());
  }

  get pid(): number {
    return this.#process.pid as number;
  }

  tell(value: unknown): void {
    this.#process.stdin.write(`${JSON.stringify(value)}\n`);
  }

  /** What it says next; undefined when it has ended. */
  async said(): Promise<unknown> {
    const { value, done } = await this.#said.next();
    return done === true ? undefined : JSON.parse(value);
  }

  /** Waits until nothing is left of it. */
  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#exited;
  }
}
