import { CommandError } from '../command-error.js';
import { exitCodes } from '../exit-codes.js';

/** Where changes go to. Each kind is one file of this folder. */
export interface Sink {
  /**
   * Resolves when it has taken the whole batch for good, and only then is the batch acknowledged. Throws a CommandError where it never will; with
   * `signal` aborted it may give up earlier. Called for one batch at a time.
   */
  write(lines: readonly Buffer[], signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/** Nobody is there to take more, and nothing is wrong with that. */
export class ReaderGone extends Error {}

export function sinkError(message: string, options?: ErrorOptions): CommandError {
  return new CommandError(message, exitCodes.sink, options);
}
