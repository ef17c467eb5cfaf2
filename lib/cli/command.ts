import type { Arguments } from './arguments.js';

/** One option of a command, as it is typed and as help shows it. */
export interface OptionSpec {
  /** What stands for its value in help; an option without one is a switch. */
  value?: string;
  /** Can be given several times. */
  isList?: boolean;
  choices?: readonly string[];
  help: string;
}

export interface Command {
  name: string;
  /** What has to be given, in this order. */
  operands: readonly string[];
  /** One line. */
  summary: string;
  /** What help adds to that. */
  details: string;
  options: Readonly<Record<string, OptionSpec>>;
  /** Gives the exit code. Throws what has gone wrong. */
  run(given: Arguments): Promise<number>;
}

/** An executable. */
export interface Program {
  name: string;
  summary: string;
  commands: readonly Command[];
}
