import fc from 'fast-check';
import type { Stored } from './frame-encoder.js';

const edges = [0n, 1n, -1n, 127n, 128n, -128n, -129n, 32767n, -32769n, 8388607n, 8388608n, -8388609n, 2147483647n, -2147483649n];
const wideEdges = [140737488355327n, 140737488355328n, -140737488355329n, 9007199254740991n, 9007199254740992n, -9007199254740991n];
const farEdges = [-9007199254740992n, 9007199254740993n, 4294967296n, 9223372036854775807n, -9223372036854775808n];

export const integer: fc.Arbitrary<bigint> = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.bigInt({ min: -300n, max: 300n }),
  fc.constantFrom(...edges, ...wideEdges, ...farEdges),
);

/** SQLite stores no NaN. */
export const real: fc.Arbitrary<{ real: number }> = fc
  .oneof(fc.double({ noNaN: true }), fc.constantFrom(-0, Infinity, -Infinity, 5, 2 ** 60))
  .map((value) => ({ real: value }));

export const asciiText: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: 'binary-ascii', maxLength: 20 }),
  fc.nat({ max: 9000 }).map((length) => 'x'.repeat(length)),
  fc.constantFrom('', '\0', 'a\0b', 'x'.repeat(57), 'x'.repeat(58)),
);
export const anyText: fc.Arbitrary<string> = fc.oneof(
  asciiText,
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.constantFrom('ä', '\ufeffx', '😀'),
);
export const blobs: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc.uint8Array({ maxLength: 70 }),
  fc.nat({ max: 9000 }).map((n) => new Uint8Array(n).fill(7)),
);

export function stored(text: fc.Arbitrary<string>): fc.Arbitrary<Stored> {
  return fc.oneof(fc.constant(null), integer, real, text, blobs);
}
