import type { WriterConnection } from './connection.js';
import { checkFunctionOptions, lengthOf, requireName } from './function-options.js';

/** See `Database#function`. `given` are the arguments after the name. */
export function defineFunction(connection: WriterConnection, name: unknown, given: readonly unknown[]): void {
  const [options, fn]: readonly unknown[] = typeof given[0] === 'function' ? [{}, given[0]] : [given[0] ?? {}, given[1]];
  requireName(name, 'function');
  if (typeof fn !== 'function') throw new TypeError('Expected a function as the last argument');
  if (typeof options !== 'object' || options === null) throw new TypeError('Expected an object with options as the second argument');
  const definition = checkFunctionOptions(connection, options, () => lengthOf(fn));
  connection.requireIdle();
  connection.native.defineFunction(name, { ...definition, call: fn as (...values: never[]) => unknown });
}
