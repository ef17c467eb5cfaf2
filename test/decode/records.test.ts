import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FrameBuffer } from '../../lib/decode/frame-buffer.js';
import { frameLayout } from '../../lib/decode/frames.js';
import { generateReader } from '../../lib/decode/generated-reader.js';
import { interpretingReader } from '../../lib/decode/interpreting-reader.js';
import type { Row } from '../../lib/decode/record.js';
import type { IntegerMode, SqlValue } from '../../lib/model/value.js';
import type { TableDescription } from '../../lib/schema/description.js';
import { describeTable, encodeFrame, encodeRecord, type Stored } from './frame-encoder.js';
import { anyText, asciiText, integer, stored } from './value-strategies.js';

const kinds = { generated: generateReader, interpreted: interpretingReader };
const modes: IntegerMode[] = ['auto', 'bigint', 'number'];
const reproducible = { numRuns: 300, verbose: true };

function readInsert(kind: keyof typeof kinds, table: TableDescription, mode: IntegerMode, record: Buffer, rowid = 0n, isAscii = false) {
  const frames = new FrameBuffer();
  const frame = encodeFrame({
    op: frameLayout.opInsert,
    tableId: 1,
    rowidAfter: rowid,
    after: record,
    flags: isAscii ? frameLayout.flagAscii : 0,
  });
  frames.fill((target) => {
    if (target.length < frame.length) return -frame.length;
    target.set(frame);
    return frame.length;
  });
  const reader = kinds[kind](table, mode);
  const row = reader.image(frames, frames.textOf(0), frameLayout.headerSize, record.length, frameLayout.offsetRowidAfter);
  // What is decoded must not change with the buffer.
  frames.bytes.fill(0xee);
  return { row, key: reader.key(row) };
}

/** What a value must read as, said independently of the decoder. */
function expected(value: Stored, mode: IntegerMode, isReal: boolean): SqlValue {
  if (typeof value === 'bigint') {
    if (isReal || mode === 'number') return Number(value);
    const number = Number(value);
    return mode === 'auto' && Number.isSafeInteger(number) ? number : value;
  }
  if (value === null || typeof value === 'string') return value;
  return value instanceof Uint8Array ? Buffer.from(value) : value.real;
}

/** A string that UTF-8 can hold: lone surrogates become U+FFFD on the way in. */
const throughUtf8 = (value: Stored): Stored => (typeof value === 'string' ? Buffer.from(value, 'utf8').toString('utf8') : value);

