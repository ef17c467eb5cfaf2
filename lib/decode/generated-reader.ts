import type { IntegerMode } from '../model/value.js';
import type { TableDescription } from '../schema/description.js';
import {
  blob,
  misfit,
  rowidAuto,
  rowidBigint,
  rowidNumber,
  scalarAuto,
  scalarBigint,
  scalarNumber,
  textValue,
  valueSizes,
  varint,
  varintSize,
} from './record.js';
import { storedColumns, type TableReader } from './table-reader.js';

const scalars = { auto: scalarAuto, bigint: scalarBigint, number: scalarNumber };
const rowids = { auto: rowidAuto, bigint: rowidBigint, number: rowidNumber };

/**
 * A reader made for one table: straight code, one step per column, and one object literal, so that all rows of the table have one hidden class.
 * Of the description only numbers and names written by JSON.stringify get into the code.
 */
export function generateReader(table: TableDescription, integers: IntegerMode): TableReader {
  const steps = storedColumns(table).map((column) => {
    const scalar = table.columns[column]?.affinity === 'real' ? 'scalarNumber' : 'scalar';
    return `
  t = bytes[h++];
  if (t > 127) { n = varintSize(bytes, h - 1); t = varint(bytes, h - 1); h += n - 1; }
  ${column === table.rowidColumn ? `const c${column} = rowid(frames.words, rowidAt);` : `let c${column};`}
  if (t < 12) {
    ${column === table.rowidColumn ? '' : `c${column} = ${scalar}(view, t, v);`}
    v += valueSizes[t];
  } else {
    n = v + ((t - 12) >>> 1);
    ${column === table.rowidColumn ? '' : `c${column} = t & 1 ? textValue(bytes, text, v, n) : blob(bytes, v, n);`}
    v = n;
  }`;
  });
  const shown = table.columns.flatMap((column, index) => (column.position < 0 ? [] : [`${propertyName(column.name)}: c${index}`]));
  const key = table.key.map((column) => {
    const name = table.columns[column]?.name ?? '';
    return `${propertyName(name)}: row[${JSON.stringify(name)}]`;
  });
  const source = `'use strict';
function image(frames, text, at, size, rowidAt) {
  const bytes = frames.bytes, view = frames.view;
  let h = at, n = 0, t = bytes[h++];
  if (t > 127) { n = varintSize(bytes, h - 1); t = varint(bytes, h - 1); h += n - 1; }
  const headerEnd = at + t;
  let v = headerEnd;${steps.join('')}
  if (h > headerEnd || v > at + size) misfit();
  return { ${shown.join(', ')} };
}
function key(row) { return ${key.length === 0 ? 'null' : `{ ${key.join(', ')} }`}; }
return { image, key };`;
  const parts = {
    blob,
    misfit,
    rowid: rowids[integers],
    scalar: scalars[integers],
    scalarNumber,
    textValue,
    valueSizes,
    varint,
    varintSize,
  };
  // oxlint-disable-next-line no-new-func, typescript/no-implied-eval
  return new Function(...Object.keys(parts), source)(...Object.values(parts)) as TableReader;
}

/** As a key of an object literal; `__proto__: x` would set the prototype, `["__proto__"]: x` makes a property. */
function propertyName(name: string): string {
  return name === '__proto__' ? '["__proto__"]' : JSON.stringify(name);
}
