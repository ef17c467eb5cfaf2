import { spawnSync } from 'node:child_process';
import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { folder } from './database-file.js';

/** A pipe that nobody reads, until the test does. */
export class UnreadPipe {
  /** For a child process, which takes the flags away from its own. */
  readonly fd: number;
  readonly #fd: number;

  constructor() {
    const path = join(folder(), 'pipe');
    spawnSync('mkfifo', [path]);
    this.#fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    this.fd = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
    onTestFinished(() => {
      closeSync(this.#fd);
      closeSync(this.fd);
    });
  }

  /** Who writes to it has to wait. Where it is not, an empty line gets in. */
  isFull(): boolean {
    return this.#unlessBlocked(() => writeSync(this.#fd, '\n')) === undefined;
  }

  /** What was written to it, without a last line that was cut. */
  wholeLines(): string[] {
    const pieces: Buffer[] = [];
    const buffer = Buffer.alloc(65_536);
    for (;;) {
      const size = this.#unlessBlocked(() => readSync(this.#fd, buffer));
      if (size === undefined) break;
      pieces.push(Buffer.from(buffer.subarray(0, size)));
    }
    const lines = Buffer.concat(pieces).toString().split('\n').slice(0, -1);
    return lines.filter((line) => line !== '');
  }

  #unlessBlocked(call: () => number): number | undefined {
    try {
      return call();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return undefined;
      throw error;
    }
  }
}
