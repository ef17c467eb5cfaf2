/** Runs the executables as somebody types them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { onTestFinished, vi } from 'vitest';
import { projectRoot } from '../support/markdown.js';

export type Executable = 'rowtap' | 'rowtap-admin';

export interface Finished {
  code: number | null;
  /** By which the process was killed. */
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface TypedOptions {
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  /** Nobody reads what it prints before `readOn`. */
  isUnread?: boolean;
  /** Gets what it prints instead of `stdout`. */
  stdoutTo?: number;
  /** Runs as somebody whom file permissions mean, where the tests run as root. */
  isPlainUser?: boolean;
}

/** One that runs. It is killed at the end of the test, if it has not ended. */
export class Running {
  readonly child: ChildProcess;
  stdout = '';
  stderr = '';
  readonly #closed: Promise<unknown[]>;

  constructor(command: string, args: readonly string[], { env = {}, cwd, isUnread = false, isPlainUser = false, stdoutTo }: TypedOptions) {
    const { NO_COLOR: _noColor, FORCE_COLOR: _forceColor, ...inherited } = process.env;
    const nobody = { uid: 65534, gid: 65534 };
    this.child = spawn(command, args, {
      env: { ...inherited, TERM: 'xterm', ...env },
      ...(cwd === undefined ? {} : { cwd }),
      ...(isPlainUser && process.getuid?.() === 0 ? nobody : {}),
      stdio: ['ignore', stdoutTo ?? 'pipe', 'pipe'],
    });
    this.#closed = once(this.child, 'close');
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    if (!isUnread) this.readOn();
    onTestFinished(() => {
      this.child.kill('SIGKILL');
    });
  }

  readOn(): void {
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.stdout += text));
  }

  get lines(): string[] {
    return this.stdout.split('\n').slice(0, -1);
  }

  /** Waits until so many lines were printed. */
  async until(count: number): Promise<string[]> {
    await vi.waitUntil(() => this.lines.length >= count, { timeout: 30_000, interval: 20 });
    return this.lines;
  }

  async ended(): Promise<Finished> {
    const [code, signal] = (await this.#closed) as [number | null, NodeJS.Signals | null];
    return { code, signal, stdout: this.stdout, stderr: this.stderr };
  }

  stop(signal: NodeJS.Signals): Promise<Finished> {
    this.child.kill(signal);
    return this.ended();
  }
}

export function pathOf(executable: Executable): string {
  return join(projectRoot, `dist/cli/${executable}.js`);
}

export function start(executable: Executable, args: readonly string[], options: TypedOptions = {}): Running {
  return new Running(process.execPath, [pathOf(executable), ...args], options);
}

export function run(executable: Executable, args: readonly string[], options: TypedOptions = {}): Promise<Finished> {
  return start(executable, args, options).ended();
}

/** The same on a terminal, which Python has (the build needs it too): what is printed there comes as `stdout`. */
export function startOnTerminal(executable: Executable, args: readonly string[], options: TypedOptions = {}): Running {
  const program = 'import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))';
  return new Running('python3', ['-c', program, process.execPath, pathOf(executable), ...args], options);
}