describe.each(Object.keys(kinds) as (keyof typeof kinds)[])('the %s reader', (kind) => {
  test('reads every record as it was written, in every integer mode', () => {
    fc.assert(
      fc.property(
        fc
          .boolean()
          .chain((isAscii) =>
            fc.tuple(fc.constant(isAscii), fc.array(stored(isAscii ? asciiText : anyText), { minLength: 1, maxLength: 12 })),
          ),
        fc.array(fc.constantFrom('real' as const, 'integer' as const, 'blob' as const), { minLength: 12, maxLength: 12 }),
        fc.constantFrom(...modes),
        ([isAscii, values], affinities, mode) => {
          const table = describeTable(
            't',
            values.map((_, i) => ({ name: `c${i}`, affinity: affinities[i] ?? 'blob' })),
          );
          const { row, key } = readInsert(kind, table, mode, encodeRecord(values), 0n, isAscii);
          expect(row).toStrictEqual(
            Object.fromEntries(values.map((value, i) => [`c${i}`, expected(throughUtf8(value), mode, affinities[i] === 'real')])),
          );
          expect(key).toBeNull();
        },
      ),
      reproducible,
    );
  });

  test('takes the INTEGER PRIMARY KEY from the rowid', () => {
    fc.assert(
      fc.property(integer, fc.constantFrom(...modes), (rowid, mode) => {
        const table = describeTable('t', ['a', { name: 'id', affinity: 'integer' }, 'b'], { rowidColumn: 1, key: [1] });
        const { row, key } = readInsert(kind, table, mode, encodeRecord(['x', null, 2n]), rowid);
        expect(row['id']).toBe(expected(rowid, mode, false));
        expect(key).toStrictEqual({ id: row['id'] });
        expect(Object.keys(row)).toEqual(['a', 'id', 'b']);
      }),
      reproducible,
    );
  });

  test('names a row by its key columns, in the order of the key', () => {
    const table = describeTable('t', ['a', 'b', 'c'], { key: [2, 0] });
    const { key } = readInsert(kind, table, 'auto', encodeRecord([1n, 2n, 3n]));
    expect(Object.entries(key ?? {})).toEqual([
      ['c', 3],
      ['a', 1],
    ]);
  });

  test('follows the order in which a WITHOUT ROWID table is stored, and leaves out virtual columns', () => {
    const table = describeTable(
      't',
      [
        { name: 'a', position: 2 },
        { name: 'v', position: -1, generated: 'virtual' },
        { name: 'b', position: 0 },
        { name: 's', position: 1, generated: 'stored' },
      ],
      { isWithoutRowid: true, key: [2] },
    );
    const { row, key } = readInsert(kind, table, 'auto', encodeRecord(['B', 'S', 'A']));
    expect(Object.entries(row)).toEqual([
      ['a', 'A'],
      ['b', 'B'],
      ['s', 'S'],
    ]);
    expect(key).toEqual({ b: 'B' });
  });

  test('columns may bear any name', () => {
    const names = [
      '__proto__',
      'constructor',
      'with "quotes"',
      "a'b",
      '`${x}`',
      'line\nbreak',
      '\\',
      '',
      'ключ',
      '\u2028',
      'toString',
      ']]',
    ];
    const table = describeTable('t', names, { key: [0, 2] });
    const { row, key } = readInsert(kind, table, 'auto', encodeRecord(names.map((_, i) => BigInt(i + 10))));
    expect(Object.keys(row)).toEqual(names);
    expect(names.map((name) => row[name])).toEqual(names.map((_, i) => i + 10));
    expect(Object.hasOwn(row, '__proto__')).toBe(true);
    expect(Object.getPrototypeOf(row)).toBe(Object.prototype);
    expect(Object.entries(key as Row)).toEqual([
      ['__proto__', 10],
      ['with "quotes"', 12],
    ]);
  });

  test('reads two thousand columns', () => {
    const values = Array.from({ length: 2000 }, (_, i): Stored => (i % 3 === 0 ? BigInt(i) : `text number ${i}`.repeat((i % 7) + 1)));
    const table = describeTable(
      'wide',
      values.map((_, i) => `c${i}`),
    );
    const { row } = readInsert(kind, table, 'auto', encodeRecord(values));
    expect(Object.values(row)).toEqual(values.map((value) => expected(value, 'auto', false)));
  });

  test('hands out blobs that do not change with the buffer', () => {
    const { row } = readInsert(kind, describeTable('t', ['a', 'b']), 'auto', encodeRecord([Buffer.from('abc'), Buffer.alloc(0)]));
    expect(row).toEqual({ a: Buffer.from('abc'), b: Buffer.alloc(0) });
    expect(Buffer.isBuffer(row['a'])).toBe(true);
  });

  test.each([
    ['a record with fewer values than the table', encodeRecord([1n]), 2],
    ['a record cut off', encodeRecord(['some text', 'more text']).subarray(0, 12), 2],
    ['a reserved serial type', Buffer.from([2, 10]), 1],
    ['a text longer than its record', Buffer.from([2, 101, 65]), 1],
    ['a blob longer than the buffer', Buffer.from([6, 0xff, 0xff, 0xff, 0xff, 0x7e]), 1],
    ['a header number that never ends', Buffer.alloc(12, 0xff), 1],
    ['nothing', Buffer.alloc(0), 1],
  ])('refuses %s', (_, record, columns) => {
    const table = describeTable(
      't',
      Array.from({ length: columns }, (__, i) => `c${i}`),
    );
    expect(() => readInsert(kind, table, 'auto', record)).toThrow();
  });
});

test('both readers agree on bytes of any kind', () => {
  const outcome = (kind: keyof typeof kinds, record: Buffer): unknown => {
    try {
      return readInsert(kind, describeTable('t', ['a', { name: 'b', affinity: 'real' }, 'c'], { key: [1] }), 'auto', record);
    } catch {
      return 'refused';
    }
  };
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), fc.boolean(), (bytes, isPlausible) => {
      const record = Buffer.from(isPlausible ? [4, ...bytes] : bytes);
      expect(outcome('generated', record)).toStrictEqual(outcome('interpreted', record));
    }),
    { numRuns: 3000, verbose: true },
  );
});
