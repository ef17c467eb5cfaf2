import { isProxy, isUint8Array } from 'node:util/types';
import type { WriterConnection } from './connection.js';

const noNames: ReadonlyArray<string | null> = [];

/**
 * The arguments of `run`, `get`, `all`, `iterate` and `bind` as one value for each parameter of a statement, in SQLite's order. Values for
 * `?` come one by one or in arrays; those for named parameters in one plain object. The rules are better-sqlite3's.
 */
export class Parameters {
  readonly #connection: WriterConnection;
  readonly #id: number;
  readonly #count: number;
  readonly #hasNames: boolean;
  #names: ReadonlyArray<string | null> | undefined;

  /** With the result page as the native `prepare` left it. */
  constructor(connection: WriterConnection) {
    this.#connection = connection;
    this.#id = connection.page.statement;
    this.#count = connection.page.parameterCount;
    this.#hasNames = connection.page.hasNamedParameters;
  }

  /**
   * Throws a TypeError for a value that can't be bound, a RangeError where there are too few or too many. A bigint's size is native
   * code's to check.
   */
  order(given: readonly unknown[]): readonly unknown[] {
    if (this.#hasNames) return given.length === 1 ? this.#orderNamed(given) : this.#orderMixed(given);
    if (given.length === 1 && Array.isArray(given[0])) return this.#orderList(given);
    if (given.length !== this.#count) return this.#orderMixed(given);
    // By index: for so few, an iterator costs more than the checks.
    for (let at = 0; at < given.length; at++) {
      if (!isPlainValue(given[at])) return this.#orderMixed(given);
    }
    return given;
  }

  /** Likewise the common case of one array of plain values. Each is read once, as it may be a getter's. */
  #orderList(given: readonly unknown[]): readonly unknown[] {
    const list = given[0] as readonly unknown[];
    if (list.length !== this.#count) return this.#orderMixed(given);
    const values: unknown[] = [];
    for (let at = 0; at < this.#count; at++) {
      const value = list[at];
      if (!isPlainValue(value)) return this.#orderMixed([values, [value], list.slice(at + 1)]);
      values.push(value);
    }
    return values;
  }

  /** The common case of one object and nothing but names. Where anything is unusual, `#orderMixed` finds out what. */
  #orderNamed(given: readonly unknown[]): readonly unknown[] {
    const object = given[0] as Record<string, unknown>;
    if (typeof object !== 'object' || object === null || Object.getPrototypeOf(object) !== Object.prototype) return this.#orderMixed(given);
    const names = (this.#names ??= this.#connection.statements.parameterNames(this.#id));
    const values: unknown[] = [];
    for (const name of names) {
      if (name === null || !Object.hasOwn(object, name)) return this.#orderMixed(given);
      const value = object[name];
      if (!isPlainValue(value)) return this.#orderMixed(given);
      values.push(value);
    }
    return values;
  }

  #orderMixed(given: readonly unknown[]): readonly unknown[] {
    const slots = new Slots(this.#count, this.#hasNames ? (this.#names ??= this.#connection.statements.parameterNames(this.#id)) : noNames);
    let hasObject = false;
    for (const argument of given) {
      if (Array.isArray(argument)) {
        // By index: holes count, as values that are undefined.
        for (let at = 0; at < argument.length; at++) slots.addNext(argument[at]);
      } else if (isNamed(argument)) {
        if (isPlainObject(argument)) {
          if (hasObject) throw new TypeError('Named parameters were given in two objects: put them all into one');
          hasObject = true;
          slots.addNamed(argument);
        } else if (this.#hasNames) {
          throw new TypeError('Named parameters have to be given in a plain object');
        } else {
          throw cannotBind();
        }
      } else {
        slots.addNext(argument);
      }
    }
    return slots.finish(hasObject, this.#hasNames);
  }
}

class Slots {
  readonly #values: unknown[];
  readonly #names: ReadonlyArray<string | null>;
  #next = 0;
  #filled = 0;

  constructor(count: number, names: ReadonlyArray<string | null>) {
    this.#values = Array.from({ length: count }, () => null);
    this.#names = names;
  }

  addNext(value: unknown): void {
    while (typeof this.#names[this.#next] === 'string') this.#next++;
    const bindable = bindableValue(value);
    if (this.#next >= this.#values.length) throw tooMany();
    this.#values[this.#next++] = bindable;
    this.#filled++;
  }

  addNamed(object: Record<string, unknown>): void {
    for (const [index, name] of this.#names.entries()) {
      if (name === null) continue;
      if (!Object.hasOwn(object, name)) throw new RangeError(`The named parameter "${name}" was not given`);
      this.#values[index] = bindableValue(object[name]);
      this.#filled++;
    }
  }

  finish(hasObject: boolean, hasNames: boolean): readonly unknown[] {
    const { length } = this.#values;
    if (this.#filled > length) throw tooMany();
    if (this.#filled === length) return this.#values;
    if (!hasObject && hasNames) throw new TypeError('The statement has named parameters: give their values in a plain object');
    throw new RangeError(`Too few parameter values were given: ${this.#filled} for ${length} parameters`);
  }
}

/** A value that native code takes as it is. What else it may be, `bindableValue` says. */
function isPlainValue(value: unknown): boolean {
  switch (typeof value) {
    case 'number':
    case 'string':
    case 'bigint':
    case 'undefined':
      return true;
    case 'object':
      return value === null || isUint8Array(value);
    default:
      return false;
  }
}

function bindableValue(value: unknown): unknown {
  if (isPlainValue(value)) return value;
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  throw cannotBind();
}

/** Neither a value nor a list: it could only hold named parameters. */
function isNamed(argument: unknown): argument is object {
  return typeof argument === 'function' || (typeof argument === 'object' && argument !== null && !ArrayBuffer.isView(argument));
}

function isPlainObject(object: object): object is Record<string, unknown> {
  // As better-sqlite3, which is not told what is behind it: what an application observes by proxies may well be instances of its classes.
  if (isProxy(object)) return true;
  const prototype: unknown = Object.getPrototypeOf(object);
  // Object.prototype, or that of another realm (node:vm, as test runners use it): what has itself none.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function cannotBind(): TypeError {
  return new TypeError('Only numbers, bigints, strings, buffers, null and undefined can be bound');
}

function tooMany(): RangeError {
  return new RangeError('More parameter values were given than the statement has parameters');
}
