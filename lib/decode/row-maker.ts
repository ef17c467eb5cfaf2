import type { SqlValue } from '../model/value.js';
import { canGenerateCode } from './reader.js';
import type { Row } from './record.js';

/** Makes a row of the values from `at` on, in the order of its columns, each of them handed to `toValue`. */
export type RowMaker = <Value>(values: readonly Value[], at: number, toValue: (value: Value) => SqlValue) => Row;

/** Beyond it a generated function would be too long for V8 to optimise. */
const maxGeneratedColumns = 200;

/** An object literal makes rows of one shape, many times faster than adding one property after the other. */
export function rowMaker(columns: readonly string[]): RowMaker {
  if (columns.length > maxGeneratedColumns || !canGenerateCode()) return (values, at, toValue) => addOneByOne(columns, values, at, toValue);
  // `__proto__: x` in a literal would set the prototype, `["__proto__"]: x` makes a property.
  const members = columns.map(
    (name, index) => `${name === '__proto__' ? '["__proto__"]' : JSON.stringify(name)}: toValue(values[at + ${index}])`,
  );
  // oxlint-disable-next-line no-new-func, typescript/no-implied-eval -- names go in as JSON strings only
  return new Function('values', 'at', 'toValue', `return { ${members.join(', ')} };`) as RowMaker;
}

function addOneByOne<Value>(columns: readonly string[], values: readonly Value[], at: number, toValue: (value: Value) => SqlValue): Row {
  const row: Row = {};
  for (const [index, column] of columns.entries()) {
    const value = toValue(values[at + index] as Value);
    if (column === '__proto__') Object.defineProperty(row, column, { value, enumerable: true, configurable: true, writable: true });
    else row[column] = value;
  }
  return row;
}
