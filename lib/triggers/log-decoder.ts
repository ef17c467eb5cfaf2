import type { Selection } from '../decode/selection.js';
import type { Change, GapReason, RowChange, SchemaEvent } from '../model/change.js';
import type { RowOp } from '../model/options.js';
import type { IntegerMode, SqlValue } from '../model/value.js';
import type { RawRow } from './connection.js';
import { LogOp, valuesPerRow } from './log-names.js';
import { keyColumns, type Shape, storedColumns } from './shape.js';
import { rowsPerImage } from './trigger-sql.js';

export interface LogDecoderOptions {
  /** The source's name, as every change bears it. */
  source: string;
  integers: IntegerMode;
  selection: Selection;
  /** Throws where no shape has that id. */
  shape(id: number): Shape;
}

/** As the columns of a row of the log stand in a query of all: "id", "time", "shape", "op", the values. */
const atShape = 2;
const atOp = 3;
const firstValue = 4;

type Row = Record<string, SqlValue>;

/** How rows of one shape are read. */
interface Reading {
  table: string;
  shape: Shape;
  columns: string[];
  key: string[];
  rowsPerImage: number;
  isAccepted: boolean;
}

const opNames: Record<number, RowOp> = { [LogOp.insert]: 'insert', [LogOp.update]: 'update', [LogOp.delete]: 'delete' };

/**
 * Turns rows of the log into changes, a commit at a time: `begin`, any number of `decode`, `end`. The last row change that passes the selection
 * is only known at the end, so the newest one is held back until the next one is seen.
 */
export class LogDecoder {
  readonly #options: LogDecoderOptions;
  readonly #readings = new Map<number, Reading>();
  readonly #toValue: (value: RawRow[number]) => SqlValue;
  readonly #finalEvents = new WeakSet<object>();
  #lsn = 0;
  #timeMs = 0;
  #index = 0;
  #firstIndex = 0;
  #newestRow: (RowChange & { last: boolean }) | undefined;
  #held: Change[] = [];
  #newest: Change | undefined;

  constructor(options: LogDecoderOptions) {
    this.#options = options;
    this.#toValue = valueReader(options.integers);
  }

  isFinal(event: object): boolean {
    return this.#finalEvents.has(event);
  }

  /** Changes before `firstIndex` are done with. */
  begin(lsn: number, timeMs: number, firstIndex: number): void {
    this.#lsn = lsn;
    this.#timeMs = timeMs;
    this.#index = 0;
    this.#firstIndex = firstIndex;
    this.#newestRow = undefined;
    this.#newest = undefined;
    this.#held = [];
  }

