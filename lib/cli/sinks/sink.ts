import { CommandError } from '../command-error.js';
import { exitCodes } from '../exit-codes.js';

/** Where changes go to. Each kind is one file of this folder. */
export interface Sink {
  /**
   * Resolves when it has taken the whole batch for good, and only then is the batch acknowledged. Throws a CommandError where it never will; with
   * `signal` aborted it waits no longer for what can take long, and throws StillWaiting. Called for one batch at a time.
   */
  write(lines: readonly Buffer[], signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/** The command was stopped before the batch was taken, for which it would have gone on waiting. */
export class StillWaiting extends Error {}

/** Nobody is there to take more, and nothing is wrong with that. */
export class ReaderGone extends Error {}

export function sinkError(message: string, options?: ErrorOptions): CommandError {
  return new CommandError(message, exitCodes.sink, options);
}
