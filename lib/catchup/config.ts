import { badOption } from '../errors/rowtap-error.js';
import type { CatchupDatabase } from './database.js';

export interface CatchupConfig {
  /** Of this consumer: what it has processed is kept under this name in the database. */
  name: string;
  /** Returns a column `max`: the greatest id that there is now, or NULL. */
  maxSql: string;
  /** Takes @last and @max; returns the rows whose `id` is greater than @last and at most @max, in the order of `id`. May have a LIMIT. */
  nextSql: string;
  /** The most rows in one transaction. Default 200. */
  batchSize?: number;
}

const defaultBatchSize = 200;
const optionNames = ['name', 'maxSql', 'nextSql', 'batchSize'];

/** Throws ROWTAP_BAD_OPTION, naming the option and what it takes. */
export function checkConfig(config: CatchupConfig): Required<CatchupConfig> {
  if (typeof config !== 'object' || config === null) throw badOption('`Catchup` takes an object with `name`, `maxSql` and `nextSql`');
  const unknown = Object.keys(config).find((name) => !optionNames.includes(name));
  if (unknown !== undefined) throw badOption(`\`Catchup\` has no option \`${unknown}\`; it takes ${optionNames.join(', ')}`);
  for (const option of ['name', 'maxSql', 'nextSql'] as const) {
    const value: unknown = config[option];
    if (typeof value !== 'string' || value.trim() === '') throw badOption(`\`${option}\` of \`Catchup\` takes a string that is not empty`);
  }
  const { name, maxSql, nextSql, batchSize = defaultBatchSize } = config;
  if (!Number.isSafeInteger(batchSize) || batchSize < 1) throw badOption('`batchSize` of `Catchup` takes an integer from 1');
  return { name, maxSql, nextSql, batchSize };
}

/** Throws ROWTAP_BAD_OPTION for a database that positions can't be kept in. */
export function requireWritable(database: CatchupDatabase): void {
  if (database.readonly) throw badOption('`Catchup` keeps its position in the database, and this one was opened read-only');
}

export function checkFunction(fn: unknown): void {
  if (typeof fn !== 'function') throw badOption('the first argument has to be the function that processes a row');
}

export function checkSignal(signal: unknown): void {
  if (!(signal instanceof AbortSignal)) throw badOption('`signal` takes an AbortSignal');
}
