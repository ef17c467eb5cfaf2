import type { NativeFunctionDefinition } from '../binding/native-writer.js';
import type { WriterConnection } from './connection.js';
import { booleanOption } from './options.js';

/** What `function` and `aggregate` take. */
export interface FunctionOptions {
  /** Takes any number of arguments, and not as many as the function has parameters. */
  varargs?: boolean | undefined;
  /** The same arguments give the same result, so that indexes and generated columns can use it, and SQLite may call it less often. */
  deterministic?: boolean | undefined;
  /** Cannot be called by what is stored in the schema: triggers, views, indexes, CHECK constraints, generated columns. */
  directOnly?: boolean | undefined;
  /** Integers come as bigints. Default: as `defaultSafeIntegers` says now. */
  safeIntegers?: boolean | undefined;
}

const mostArguments = 100;

/** `countArguments` is asked unless any number will do. Throws a TypeError or a RangeError for what is not as it has to be. */
export function checkFunctionOptions(
  connection: WriterConnection,
  options: object,
  countArguments: () => number,
): NativeFunctionDefinition {
  const isBigInt = 'safeIntegers' in options ? booleanOption(options, 'safeIntegers') : connection.isSafeIntegers;
  const isDeterministic = booleanOption(options, 'deterministic');
  const isDirectOnly = booleanOption(options, 'directOnly');
  const argumentCount = booleanOption(options, 'varargs') ? -1 : countArguments();
  if (argumentCount > mostArguments) throw new RangeError(`A user-defined function cannot have more than ${mostArguments} arguments`);
  return { argumentCount, isBigInt, isDeterministic, isDirectOnly };
}

/** The number of its parameters. */
export function lengthOf(fn: { readonly length: unknown }): number {
  const { length } = fn;
  if (typeof length === 'number' && Number.isInteger(length) && length >= 0) return length;
  throw new TypeError('The length of a function, the number of its parameters, has to be a whole number');
}

export function requireName(name: unknown, what: string): asserts name is string {
  if (typeof name !== 'string') throw new TypeError(`Expected the name of the ${what}, a string, as the first argument`);
  if (name === '') throw new TypeError(`The name of a ${what} cannot be empty`);
}
