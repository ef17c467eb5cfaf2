import type { ReadValue } from './result-page.js';
import { generatedRowReader, plainRowReader, type RowReader } from './row-reader.js';

/** So many rows with the same columns are worth compiling a reader for them. */
export const rowsBeforeGenerating = 200;
const mostKept = 1000;
const kept = new Map<string, ColumnList>();

type SharedMode = 'flat' | 'raw';

/** The names of a result's columns, and the readers for them. Statements with the same ones share it: many are prepared to be run once. */
export class ColumnList {
  readonly names: readonly string[];
  readonly #value: ReadValue;
  readonly #readers: { [mode in SharedMode]?: RowReader } = {};
  readonly #rowsRead = { flat: 0, raw: 0 };

  private constructor(names: readonly string[], value: ReadValue) {
    this.names = names;
    this.#value = value;
  }

  /** `joined` has a NUL between two names, as native code hands them over. */
  static of(joined: string, value: ReadValue): ColumnList {
    let list = kept.get(joined);
    if (list === undefined || list.#value !== value) {
      // The oldest goes. Statements that use it keep it.
      if (kept.size >= mostKept) kept.delete(kept.keys().next().value as string);
      list = new ColumnList(joined.split('\0'), value);
      kept.set(joined, list);
    }
    return list;
  }

  /** A reader for the next `rows` rows. It may be another one next time. */
  reader(mode: SharedMode, rows: number): RowReader {
    this.#rowsRead[mode] += rows;
    const reader = this.#readers[mode];
    if (this.#rowsRead[mode] > rowsBeforeGenerating) {
      this.#rowsRead[mode] = Number.NEGATIVE_INFINITY;
      const generated = generatedRowReader(mode, this.names, this.#value);
      if (generated !== undefined) return (this.#readers[mode] = generated);
    }
    return reader ?? (this.#readers[mode] = plainRowReader(mode, this.names, this.#value));
  }
}
