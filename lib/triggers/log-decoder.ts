import type { Row } from '../decode/record.js';
import { type RowMaker, rowMaker } from '../decode/row-maker.js';
import type { Selection } from '../decode/selection.js';
import type { Change, GapReason, RowChange, SchemaEvent } from '../model/change.js';
import type { RowOp } from '../model/options.js';
import type { IntegerMode, SqlValue } from '../model/value.js';
import type { RawRow } from './connection.js';
import { LogOp } from './log-names.js';
import { atKind, firstValue } from './log-pages.js';
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

type LastMarked = RowChange & { last: boolean };

/** How rows of one shape are read. */
interface Reading {
  table: string;
  shape: Shape;
  row: RowMaker;
  /** Undefined where the table has no primary key. */
  key: ((row: Row) => Row) | undefined;
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
  #newestRow: LastMarked | undefined;
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
      const kind = row[atKind] as number;
      const op = kind % 8;
      if (op === LogOp.nothing || op === LogOp.more) {
        next += 1;
        continue;
      }
      const reading = this.#reading((kind - op) / 8);
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
    if (op === LogOp.gap) {
      this.#push(out, {
        ...this.#position(),
        op: 'gap',
        reason: valueOf(rows, at, 0) as GapReason,
        table: null,
        before: null,
        after: null,
      });
      return;
    }
    if (!reading.isAccepted) return;
    if (op === LogOp.schema) {
      const change = valueOf(rows, at, 0) as SchemaEvent['change'];
      const columns = change === 'drop' ? [] : reading.shape.columns;
      const sql = valueOf(rows, at, 1) as string | null;
      this.#push(out, { ...this.#position(), op: 'schema', table: reading.table, change, columns, sql, before: null, after: null });
      return;
    }
    // Bits of the selection are those of the frames, which count alike.
    if (((this.#options.selection.opMask >> op) & 1) === 0) return;
    const second = at + reading.rowsPerImage;
    if (op === LogOp.update && this.#options.selection.isSkippingUnchanged && isUnchanged(rows, at, second, reading)) return;
    const first = this.#image(rows, at, reading);
    const change: LastMarked = {
      source: this.#options.source,
      lsn: this.#lsn,
      index: this.#index,
      time: this.#timeMs,
      op: opNames[op] as RowOp,
      table: reading.table,
      key: reading.key === undefined ? null : reading.key(first),
      before: op === LogOp.insert ? null : first,
      after: op === LogOp.insert ? first : op === LogOp.update ? this.#image(rows, second, reading) : null,
      indirect: false,
      last: false,
    };
    this.#newestRow = change;
    this.#push(out, change);
  }

  #push(out: Change[], change: Change): void {
    this.#newest = change;
    out.push(change);
  }

  #image(rows: readonly RawRow[], at: number, { row, rowsPerImage: count }: Reading): Row {
    if (count === 1) return row(rows[at] as RawRow, firstValue, this.#toValue);
    return row(
      rows.slice(at, at + count).flatMap((part) => part.slice(firstValue)),
      0,
      this.#toValue,
    );
  }

  #position(): { source: string; lsn: number; index: number; time: number } {
    return { source: this.#options.source, lsn: this.#lsn, index: this.#index, time: this.#timeMs };
  }

  #reading(id: number): Reading {
    let reading = this.#readings.get(id);
    if (reading === undefined) {
      const shape = this.#options.shape(id);
      reading = {
        table: shape.table,
        shape,
        row: rowMaker(storedColumns(shape).map(({ name }) => name)),
        key: keyMaker(shape),
        rowsPerImage: rowsPerImage(shape),
        isAccepted: this.#options.selection.acceptsTable(shape.table),
      };
      this.#readings.set(id, reading);
    }
    return reading;
  }
}

/** Of a row its primary key. */
export function keyMaker(shape: Pick<Shape, 'columns'>): ((row: Row) => Row) | undefined {
  const key = keyColumns(shape);
  if (key.length === 0) return undefined;
  const make = rowMaker(key);
  return (row) => make(key, 0, (column) => row[column] as SqlValue);
}

function valueOf(rows: readonly RawRow[], at: number, index: number): RawRow[number] {
  return (rows[at] as RawRow)[firstValue + index] as RawRow[number];
}

function isUnchanged(rows: readonly RawRow[], first: number, second: number, reading: Reading): boolean {
  for (let row = 0; row < reading.rowsPerImage; ++row) {
    const [a, b] = [rows[first + row] as RawRow, rows[second + row] as RawRow];
    for (let value = firstValue; value < a.length; ++value) {
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
