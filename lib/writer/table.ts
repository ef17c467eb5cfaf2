import { isAsyncFunction, isGeneratorFunction } from 'node:util/types';
import type { NativeTable } from '../binding/native-writer.js';
import type { WriterConnection } from './connection.js';
import { lengthOf, requireName } from './function-options.js';

/** One virtual table, whose rows are read from a generator. */
export interface TableDefinition {
  /** Their names. */
  columns: string[];
  /**
   * A generator function. Called with the values of the parameters, each time the table is read; a parameter that was not given is undefined.
   * Yields a row as an array of all columns' values, or as an object with all columns' names.
   */
  // oxlint-disable-next-line typescript/no-explicit-any -- any function will do, whatever its parameters
  rows: (...parameters: any[]) => Generator;
  /** Names for the parameters of `rows`, by which SQL knows them as hidden columns. Default: `$1`, `$2` and so on. */
  parameters?: string[] | undefined;
  /** Integers come as bigints. Default: as `defaultSafeIntegers` says when the table is first used. */
  safeIntegers?: boolean | undefined;
  /** Cannot be read by triggers and views. */
  directOnly?: boolean | undefined;
}

/** Where a factory's table is made; `this` in the factory. */
export interface TableFactoryContext {
  readonly module: string;
  readonly database: string;
  readonly table: string;
}

/** Called with the arguments of `CREATE VIRTUAL TABLE … USING name(arguments)`, as they stand there. */
// oxlint-disable-next-line typescript/no-explicit-any -- a factory may name as many arguments as it likes
export type TableFactory = (this: TableFactoryContext, ...values: any[]) => TableDefinition;

const mostParameters = 32;

/** See `Database#table`. */
export function defineTable(connection: WriterConnection, name: unknown, given: unknown): void {
  requireName(name, 'virtual table module');
  let connect: (module: string, database: string, table: string, ...values: string[]) => NativeTable;
  const isEponymous = typeof given === 'object' && given !== null;
  if (isEponymous) {
    const read = readDefinition(given, name);
    connect = () => read(connection.isSafeIntegers);
  } else if (typeof given === 'function') {
    connect = (module, database, table, ...values) => {
      const made: unknown = Reflect.apply(given, { module, database, table }, values);
      if (typeof made !== 'object' || made === null) throw new TypeError(`${moduleNamed(name)} has to return a definition, an object`);
      return readDefinition(made, name)(connection.isSafeIntegers);
    };
  } else {
    throw new TypeError('Expected the definition of a table, an object, or a function that returns one, as the second argument');
  }
  connection.requireIdle();
  connection.native.defineTable(name, { isEponymous, connect });
}

const moduleNamed = (name: string): string => `The virtual table module "${name}"`;

/** Checks it now. The function that is returned makes the table, with the kind of integers that is the default then. */
function readDefinition(definition: object, name: string): (isBigIntDefault: boolean) => NativeTable {
  const who = moduleNamed(name);
  for (const required of ['rows', 'columns']) {
    if (!Object.hasOwn(definition, required)) throw new TypeError(`${who} has a definition without "${required}"`);
  }
  const { rows, columns: givenColumns } = definition as Record<'rows' | 'columns', unknown>;
  if (!isGenerator(rows)) throw new TypeError(`${who} has "rows" that is no generator function`);
  const columns = readNames(givenColumns, 'columns', who);
  if (columns.length === 0) throw new RangeError(`${who} has no columns`);
  const parameters = Object.hasOwn(definition, 'parameters')
    ? readNames((definition as { parameters?: unknown }).parameters, 'parameters', who)
    : Array.from({ length: lengthOf(rows) }, (_, at) => `$${at + 1}`);
  if (parameters.length > mostParameters) throw new RangeError(`${who} has more than ${mostParameters} parameters`);
  const both = parameters.find((parameter) => columns.includes(parameter));
  if (both !== undefined) throw new TypeError(`${who} has "${both}" as a column and as a parameter`);
  const isBigInt = ownBoolean(definition, 'safeIntegers', who);
  const isDirectOnly = ownBoolean(definition, 'directOnly', who) ?? false;
  const declarations = [...parameters.map((parameter) => `${quoted(parameter)} HIDDEN`), ...columns.map(quoted)];
  const declaration = `CREATE TABLE x(${declarations.join(', ')})`;
  const scan = (...given: unknown[]): ReturnType<NativeTable['scan']> => {
    const row = firstRow(given, columns.length);
    const filled = fillRows(rows(...given), row, columns, who);
    return { row, next: () => filled.next().done !== true };
  };
  return (isBigIntDefault) => ({ declaration, parameters, isBigInt: isBigInt ?? isBigIntDefault, isDirectOnly, scan });
}

function isGenerator(value: unknown): value is (...parameters: unknown[]) => Iterable<unknown> {
  return isGeneratorFunction(value) && !isAsyncFunction(value);
}

function readNames(given: unknown, what: string, who: string): string[] {
  // Copied first: what is checked is what is used.
  const names: unknown[] = Array.isArray(given) ? [...(given as unknown[])] : [undefined];
  if (!names.every((each) => typeof each === 'string')) throw new TypeError(`${who} has "${what}" that is no array of strings`);
  if (new Set(names).size !== names.length) throw new TypeError(`${who} has the same name twice in "${what}"`);
  return names;
}

function ownBoolean(definition: object, name: string, who: string): boolean | undefined {
  if (!Object.hasOwn(definition, name)) return undefined;
  const value = (definition as Record<string, unknown>)[name];
  if (typeof value !== 'boolean') throw new TypeError(`${who} has "${name}" that is neither true nor false`);
  return value;
}

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** The parameters, then room for the columns. */
function firstRow(given: readonly unknown[], columns: number): unknown[] {
  // Copies: the generator may change its own, and a hidden column has to be equal to what was given.
  const row = given.map((each) => (Buffer.isBuffer(each) ? Buffer.from(each) : each));
  for (let at = 0; at < columns; at++) row.push(null);
  return row;
}

/** Puts one row after the other into `row`. */
function* fillRows(rows: Iterable<unknown>, row: unknown[], columns: readonly string[], who: string): Generator<void> {
  const first = row.length - columns.length;
  const places = new Map(columns.map((column, at) => [column, first + at]));
  for (const each of rows) {
    if (Array.isArray(each)) {
      if (each.length !== columns.length) throw new TypeError(`${who} yielded ${each.length} values for ${columns.length} columns`);
      for (let at = 0; at < columns.length; at++) row[first + at] = each[at] as unknown;
    } else if (typeof each === 'object' && each !== null) {
      fillByName(each, row, places, who);
    } else {
      throw new TypeError(`${who} yielded a row that is neither an array nor an object`);
    }
    yield;
  }
}

function fillByName(given: object, row: unknown[], places: ReadonlyMap<string, number>, who: string): void {
  const names = Object.keys(given);
  for (const name of names) {
    const place = places.get(name);
    if (place === undefined) throw new TypeError(`${who} yielded a row with "${name}", which is none of its columns`);
    row[place] = (given as Record<string, unknown>)[name];
  }
  if (names.length !== places.size) throw new TypeError(`${who} yielded a row without all of its columns`);
}
