import type { Command, OptionSpec, Program } from './command.js';
import { exitCodesHelp } from './exit-codes.js';

/** Of the whole program. */
export function programHelp({ name, summary, commands }: Program): string {
  const width = Math.max(...commands.map((command) => usageOf(command).length));
  return `${summary}

Usage: ${name} COMMAND [OPTIONS]

Commands:
${commands.map((command) => `  ${usageOf(command).padEnd(width)}   ${command.summary}`).join('\n')}

  ${name} COMMAND --help shows a command's options, ${name} --version the version.

${exitCodesHelp}
`;
}

export function commandHelp({ name }: Program, command: Command): string {
  const options = Object.entries({ ...command.options, help: { help: 'this text' } });
  return `${command.summary}

Usage: ${name} ${usageOf(command)} [OPTIONS]

${command.details}

Options:
${options.map(([option, spec]) => optionHelp(option, spec)).join('\n')}

${exitCodesHelp}
`;
}

function usageOf({ name, operands }: Command): string {
  return [name, ...operands].join(' ');
}

const optionWidth = 24;

function optionHelp(option: string, { value, help }: OptionSpec): string {
  const typed = value === undefined ? `--${option}` : `--${option} ${value}`;
  const lines = help.split('\n');
  const first = typed.length > optionWidth ? `  ${typed}\n${' '.repeat(optionWidth + 4)}` : `  ${typed.padEnd(optionWidth)}  `;
  return first + lines.join(`\n${' '.repeat(optionWidth + 4)}`);
}
