import type { NativeResult } from '../binding/native-writer.js';

/**
 * The page in which native code leaves its results (native/node/result_page.h tells how it is laid out, a test compares the constants).
 * What it holds is good until the next native call of this thread.
 */
export class ResultPage {
  readonly #ints: Int32Array;
  readonly #doubles: Float64Array;
  readonly #bigints: BigInt64Array;
  /** Reads the value at an index of the page: see `valueReader`. */
  readonly readValue: ReadValue;

  constructor(page: ArrayBuffer) {
    this.#ints = new Int32Array(page);
    this.#doubles = new Float64Array(page);
    this.#bigints = new BigInt64Array(page);
    this.readValue = valueReader(page);
  }

  get rows(): number {
    return this.#ints[layout.rows] as number;
  }
  get columns(): number {
    return this.#ints[layout.columns] as number;
  }
  get isDone(): boolean {
    return this.#ints[layout.isDone] !== 0;
  }
  get generation(): number {
    return this.#ints[layout.generation] as number;
  }
  get columnCount(): number {
    return this.#ints[layout.columnCount] as number;
  }
  get isReadonly(): boolean {
    return this.#ints[layout.isReadonly] !== 0;
  }
  get parameterCount(): number {
    return this.#ints[layout.parameterCount] as number;
  }
  get hasNamedParameters(): boolean {
    return this.#ints[layout.hasNamedParameters] !== 0;
  }
  /** The id of the statement just prepared. */
  get statement(): number {
    return this.#ints[layout.statement] as number;
  }
  get changes(): number {
    return this.#doubles[layout.changes] as number;
  }
  get lastInsertRowid(): number {
    return this.#doubles[layout.lastInsertRowid] as number;
  }
  get lastInsertRowidExact(): bigint {
    return this.#bigints[layout.lastInsertRowidExact] as bigint;
  }

  heapOf(result: NativeResult): string | undefined {
    switch (this.#ints[layout.boxing]) {
      case layout.boxingNone:
        return result as string | undefined;
      case layout.boxingMany:
        return (result as unknown[])[0] as string | undefined;
      default:
        return undefined;
    }
  }
  boxedOf(result: NativeResult): readonly unknown[] {
    switch (this.#ints[layout.boxing]) {
      case layout.boxingNone:
        return noValues;
      case layout.boxingMany:
        return result as unknown[];
      default:
        return [undefined, result];
    }
  }
  /** Where the tags begin, in bytes. */
  get tagsAt(): number {
    return layout.headerSize + (this.#ints[layout.rows] as number) * (this.#ints[layout.columns] as number) * 8;
  }
}

const noValues: readonly unknown[] = [];

/** `tagsAt`, `heap` and `boxed` are the page's at that moment; `index` counts the values of all its rows. */
export type ReadValue = (index: number, tagsAt: number, heap: string | undefined, boxed: readonly unknown[]) => unknown;

/** Every number is an index into an array of the element's size, except headerSize, in bytes, the tags, and what `boxing` can be. */
export const layout = {
  headerSize: 64,
  rows: 0,
  columns: 1,
  isDone: 2,
  boxing: 3,
  generation: 4,
  columnCount: 5,
  isReadonly: 6,
  parameterCount: 7,
  hasNamedParameters: 8,
  statement: 9,
  changes: 5,
  lastInsertRowid: 6,
  lastInsertRowidExact: 7,
  tagNull: 0,
  tagInt32: 1,
  tagDouble: 2,
  tagText: 3,
  tagBoxed: 4,
  tagBigInt: 5,
  tagBlob: 6,
  boxingNone: 0,
  boxingMany: 1,
  boxingOne: 2,
} as const;

function valueReader(page: ArrayBuffer): ReadValue {
  const firstSlot = layout.headerSize / 8;
  const tags = new Uint8Array(page);
  const ints = new Int32Array(page);
  const doubles = new Float64Array(page);
  const bigints = new BigInt64Array(page);
  return (index, tagsAt, heap, boxed) => {
    const slot = firstSlot + index;
    switch (tags[tagsAt + index]) {
      case layout.tagInt32:
        return ints[slot * 2];
      case layout.tagText:
        return heap === undefined ? '' : heap.substring(ints[slot * 2] as number, ints[slot * 2 + 1]);
      case layout.tagDouble:
        return doubles[slot];
      case layout.tagBoxed:
        return boxed[ints[slot * 2] as number];
      case layout.tagBigInt:
        return bigints[slot];
      case layout.tagBlob:
        return copyOf(tags, ints[slot * 2] as number, ints[slot * 2 + 1] as number);
      default:
        return null;
    }
  };
}

/** So small a buffer lies within V8's own heap, and a call to copy would take longer than a loop. */
const mostLooped = 64;

/** With memory of its own, as every blob has that a statement returns: a program may look at it through another view of `buffer`. */
function copyOf(bytes: Uint8Array, begin: number, end: number): Buffer {
  const length = end - begin;
  const copy = Buffer.allocUnsafeSlow(length);
  if (length > mostLooped) copy.set(bytes.subarray(begin, end));
  else for (let at = 0; at < length; at++) copy[at] = bytes[begin + at] as number;
  return copy;
}
