import { badOption } from '../errors/rowtap-error.js';
import type {
  ConsumeOptions,
  Retention,
  RowOp,
  SnapshotMode,
  SnapshotProgress,
  SourceOptions,
  SubscribeOptions,
} from '../model/options.js';
import type { Signal } from '../model/signal.js';
import type { IntegerMode } from '../model/value.js';

/** Options of a source, checked. */
export interface CheckedSourceOptions {
  name: string | undefined;
  tables: string[] | undefined;
  excludeTables: string[] | undefined;
  maxTransactionMemory: number | undefined;
  engine: 'hook' | 'trigger';
  durability: 'live' | 'log';
  retention: Retention;
  /** Of the trigger engine. */
  logTable: string | undefined;
  wake: Signal | undefined;
}

/** Options of a subscription, checked, with their defaults. */
export interface CheckedSubscribeOptions {
  consumer: string | undefined;
  snapshot: SnapshotMode;
  tables: string[] | undefined;
  excludeTables: string[] | undefined;
  ops: readonly RowOp[];
  skipUnchanged: boolean;
  integers: IntegerMode;
  maxBuffered: number;
  ack: 'auto' | 'manual';
  signal: AbortSignal | undefined;
  onProgress: ((progress: SnapshotProgress) => void) | undefined;
}

/** Options of `consume`, checked, with their defaults. `subscribe` is without the signal, which is the loop's. */
export interface CheckedConsumeOptions {
  subscribe: CheckedSubscribeOptions;
  maxBatchSize: number;
  retry: { attempts: number; minDelayMs: number; maxDelayMs: number };
  signal: AbortSignal | undefined;
}

const sourceOptionNames = [
  'name',
  'engine',
  'tables',
  'excludeTables',
  'durability',
  'maxTransactionMemory',
  'retention',
  'logTable',
  'wake',
] as const;
const subscribeOptionNames = [
  'consumer',
  'snapshot',
  'tables',
  'excludeTables',
  'ops',
  'skipUnchanged',
  'integers',
  'maxBuffered',
  'ack',
  'signal',
  'onProgress',
] as const;
const rowOps = ['insert', 'update', 'delete'] as const;
const defaultMaxBuffered = 64 * 1024 * 1024;
const defaultMaxBatchSize = 50;
const defaultMinDelayMs = 100;
const defaultMaxDelayMs = 30_000;
/** Timers know no longer ones (https://nodejs.org/api/timers.html#settimeoutcallback-delay-args). */
const longestDelayMs = 2 ** 31 - 1;

/** Throws ROWTAP_BAD_OPTION, naming the option and what it takes. */
export function checkSourceOptions(options: SourceOptions | undefined): CheckedSourceOptions {
  const given = checkNames(options, sourceOptionNames, 'openSource');
  const engine = oneOf(given, 'engine', ['hook', 'trigger']) ?? 'hook';
  const durability = oneOf(given, 'durability', ['live', 'log']) ?? (engine === 'trigger' ? 'log' : 'live');
  if (engine === 'trigger' && durability === 'live') {
    throw badOption('`durability: "live"`: triggers always write a log; leave it out, or leave out `engine: "trigger"`');
  }
  const { logTable, wake } = given;
  if (engine === 'hook' && (logTable !== undefined || wake !== undefined)) {
    throw badOption('`logTable` and `wake` belong to `engine: "trigger"`; leave them out to capture by hooks');
  }
  if (engine === 'trigger' && given['maxTransactionMemory'] !== undefined) {
    throw badOption('`maxTransactionMemory` belongs to capture by hooks: the trigger engine holds no transaction in memory; leave it out');
  }
  if (wake !== undefined && !isSignal(wake)) {
    throw badOption('`wake` takes a signal: `fileSignal`, `timerSignal`, `channelSignal`, `anySignal`, or one of your own');
  }
  const retention = checkRetention(given['retention']);
  if (retention !== undefined && durability !== 'log')
    throw badOption('`retention` belongs to `durability: "log"`; leave it out for "live"');
  return {
    engine,
    durability,
    retention: retention ?? {},
    logTable: text(given, 'logTable'),
    wake,
    name: text(given, 'name'),
    tables: names(given, 'tables'),
    excludeTables: names(given, 'excludeTables'),
    maxTransactionMemory: bytes(given, 'maxTransactionMemory'),
  };
}

