import { parseArgs } from 'node:util';
import type { Command, OptionSpec } from './command.js';
import { usageError } from './command-error.js';
import { nearestName } from './nearest-name.js';
import { parseByteCount, parseDurationMs } from './quantities.js';

/** What was typed behind the command's name, checked against what it takes. */
export class Arguments {
  readonly operands: readonly string[];
  readonly #values: ReadonlyMap<string, readonly string[]>;

  constructor(operands: readonly string[], values: ReadonlyMap<string, readonly string[]>) {
    this.operands = operands;
    this.#values = values;
  }

  operand(place: number): string {
    return this.operands[place] as string;
  }

  has(option: string): boolean {
    return this.#values.has(option);
  }

  text(option: string): string | undefined {
    return this.#values.get(option)?.at(-1);
  }

  list(option: string): string[] | undefined {
    return this.#values.get(option)?.slice();
  }

  /** Throws a usage error where it is no whole number, or less than `least`. */
  count(option: string, least: number): number | undefined {
    const text = this.text(option);
    if (text === undefined) return undefined;
    const count = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (Number.isSafeInteger(count) && count >= least) return count;
    throw usageError(`--${option} takes a whole number, ${least} or more, and not "${text}"`);
  }

  durationMs(option: string): number | undefined {
    const text = this.text(option);
    if (text === undefined) return undefined;
    const durationMs = parseDurationMs(text);
    if (durationMs !== undefined) return durationMs;
    throw usageError(`--${option} takes a time with its unit (500ms, 30s, 15m, 12h, 7d), and not "${text}"`);
  }

  bytes(option: string): number | undefined {
    const text = this.text(option);
    if (text === undefined) return undefined;
    const bytes = parseByteCount(text);
    if (bytes !== undefined) return bytes;
    throw usageError(`--${option} takes a number of bytes, or one with a unit (64KiB, 256MiB, 2GiB), and not "${text}"`);
  }
}

/** Throws a usage error for whatever the command does not take. */
export function parseArguments(given: readonly string[], { name, operands, options }: Command): Arguments {
  const { tokens } = parseArgs({
    args: [...given],
    options: Object.fromEntries(
      Object.entries(options).map(([option, { value }]) => [option, { type: value === undefined ? 'boolean' : 'string' } as const]),
    ),
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const words: string[] = [];
  const values = new Map<string, string[]>();
  for (const token of tokens) {
    if (token.kind === 'positional') words.push(token.value);
    if (token.kind !== 'option') continue;
    const spec = Object.hasOwn(options, token.name) ? options[token.name] : undefined;
    if (spec === undefined) throw unknownOption(token.rawName, name, options);
    const value = checkValue(token, spec);
    if (values.has(token.name) && spec.isList !== true) throw usageError(`${token.rawName} is given twice, and is taken once`);
    values.set(token.name, [...(values.get(token.name) ?? []), value]);
  }
  const missing = operands[words.length];
  if (missing !== undefined) throw usageError(`${name} needs ${missing}: ${[name, ...operands].join(' ')}`);
  if (words.length > operands.length)
    throw usageError(`${name} takes ${[...operands].join(' and ')}, and not "${words[operands.length]}" as well`);
  const empty = words.findIndex((word) => word === '');
  if (empty >= 0) throw usageError(`${operands[empty]} is empty`);
  return new Arguments(words, values);
}

function unknownOption(rawName: string, command: string, options: Command['options']): Error {
  const nearest = nearestName(rawName.replace(/^-+/, ''), Object.keys(options));
  const hint = nearest === undefined ? '' : `; did you mean --${nearest}?`;
  return usageError(`${command} has no option ${rawName}${hint}`);
}

interface OptionToken {
  rawName: string;
  value: string | undefined;
  inlineValue: boolean | undefined;
}

function checkValue({ rawName, value, inlineValue }: OptionToken, spec: OptionSpec): string {
  if (spec.value === undefined) {
    if (value !== undefined) throw usageError(`${rawName} takes no value`);
    return '';
  }
  // An option whose value was forgotten takes the next one for it.
  if (value === undefined || value === '' || (inlineValue !== true && value.startsWith('-') && value !== '-')) {
    throw usageError(`${rawName} needs a value: ${rawName}=${spec.value}`);
  }
  if (spec.choices !== undefined && !spec.choices.includes(value)) {
    throw usageError(`${rawName} takes ${spec.choices.join(' or ')}, and not "${value}"`);
  }
  return value;
}
