import { exitCodes } from './exit-codes.js';

type StopSignal = 'SIGINT' | 'SIGTERM';
const stopSignals: readonly StopSignal[] = ['SIGINT', 'SIGTERM'];

/** The first SIGINT or SIGTERM asks the command to end; with the second one the process ends at once, as it would have with the first. */
export class StopSignals {
  readonly #stop = new AbortController();
  #received: StopSignal | undefined;

  constructor() {
    for (const name of stopSignals) process.on(name, this.#onSignal);
  }

  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** What a command ends with that was stopped before its end; undefined where none came. */
  get exitCode(): number | undefined {
    return this.#received && exitCodes[this.#received];
  }

  /** For another reason than a signal. */
  stop(): void {
    this.#stop.abort();
  }

  close(): void {
    for (const name of stopSignals) process.off(name, this.#onSignal);
  }

  readonly #onSignal = (name: NodeJS.Signals): void => {
    if (this.#received !== undefined) {
      this.close();
      process.kill(process.pid, name);
      return;
    }
    this.#received = name as StopSignal;
    this.#stop.abort();
  };
}
