import type { WriterConnection } from './connection.js';
import { checkFunctionOptions, type FunctionOptions, lengthOf, requireName } from './function-options.js';

// oxlint-disable-next-line typescript/no-explicit-any -- any function will do, whatever its parameters
type Step<Total> = (total: Total, ...values: any[]) => Total | void;

/** What `aggregate` takes. `Total` is what is handed from row to row. */
export interface AggregateOptions<Total = unknown> extends FunctionOptions {
  /** What each group begins with, or a function that returns it. Default `null`. */
  start?: Total | (() => Total) | undefined;
  /** Called with each row's arguments. Returns the new total; without a result the total stays. */
  step: Step<Total>;
  /** Undoes `step` for a row that has left the window. Without it the aggregate is not for windows. */
  inverse?: Step<Total> | null | undefined;
  /** Makes the result of the total. Default: it is the total. */
  result?: ((total: Total) => unknown) | null | undefined;
}

type AnyFunction = (...values: never[]) => unknown;

/** See `Database#aggregate`. */
export function defineAggregate(connection: WriterConnection, name: unknown, options: unknown): void {
  requireName(name, 'aggregate');
  if (typeof options !== 'object' || options === null) throw new TypeError('Expected an object with options as the second argument');
  const start: unknown = 'start' in options ? options.start : null;
  const step = functionOption(options, 'step');
  if (step === undefined) throw new TypeError('The option "step" is missing: the function that is called with each row');
  const inverse = functionOption(options, 'inverse');
  const result = functionOption(options, 'result');
  const definition = checkFunctionOptions(connection, options, () => {
    const parameters = Math.max(lengthOf(step), inverse === undefined ? 0 : lengthOf(inverse));
    // The first one is for the total.
    return Math.max(0, parameters - 1);
  });
  connection.requireIdle();
  connection.native.defineAggregate(name, {
    ...definition,
    start: typeof start === 'function' ? (start as AnyFunction) : () => start,
    step,
    inverse,
    result,
  });
}

function functionOption(options: object, name: string): AnyFunction | undefined {
  const value: unknown = name in options ? (options as Record<string, unknown>)[name] : undefined;
  if (typeof value === 'function') return value as AnyFunction;
  if (value === undefined || value === null) return undefined;
  throw new TypeError(`The option "${name}" has to be a function`);
}
