/** Writes frames as native/capture/frame.h lays them out, for tests that need no addon. */
import { frameLayout } from '../../lib/decode/frames.js';
import type { ColumnDescription, TableDescription } from '../../lib/schema/description.js';

/** A value as SQLite stores it. A `real` is stored as eight bytes even where it is whole. */
export type Stored = null | bigint | { real: number } | string | Uint8Array;

export function varintBytes(value: number): number[] {
  const bytes = [value % 128];
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128)) bytes.unshift((rest % 128) | 128);
  return bytes;
}

function bigEndian(value: bigint, size: number): number[] {
  return Array.from({ length: size }, (_, i) => Number((value >> BigInt(8 * (size - 1 - i))) & 255n));
}

function encodeValue(value: Stored): { type: number; bytes: Uint8Array | number[] } {
  if (value === null) return { type: 0, bytes: [] };
  if (typeof value === 'bigint') {
    if (value === 0n || value === 1n) return { type: 8 + Number(value), bytes: [] };
    const sizes = [1, 2, 3, 4, 6, 8];
    const type = sizes.findIndex((size) => BigInt.asIntN(size * 8, value) === value);
    return { type: type + 1, bytes: bigEndian(value, sizes[type] as number) };
  }
  if (typeof value === 'string') {
    const bytes = Buffer.from(value, 'utf8');
    return { type: 13 + bytes.length * 2, bytes };
  }
  if (value instanceof Uint8Array) return { type: 12 + value.length * 2, bytes: value };
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(value.real);
  return { type: 7, bytes };
}

export function encodeRecord(values: Stored[]): Buffer {
  const encoded = values.map(encodeValue);
  const types = encoded.flatMap(({ type }) => varintBytes(type));
  let headerSize = types.length + 1;
  while (varintBytes(headerSize).length + types.length !== headerSize) ++headerSize;
  return Buffer.concat([Buffer.from([...varintBytes(headerSize), ...types]), ...encoded.map(({ bytes }) => Buffer.from(bytes))]);
}

export interface FrameParts {
  op: number;
  flags?: number;
  tableId?: number;
  rowidBefore?: bigint;
  rowidAfter?: bigint;
  before?: Buffer;
  after?: Buffer;
}

const isLittleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

export function encodeFrame(parts: FrameParts): Buffer {
  const before = parts.before ?? Buffer.alloc(0);
  const after = parts.after ?? Buffer.alloc(0);
  const size = Math.ceil((frameLayout.headerSize + before.length + after.length) / 8) * 8;
  const frame = Buffer.alloc(size);
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  view.setUint32(frameLayout.offsetFrameSize, size, isLittleEndian);
  view.setUint8(frameLayout.offsetOp, parts.op);
  view.setUint8(frameLayout.offsetFlags, parts.flags ?? 0);
  view.setUint32(frameLayout.offsetTableId, parts.tableId ?? 0, isLittleEndian);
  view.setUint32(frameLayout.offsetBeforeSize, before.length, isLittleEndian);
  view.setBigInt64(frameLayout.offsetRowidBefore, parts.rowidBefore ?? 0n, isLittleEndian);
  view.setBigInt64(frameLayout.offsetRowidAfter, parts.rowidAfter ?? 0n, isLittleEndian);
  view.setUint32(frameLayout.offsetAfterSize, after.length, isLittleEndian);
  before.copy(frame, frameLayout.headerSize);
  after.copy(frame, frameLayout.headerSize + before.length);
  return frame;
}

export function encodeBatch(lsn: number, timeMs: number, frames: Buffer[]): Buffer[] {
  const head = encodeFrame({ op: frameLayout.opBatch, tableId: frames.length, rowidBefore: BigInt(lsn), rowidAfter: BigInt(timeMs) });
  return [head, ...frames];
}

export function encodeSchema(tableId: number, change: string, table: string, sql: string | null): Buffer {
  return encodeFrame({ op: frameLayout.opSchema, tableId, after: Buffer.from(JSON.stringify({ change, table, sql })) });
}

/** Columns stored in their declared order, all of no affinity, unless said otherwise. */
export function describeTable(
  name: string,
  columns: (string | Partial<ColumnDescription>)[],
  more: Partial<TableDescription> = {},
): TableDescription {
  const full = columns.map((column, position): ColumnDescription => {
    const given = typeof column === 'string' ? { name: column } : column;
    return { name: `c${position}`, type: '', affinity: 'blob', isNotNull: false, generated: 'no', position, ...given };
  });
  return { name, isWithoutRowid: false, rowidColumn: -1, key: [], columns: full, ...more };
}
