/**
 * The calls that take the values of parameters. Few values stand in the call one by one: V8 then compiles it to a direct call of native code, which it
 * does not do where they are spread. Each has its call sites to itself for the same reason: a site that calls several functions is not compiled so.
 */
import type { NativeResult, NativeStatements } from '../binding/native-writer.js';

type Values = readonly unknown[];

export function callRun(statements: NativeStatements, id: number, values: Values): void {
  switch (values.length) {
    case 0:
      return statements.run(id);
    case 1:
      return statements.run(id, values[0]);
    case 2:
      return statements.run(id, values[0], values[1]);
    case 3:
      return statements.run(id, values[0], values[1], values[2]);
    case 4:
      return statements.run(id, values[0], values[1], values[2], values[3]);
    case 5:
      return statements.run(id, values[0], values[1], values[2], values[3], values[4]);
    default:
      return statements.run(id, ...values);
  }
}

export function callGet(statements: NativeStatements, id: number, values: Values): NativeResult {
  switch (values.length) {
    case 0:
      return statements.get(id);
    case 1:
      return statements.get(id, values[0]);
    case 2:
      return statements.get(id, values[0], values[1]);
    case 3:
      return statements.get(id, values[0], values[1], values[2]);
    default:
      return statements.get(id, ...values);
  }
}

export function callPluck(statements: NativeStatements, id: number, values: Values): unknown {
  switch (values.length) {
    case 0:
      return statements.pluck(id);
    case 1:
      return statements.pluck(id, values[0]);
    case 2:
      return statements.pluck(id, values[0], values[1]);
    case 3:
      return statements.pluck(id, values[0], values[1], values[2]);
    default:
      return statements.pluck(id, ...values);
  }
}

export function callAll(statements: NativeStatements, id: number, values: Values): NativeResult {
  switch (values.length) {
    case 0:
      return statements.all(id);
    case 1:
      return statements.all(id, values[0]);
    case 2:
      return statements.all(id, values[0], values[1]);
    case 3:
      return statements.all(id, values[0], values[1], values[2]);
    default:
      return statements.all(id, ...values);
  }
}

export function callOpen(statements: NativeStatements, id: number, values: Values): void {
  switch (values.length) {
    case 0:
      return statements.open(id);
    case 1:
      return statements.open(id, values[0]);
    case 2:
      return statements.open(id, values[0], values[1]);
    default:
      return statements.open(id, ...values);
  }
}
