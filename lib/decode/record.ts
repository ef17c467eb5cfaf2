/**
 * The parts of SQLite's record format (https://www.sqlite.org/fileformat2.html#record_format) that the generated and the interpreting reader
 * have in common, so that both read the same.
 */
import type { SqlValue } from '../model/value.js';
import { highWord, lowWord } from './frame-buffer.js';

/** Bytes that the value of each serial type below 12 takes. */
export const valueSizes = Uint8Array.of(0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0);

/** A record that does not follow the format, or does not fit its table. */
export class MalformedRecord extends Error {}

/** The varint at `at`, of any length. Nothing in a header of a record that SQLite can store needs more than 32 bits. */
export function varint(bytes: Uint8Array, at: number): number {
  let value = 0;
  for (let i = 0; i < 9; ++i) {
    const byte = bytes[at + i];
    if (byte === undefined) break;
    value = i === 8 ? value * 256 + byte : value * 128 + (byte & 127);
    if (byte < 128 || i === 8) {
      if (value > 0xffffffff) break;
      return value;
    }
  }
  throw new MalformedRecord('a number of its header is too large');
}

export function varintSize(bytes: Uint8Array, at: number): number {
  let size = 1;
  while (size < 9 && (bytes[at + size - 1] as number) > 127) ++size;
  return size;
}

/** A number for a 64-bit integer, or a bigint where a number would lose digits. */
function wideAuto(high: number, low: number): number | bigint {
  if (high === 0) return low >>> 0;
  const value = high * 4294967296 + (low >>> 0);
  return Number.isSafeInteger(value) ? value : exact(high, low);
}

function wideNumber(high: number, low: number): number {
  return high * 4294967296 + (low >>> 0);
}

function exact(high: number, low: number): bigint {
  return (BigInt(high) << 32n) | BigInt(low >>> 0);
}

function reserved(type: number): never {
  throw new MalformedRecord(`serial type ${type} has no meaning`);
}

/** The value of a serial type below 12, integers as "auto". */
export function scalarAuto(view: DataView, type: number, at: number): null | number | bigint {
  switch (type) {
    case 0:
      return null;
    case 1:
      return view.getInt8(at);
    case 2:
      return view.getInt16(at);
    case 3:
      return (view.getInt8(at) << 16) | view.getUint16(at + 1);
    case 4:
      return view.getInt32(at);
    case 5:
      return view.getInt16(at) * 4294967296 + view.getUint32(at + 2);
    case 6:
      return wideAuto(view.getInt32(at), view.getInt32(at + 4));
    case 7:
      return view.getFloat64(at);
    case 8:
      return 0;
    case 9:
      return 1;
    default:
      return reserved(type);
  }
}

/**
 * The same, integers as numbers. Also right for every column of REAL affinity in any mode: SQLite stores 5.0 there as the integer 5
 * (https://www.sqlite.org/datatype3.html#storage_classes_and_datatypes), and it must read as the REAL it is.
 */
export function scalarNumber(view: DataView, type: number, at: number): null | number {
  return type === 6 ? wideNumber(view.getInt32(at), view.getInt32(at + 4)) : (scalarAuto(view, type, at) as null | number);
}

/** The same, integers as bigints. */
export function scalarBigint(view: DataView, type: number, at: number): null | number | bigint {
  if (type === 6) return view.getBigInt64(at);
  const value = scalarAuto(view, type, at);
  return type === 7 || value === null ? value : BigInt(value);
}

/** The rowid at byte `at` of a frame; it stands in the machine's order. */
export function rowidAuto(words: Int32Array, at: number): number | bigint {
  return wideAuto(words[(at >> 2) + highWord] as number, words[(at >> 2) + lowWord] as number);
}

export function rowidNumber(words: Int32Array, at: number): number {
  return wideNumber(words[(at >> 2) + highWord] as number, words[(at >> 2) + lowWord] as number);
}

export function rowidBigint(words: Int32Array, at: number): bigint {
  return exact(words[(at >> 2) + highWord] as number, words[(at >> 2) + lowWord] as number);
}

/** A blob that outlives the buffer it is read from. */
export function blob(bytes: Buffer, start: number, end: number): Buffer {
  if (end > bytes.length) throw new MalformedRecord('a blob ends behind its record');
  const copy = Buffer.allocUnsafe(end - start);
  bytes.copy(copy, 0, start, end);
  return copy;
}

/** Text by UTF-8, or cut from `text`, which stands for the whole buffer (FrameBuffer.textOf). */
export function textValue(bytes: Buffer, text: string | null, start: number, end: number): string {
  if (end > bytes.length) throw new MalformedRecord('a text ends behind its record');
  return text === null ? bytes.utf8Slice(start, end) : text.substring(start, end);
}

export function misfit(): never {
  throw new MalformedRecord('it does not fit the columns of its table');
}

/** Values by column name; what `image` of a TableReader returns. */
export type Row = Record<string, SqlValue>;
