import type { Arguments } from './arguments.js';
import type { OptionSpec } from './command.js';
import { usageError } from './command-error.js';
import type { ChangeFormat } from './formats/change-format.js';
import { jsonLine } from './formats/json-line.js';
import { readableLines } from './formats/readable-line.js';
import { parseSinkAddress, type SinkAddress } from './sinks/open-sink.js';
import { isTerminal, type Paints, paintsFor } from './terminal/paints.js';

/** What `tail` and `snapshot` have in common. */
export const handOverOptions: Readonly<Record<string, OptionSpec>> = {
  table: { value: 'TABLE', isList: true, help: 'only this table; a name or a pattern ("order*"), any number of times' },
  'exclude-table': { value: 'TABLE', isList: true, help: 'all but this table; wins over --table' },
  format: {
    value: 'json|text',
    choices: ['json', 'text'],
    help: 'JSON lines, or lines to read (coloured on a terminal, unless NO_COLOR is set);\ndefault: text where standard output is a terminal, json elsewhere',
  },
  output: {
    value: '-|FILE|URL',
    help: 'standard output (-, the default); a file that is appended to, each batch being on the disk\nbefore it is acknowledged; or an http(s) address that each batch is posted to as JSON lines',
  },
  'batch-size': { value: 'COUNT', help: 'changes in one batch at most (default 500)' },
  retries: {
    value: 'COUNT',
    help: 'with a URL: how often a batch is sent again where nobody answers, or with 408, 425, 429 or 5xx;\ndefault 10, which takes about two minutes; 0: never',
  },
  timeout: { value: 'TIME', help: 'with a URL: for one request, as in 500ms or 30s (the default)' },
};

export interface SinkOptions {
  address: SinkAddress;
  format: ChangeFormat;
  batchSize: number;
  retries: number;
  timeoutMs: number;
}

const defaultBatchSize = 500;
const defaultRetries = 10;
const defaultTimeoutMs = 30_000;
/** Timers know no longer ones. */
const longestTimeoutMs = 2 ** 31 - 1;

/** Throws a usage error. */
export function readSinkOptions(given: Arguments): SinkOptions {
  const address = parseSinkAddress(given.text('output'));
  for (const option of ['retries', 'timeout']) {
    if (given.has(option) && address.kind !== 'http') throw usageError(`--${option} belongs to an --output with http:// or https://`);
  }
  const timeoutMs = given.durationMs('timeout') ?? defaultTimeoutMs;
  if (timeoutMs > longestTimeoutMs) throw usageError('--timeout takes 24 days at most');
  return {
    address,
    format: chooseFormat(given.text('format'), address),
    batchSize: given.count('batch-size', 1) ?? defaultBatchSize,
    retries: given.count('retries', 0) ?? defaultRetries,
    timeoutMs,
  };
}

function chooseFormat(asked: string | undefined, { kind }: SinkAddress): ChangeFormat {
  if (kind === 'http' && asked === 'text') throw usageError('--format=text is for people; an address gets JSON lines');
  const isText = asked === undefined ? kind === 'stdout' && isTerminal(process.stdout) : asked === 'text';
  return isText ? readableLines(paintsForSink(kind)) : jsonLine;
}

function paintsForSink(kind: SinkAddress['kind']): Paints {
  return paintsFor(kind === 'stdout' ? process.stdout : {});
}