function isSignal(value: unknown): value is Signal {
  const { start, [Symbol.asyncDispose]: dispose } = (value ?? {}) as Partial<Signal>;
  return typeof start === 'function' && typeof dispose === 'function';
}

function checkRetention(value: unknown): Retention | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'object' || value === null) throw badOption('`retention` takes an object with `maxAgeMs` and `maxBytes`');
  const given = checkNames(value, ['maxAgeMs', 'maxBytes'], 'retention');
  const maxAgeMs = count(given, 'maxAgeMs');
  const maxBytes = bytes(given, 'maxBytes');
  return { ...(maxAgeMs === undefined ? {} : { maxAgeMs }), ...(maxBytes === undefined ? {} : { maxBytes }) };
}

/** Throws ROWTAP_BAD_OPTION, naming the option and what it takes. */
export function checkSubscribeOptions(options: SubscribeOptions | undefined): CheckedSubscribeOptions {
  const given = checkNames(options, subscribeOptionNames, 'subscribe');
  const consumer = text(given, 'consumer');
  const ops = given['ops'];
  if (ops !== undefined && !(Array.isArray(ops) && ops.length > 0 && ops.every((op) => rowOps.includes(op as RowOp)))) {
    throw badOption('`ops` takes an array of "insert", "update" and "delete", at least one of them');
  }
  const { signal, onProgress } = given;
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw badOption('`signal` takes an AbortSignal');
  if (onProgress !== undefined && typeof onProgress !== 'function') throw badOption('`onProgress` takes a function');
  return {
    consumer,
    snapshot:
      oneOf(given, 'snapshot', ['never', 'initial', 'always', 'when-needed', 'only']) ?? (consumer === undefined ? 'never' : 'when-needed'),
    tables: names(given, 'tables'),
    excludeTables: names(given, 'excludeTables'),
    ops: (ops as RowOp[] | undefined)?.slice() ?? rowOps,
    skipUnchanged: flag(given, 'skipUnchanged') ?? false,
    integers: oneOf(given, 'integers', ['auto', 'bigint', 'number']) ?? 'auto',
    maxBuffered: bytes(given, 'maxBuffered') ?? defaultMaxBuffered,
    ack: oneOf(given, 'ack', ['auto', 'manual']) ?? 'auto',
    signal,
    onProgress: onProgress as ((progress: SnapshotProgress) => void) | undefined,
  };
}

/** Throws ROWTAP_BAD_OPTION, naming the option and what it takes. */
export function checkConsumeOptions(options: ConsumeOptions | undefined): CheckedConsumeOptions {
  const { maxBatchSize, retry, ...others } = checkNames(options, [...subscribeOptionNames, 'maxBatchSize', 'retry'], 'consume');
  if (others['ack'] === 'manual') {
    throw badOption('`consume` acknowledges each batch when its handler has returned, so there is no `ack: "manual"`; leave it out');
  }
  const { signal, ...subscribe } = checkSubscribeOptions(others);
  return {
    subscribe: { ...subscribe, ack: 'manual', signal: undefined },
    maxBatchSize: count({ maxBatchSize }, 'maxBatchSize') ?? defaultMaxBatchSize,
    retry: checkRetryOptions(retry),
    signal,
  };
}

