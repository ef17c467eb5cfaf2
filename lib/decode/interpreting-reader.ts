import type { IntegerMode, SqlValue } from '../model/value.js';
import type { TableDescription } from '../schema/description.js';
import type { FrameBuffer } from './frame-buffer.js';
import {
  blob,
  misfit,
  type Row,
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

/** The reader for very wide tables, and for where no code may be made from strings: a loop over the columns. */
export function interpretingReader(table: TableDescription, integers: IntegerMode): TableReader {
  const stored = storedColumns(table);
  const names = table.columns.map((column) => column.name);
  const shown = table.columns.flatMap((column, index) => (column.position < 0 ? [] : [index]));
  const scalarOf = table.columns.map((column) => (column.affinity === 'real' ? scalarNumber : scalars[integers]));
  const rowid = rowids[integers];
  const { key: keyColumns, rowidColumn } = table;

  function image(frames: FrameBuffer, text: string | null, at: number, size: number, rowidAt: number): Row {
    const { bytes, view } = frames;
    const headerEnd = at + varint(bytes, at);
    let h = at + varintSize(bytes, at);
    let v = headerEnd;
    const values: SqlValue[] = new Array<SqlValue>(names.length).fill(null);
    for (const column of stored) {
      const type = varint(bytes, h);
      h += varintSize(bytes, h);
      const end = v + (type < 12 ? (valueSizes[type] as number) : (type - 12) >>> 1);
      if (column === rowidColumn) values[column] = rowid(frames.words, rowidAt);
      else if (type < 12) values[column] = (scalarOf[column] as typeof scalarAuto)(view, type, v);
      else values[column] = (type & 1) === 1 ? textValue(bytes, text, v, end) : blob(bytes, v, end);
      v = end;
    }
    if (h > headerEnd || v > at + size) misfit();
    const row: Row = {};
    for (const column of shown) setProperty(row, names[column] as string, values[column] as SqlValue);
    return row;
  }

  function key(row: Row): Row | null {
    if (keyColumns.length === 0) return null;
    const result: Row = {};
    for (const column of keyColumns) setProperty(result, names[column] as string, row[names[column] as string] as SqlValue);
    return result;
  }

  return { image, key };
}

function setProperty(row: Row, name: string, value: SqlValue): void {
  // An assignment to `__proto__` would set the prototype.
  if (name === '__proto__') Object.defineProperty(row, name, { value, enumerable: true, configurable: true, writable: true });
  else row[name] = value;
}
