import { createRequire } from 'node:module';
import { SqliteError } from '../errors/sqlite-error.js';
import { parseArguments } from './arguments.js';
import type { Command, Program } from './command.js';
import { CommandError, usageError } from './command-error.js';
import { exitCodes } from './exit-codes.js';
import { failureText } from './failure-text.js';
import { commandHelp, programHelp } from './help.js';
import { nearestName } from './nearest-name.js';
import { print } from './terminal/print.js';
import { safeText } from './terminal/value-text.js';

/** Runs what was typed and ends the process, with one of `exitCodes`. What fails is told on standard error, in one line. */
export async function runProgram(program: Program, typed: readonly string[]): Promise<never> {
  // Of those who write there, each is told of its own failure.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  let exitCode: number;
  try {
    exitCode = await run(program, typed);
  } catch (error) {
    exitCode = error instanceof CommandError ? error.exitCode : exitCodes.failure;
    const hint = exitCode === exitCodes.usage ? `\nSee \`${program.name} --help\`, or \`${program.name} COMMAND --help\`.` : '';
    await print(process.stderr, `${program.name}: ${safeText(failureText(error))}${hint}\n`).catch(() => {});
  }
  // What has stalled (a pipe that nobody reads) is not waited for.
  process.exit(exitCode);
}

async function run(program: Program, typed: readonly string[]): Promise<number> {
  const [first, ...rest] = typed;
  if (first === undefined) throw usageError(`a command is needed: ${namesOf(program).join(', ')}`);
  if (first === '--version') return show(`${versionOf()}\n`);
  if (first === '--help' || first === '-h' || (first === 'help' && rest.length === 0)) return show(programHelp(program));
  if (first === 'help') return show(commandHelp(program, commandNamed(program, rest[0] as string)));
  const command = commandNamed(program, first);
  const beforeOperands = rest.includes('--') ? rest.slice(0, rest.indexOf('--')) : rest;
  if (beforeOperands.some((word) => word === '--help' || word === '-h')) return show(commandHelp(program, command));
  const given = parseArguments(rest, command);
  try {
    return await command.run(given);
  } catch (error) {
    if (!(error instanceof SqliteError)) throw error;
    const files = given.operands.filter((_, at) => command.operands[at] !== 'NAME').join(', ');
    throw new CommandError(`${files}: ${failureText(error)}`, undefined, { cause: error });
  }
}

function commandNamed(program: Program, name: string): Command {
  const command = program.commands.find((each) => each.name === name);
  if (command !== undefined) return command;
  if (name.startsWith('-')) throw usageError(`the command comes first, then its options: ${program.name} COMMAND ${name}`);
  const nearest = nearestName(name, namesOf(program));
  throw usageError(
    `there is no command "${name}"${nearest === undefined ? `, but ${namesOf(program).join(', ')}` : `; did you mean ${nearest}?`}`,
  );
}

function namesOf({ commands }: Program): string[] {
  return commands.map(({ name }) => name);
}

async function show(text: string): Promise<number> {
  await print(process.stdout, text);
  return exitCodes.fine;
}

function versionOf(): string {
  return (createRequire(import.meta.url)('../../package.json') as { version: string }).version;
}
