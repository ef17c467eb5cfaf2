import type { NativeResult } from '../binding/native-writer.js';
import { ColumnList, rowsBeforeGenerating } from './column-list.js';
import type { WriterConnection } from './connection.js';
import { expandingRowReader, generatedRowReader, type RowMode, type RowReader } from './row-reader.js';

/**
 * Turns the rows of the result page into what one statement returns. Asks for the names of its columns again when SQLite has compiled it
 * anew and they are others (a column added under `SELECT *`), or, where rows hold an object for each table, when a table's is.
 */
export class RowShape {
  readonly #connection: WriterConnection;
  readonly #id: number;
  #mode: RowMode = 'flat';
  #generation = 0;
  #columns: ColumnList | undefined;
  #expanding: RowReader | undefined;
  #rowsExpanded = 0;

  constructor(connection: WriterConnection, id: number) {
    this.#connection = connection;
    this.#id = id;
  }

  get mode(): RowMode {
    return this.#mode;
  }
  set mode(mode: RowMode) {
    this.#mode = mode;
  }

  /** The page's first row. There has to be one. */
  first(result: NativeResult): unknown {
    const { page } = this.#connection;
    return this.#reader(1)(0, page.tagsAt, page.heapOf(result), page.boxedOf(result));
  }

  /** Adds the page's rows to `rows`. */
  addTo(rows: unknown[], result: NativeResult): void {
    const { page } = this.#connection;
    const count = page.rows;
    if (count === 0) return;
    const read = this.#reader(count);
    const heap = page.heapOf(result);
    const boxed = page.boxedOf(result);
    const { columns, tagsAt } = page;
    for (let row = 0, index = 0; row < count; row++, index += columns) rows.push(read(index, tagsAt, heap, boxed));
  }

  #reader(rows: number): RowReader {
    const { page } = this.#connection;
    if (this.#mode === 'pluck') return page.readValue;
    if (this.#columns === undefined || page.generation !== this.#generation) {
      this.#generation = page.generation;
      this.#columns = ColumnList.of(this.#connection.statements.columnNames(this.#id), page.readValue);
      this.#expanding = undefined;
    }
    return this.#mode === 'expand' ? this.#expandingReader(this.#columns, rows) : this.#columns.reader(this.#mode, rows);
  }

  #expandingReader({ names }: ColumnList, rows: number): RowReader {
    const value = this.#connection.page.readValue;
    if (this.#expanding === undefined) {
      this.#expanding = expandingRowReader(names, this.#tables(), value);
      this.#rowsExpanded = 0;
    }
    this.#rowsExpanded += rows;
    if (this.#rowsExpanded > rowsBeforeGenerating) {
      this.#rowsExpanded = Number.NEGATIVE_INFINITY;
      this.#expanding = generatedRowReader('expand', names, value, this.#tables()) ?? this.#expanding;
    }
    return this.#expanding;
  }

  #tables(): Array<string | null> {
    const columns = this.#connection.statements.columns(this.#id);
    const tables: Array<string | null> = [];
    for (let at = 2; at < columns.length; at += 5) tables.push(columns[at] ?? null);
    return tables;
  }
}