/** A default gives way to what is given for the other delay. */
function checkRetryOptions(retry: unknown): CheckedConsumeOptions['retry'] {
  const given = checkNames(retry, ['attempts', 'minDelayMs', 'maxDelayMs'], 'retry');
  const attempts = given['attempts'] === Number.POSITIVE_INFINITY ? Number.POSITIVE_INFINITY : count(given, 'attempts');
  const leastMs = delayMs(given, 'minDelayMs');
  const mostMs = delayMs(given, 'maxDelayMs');
  const minDelayMs = leastMs ?? Math.min(defaultMinDelayMs, mostMs ?? defaultMinDelayMs);
  const maxDelayMs = mostMs ?? Math.max(defaultMaxDelayMs, minDelayMs);
  if (minDelayMs > maxDelayMs) throw badOption('`minDelayMs` takes no more than `maxDelayMs`');
  return { attempts: attempts ?? Number.POSITIVE_INFINITY, minDelayMs, maxDelayMs };
}

/** Throws ROWTAP_BAD_OPTION. */
export function checkConsumeHandler(handler: unknown): void {
  if (typeof handler !== 'function') throw badOption('`consume` takes a function that handles a batch of changes');
}

/** Throws ROWTAP_BAD_OPTION. */
export function checkConsumerName(consumer: unknown): void {
  if (typeof consumer !== 'string' || consumer === '') throw badOption('`dropConsumer` takes the name of a consumer');
}

/**
 * The options of `db.changes`, where a source and a subscription are opened in one: `tables` and `excludeTables` are the subscription's, so that
 * another one of the same source can have other tables.
 */
export function splitChangesOptions(options: (SourceOptions & SubscribeOptions) | undefined): {
  source: SourceOptions;
  subscribe: SubscribeOptions;
} {
  const given = checkNames(options, [...sourceOptionNames, ...subscribeOptionNames], 'changes');
  const source: Record<string, unknown> = {};
  const subscribe: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(given)) {
    if ((subscribeOptionNames as readonly string[]).includes(name)) subscribe[name] = value;
    else source[name] = value;
  }
  return { source, subscribe };
}

type Given = Record<string, unknown>;

function checkNames(options: unknown, known: readonly string[], method: string): Given {
  if (options === undefined) return {};
  if (typeof options !== 'object' || options === null || Array.isArray(options))
    throw badOption(`\`${method}\` takes its options as an object`);
  for (const name of Object.keys(options)) {
    if (!known.includes(name)) throw badOption(`\`${method}\` knows no option "${name}"; it has ${known.join(', ')}`);
  }
  return options as Given;
}

function oneOf<const Choice extends string>(given: Given, name: string, choices: readonly Choice[]): Choice | undefined {
  const value = given[name];
  if (value === undefined) return undefined;
  const choice = choices.find((candidate) => candidate === value);
  if (choice === undefined) throw badOption(`\`${name}\` takes ${choices.map((candidate) => `"${candidate}"`).join(', ')}`);
  return choice;
}

function text(given: Given, name: string): string | undefined {
  const value = given[name];
  if (value === undefined) return undefined;
  if (typeof value !== 'string' || value === '') throw badOption(`\`${name}\` takes a string that is not empty`);
  return value;
}

function names(given: Given, name: string): string[] | undefined {
  const value = given[name];
  if (value === undefined) return undefined;
  if (!Array.isArray(value) || !value.every((element) => typeof element === 'string' && element !== '')) {
    throw badOption(`\`${name}\` takes an array of table names or glob patterns`);
  }
  return value.slice() as string[];
}

function flag(given: Given, name: string): boolean | undefined {
  const value = given[name];
  if (value === undefined) return undefined;
  if (typeof value !== 'boolean') throw badOption(`\`${name}\` takes true or false`);
  return value;
}

function count(given: Given, name: string): number | undefined {
  const value = given[name];
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 1) throw badOption(`\`${name}\` takes a positive integer`);
  return value;
}

function delayMs(given: Given, name: string): number | undefined {
  const value = given[name];
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 1 || value > longestDelayMs)
    throw badOption(`\`${name}\` takes milliseconds, an integer from 1 to ${longestDelayMs}`);
  return value;
}

function bytes(given: Given, name: string): number | undefined {
  const value = given[name];
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 1)
    throw badOption(`\`${name}\` takes a number of bytes, a positive integer`);
  return value;
}
