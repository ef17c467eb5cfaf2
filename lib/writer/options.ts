/** What the constructor of a database takes. */
export interface DatabaseOptions {
  readonly?: boolean | undefined;
  fileMustExist?: boolean | undefined;
  /** Milliseconds to wait for another connection's lock before SQLITE_BUSY. Default 5000. */
  timeout?: number | undefined;
  /** Called with each statement before it runs, the bound values in it. */
  verbose?: ((sql: string) => unknown) | null | undefined;
  /** Path of the addon's file, where it can't be found by itself. The same for every database of the process. */
  nativeBinding?: string | undefined;
}

/** What `serialize` takes. */
export interface SerializeOptions {
  /** Name of the attached database. Default "main". */
  attached?: string;
}

export interface CheckedOptions {
  isReadonly: boolean;
  mustExist: boolean;
  timeoutMs: number;
  verbose: ((sql: string) => unknown) | undefined;
  nativeBinding: string | undefined;
}

/**
 * `isEmpty`: of a temporary or in-memory database without content. Throws a TypeError or a RangeError for an option that is not what it has to be. Options
 * of other names are none of our business.
 */
export function checkDatabaseOptions(options: object, isEmpty: boolean): CheckedOptions {
  if ('readOnly' in options) throw new TypeError('There is no option "readOnly": it is spelt "readonly"');
  if ('memory' in options) throw new TypeError('There is no option "memory": use the path ":memory:"');
  const isReadonly = booleanOption(options, 'readonly');
  const mustExist = booleanOption(options, 'fileMustExist');
  if (isReadonly && isEmpty) throw new TypeError('A temporary or in-memory database cannot be read-only: it would stay empty');
  const timeoutMs = 'timeout' in options ? options.timeout : 5000;
  if (typeof timeoutMs !== 'number' || !Number.isInteger(timeoutMs) || timeoutMs < 0) {
    throw new TypeError('The option "timeout" has to be a whole number of milliseconds, 0 or more');
  }
  if (timeoutMs > 0x7fffffff) throw new RangeError('The option "timeout" has to be at most 2147483647 milliseconds');
  const verbose = 'verbose' in options ? (options.verbose ?? undefined) : undefined;
  if (verbose !== undefined && typeof verbose !== 'function') throw new TypeError('The option "verbose" has to be a function');
  if ('journalFd' in options && options.journalFd !== undefined) {
    throw new TypeError('There is no option "journalFd": give the path of the database, which cannot be opened from file descriptors');
  }
  const nativeBinding = 'nativeBinding' in options ? (options.nativeBinding ?? undefined) : undefined;
  if (nativeBinding !== undefined && typeof nativeBinding !== 'string') {
    throw new TypeError('The option "nativeBinding" has to be a string: the path of the addon');
  }
  return { isReadonly, mustExist, timeoutMs, verbose: verbose as CheckedOptions['verbose'], nativeBinding };
}

export function booleanOption(options: object, name: string): boolean {
  if (!(name in options)) return false;
  const value = (options as Record<string, unknown>)[name];
  if (typeof value !== 'boolean') throw new TypeError(`The option "${name}" has to be true or false`);
  return value;
}

/** The option `attached` of `serialize` and `backup`. */
export function attachedName(options: object): string {
  const name: unknown = 'attached' in options ? options.attached : 'main';
  if (typeof name !== 'string') throw new TypeError('The option "attached" has to be a string: the name of an attached database');
  if (name === '') throw new TypeError('The option "attached" cannot be an empty string');
  return name;
}

/**
 * The argument of a method that turns something on, or off with `false`. An argument that is given has to be a boolean, undefined is
 * none.
 */
export function optionalSwitch(given: readonly unknown[]): boolean {
  if (given.length === 0) return true;
  if (typeof given[0] !== 'boolean') throw new TypeError('Expected true or false, or no argument');
  return given[0];
}
