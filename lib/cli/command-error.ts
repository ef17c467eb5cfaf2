import { exitCodes } from './exit-codes.js';

/** Ends a command: its message is shown as it is, without a stack, and the process ends with `exitCode`. */
export class CommandError extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode: number = exitCodes.failure, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/** The command line itself is wrong. */
export function usageError(message: string): CommandError {
  return new CommandError(message, exitCodes.usage);
}
