import type { TableDescription } from '../schema/description.js';
import type { FrameBuffer } from './frame-buffer.js';
import type { Row } from './record.js';

/** Reads the records of one table as it was described. Both kinds of reader give the same. */
export interface TableReader {
  /**
   * The row in the record of `size` bytes at `at`: its columns in their declared order, without the virtual ones, which are not stored.
   * `text` is what `frames.textOf` gave for its frame, `rowidAt` where the rowid stands that belongs to the record. Throws MalformedRecord (or
   * a RangeError) where the bytes are no record of this table.
   */
  image(frames: FrameBuffer, text: string | null, at: number, size: number, rowidAt: number): Row;
  /** The declared primary key of a row, in the order of its declaration; null where there is none. */
  key(row: Row): Row | null;
}

/** The columns whose values are stored, in the order of the record. Throws where a description leaves a hole. */
export function storedColumns(table: TableDescription): number[] {
  const byPosition: number[] = [];
  table.columns.forEach((column, index) => {
    if (column.position >= 0) byPosition[column.position] = index;
  });
  for (let position = 0; position < byPosition.length; ++position) {
    if (byPosition[position] === undefined) throw new Error(`table ${table.name}: no column is stored at position ${position}`);
  }
  return byPosition;
}