  /** Appends to `out` what rows from `at` to before `end` say, except for what must be held. Gives where the first change begins that is not whole. */
  decode(rows: readonly RawRow[], at: number, end: number, out: Change[]): number {
    if (this.#held.length > 0) out.push(...this.#held.splice(0));
    let next = at;
    while (next < end) {
      const row = rows[next] as RawRow;
      const op = Number(row[atOp]);
      if (op === LogOp.nothing || op === LogOp.more) {
        next += 1;
        continue;
      }
      const reading = this.#reading(Number(row[atShape]));
      const taken = op in opNames ? reading.rowsPerImage * (op === LogOp.update ? 2 : 1) : 1;
      if (next + taken > end) break;
      if (this.#index >= this.#firstIndex) this.#decodeOne(rows, next, op, reading, out);
      this.#index += 1;
      next += taken;
    }
    if (this.#newestRow !== undefined) this.#held = out.splice(out.lastIndexOf(this.#newestRow));
    return next;
  }

  /** The commit has no more rows. */
  end(out: Change[]): void {
    out.push(...this.#held.splice(0));
    if (this.#newestRow !== undefined) this.#newestRow.last = true;
    if (this.#newest !== undefined && !('last' in this.#newest)) this.#finalEvents.add(this.#newest);
    this.#newestRow = undefined;
    this.#newest = undefined;
  }

  /** A gap by itself. */
  gap(lsn: number, timeMs: number, reason: GapReason): Change {
    const gap: Change = {
      source: this.#options.source,
      lsn,
      index: 0,
      time: timeMs,
      op: 'gap',
      reason,
      table: null,
      before: null,
      after: null,
    };
    this.#finalEvents.add(gap);
    return gap;
  }

  #decodeOne(rows: readonly RawRow[], at: number, op: number, reading: Reading, out: Change[]): void {
    const row = rows[at] as RawRow;
    const position = { source: this.#options.source, lsn: this.#lsn, index: this.#index, time: this.#timeMs };
    if (op === LogOp.gap) {
      this.#push(out, { ...position, op: 'gap', reason: row[firstValue] as GapReason, table: null, before: null, after: null });
      return;
    }
    if (!reading.isAccepted) return;
    if (op === LogOp.schema) {
      const change = row[firstValue] as SchemaEvent['change'];
      const columns = change === 'drop' ? [] : reading.shape.columns;
      const sql = row[firstValue + 1] as string | null;
      this.#push(out, { ...position, op: 'schema', table: reading.table, change, columns, sql, before: null, after: null });
      return;
    }
    // Bits of the selection are those of the frames, which count alike.
    if (((this.#options.selection.opMask >> op) & 1) === 0) return;
    const second = at + reading.rowsPerImage;
    if (op === LogOp.update && this.#options.selection.isSkippingUnchanged && isUnchanged(rows, at, second, reading)) return;
    const first = this.#image(rows, at, reading);
    const before = op === LogOp.insert ? null : first;
    const after = op === LogOp.insert ? first : op === LogOp.update ? this.#image(rows, second, reading) : null;
    const change = {
      ...position,
      op: opNames[op] as RowOp,
      table: reading.table,
      key: keyOf(reading, first),
      before,
      after,
      indirect: false,
      last: false,
    } as RowChange & { last: boolean };
    this.#newestRow = change;
    this.#push(out, change);
  }

  #push(out: Change[], change: Change): void {
    this.#newest = change;
    out.push(change);
  }

  #image(rows: readonly RawRow[], at: number, { columns }: Reading): Row {
    const image: Row = {};
    let row = rows[at] as RawRow;
    for (let column = 0, value = firstValue, part = at; column < columns.length; ++column, ++value) {
      if (value === firstValue + valuesPerRow) {
        row = rows[++part] as RawRow;
        value = firstValue;
      }
      setValue(image, columns[column] as string, this.#toValue(row[value] as RawRow[number]));
    }
    return image;
  }

  #reading(id: number): Reading {
    let reading = this.#readings.get(id);
    if (reading === undefined) {
      const shape = this.#options.shape(id);
      reading = {
        table: shape.table,
        shape,
        columns: storedColumns(shape).map(({ name }) => name),
        key: keyColumns(shape),
        rowsPerImage: rowsPerImage(shape),
        isAccepted: this.#options.selection.acceptsTable(shape.table),
      };
      this.#readings.set(id, reading);
    }
    return reading;
  }
}

/** One column is called so that an assignment would not make a property of it. */
function setValue(row: Row, column: string, value: SqlValue): void {
  if (column === '__proto__') Object.defineProperty(row, column, { value, enumerable: true, configurable: true, writable: true });
  else row[column] = value;
}

function keyOf({ key }: Reading, row: Row): Row | null {
  if (key.length === 0) return null;
  const values: Row = {};
  for (const column of key) setValue(values, column, row[column] as SqlValue);
  return values;
}

function isUnchanged(rows: readonly RawRow[], first: number, second: number, reading: Reading): boolean {
  for (let row = 0; row < reading.rowsPerImage; ++row) {
    const [a, b] = [rows[first + row] as RawRow, rows[second + row] as RawRow];
    for (let value = firstValue; value < firstValue + valuesPerRow; ++value) {
      if (!isSame(a[value] as RawRow[number], b[value] as RawRow[number])) return false;
    }
  }
  return true;
}

function isSame(a: RawRow[number], b: RawRow[number]): boolean {
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b) === 0;
  return Object.is(a, b);
}

/** Values as the other engine gives them. */
export function valueReader(integers: IntegerMode): (value: RawRow[number]) => SqlValue {
  return { auto: toAuto, bigint: toBigint, number: toNumber }[integers];
}

function toAuto(value: RawRow[number]): SqlValue {
  if (typeof value === 'bigint') {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }
  return toBigint(value);
}

function toNumber(value: RawRow[number]): SqlValue {
  return typeof value === 'bigint' ? Number(value) : toBigint(value);
}

function toBigint(value: RawRow[number]): SqlValue {
  return value instanceof Uint8Array && !Buffer.isBuffer(value) ? Buffer.from(value.buffer, value.byteOffset, value.byteLength) : value;
}
