import type { IntegerMode } from '../model/value.js';
import type { TableDescription } from '../schema/description.js';
import { makeTableReader } from './reader.js';
import type { TableReader } from './table-reader.js';

/** The table shapes that frames name by their id, and the readers made for them; shared by all who read from one hub. */
export class Catalog {
  readonly #describe: (tableId: number) => string;
  readonly #descriptions = new Map<number, TableDescription>();
  readonly #readers = {
    auto: new Map<number, TableReader>(),
    bigint: new Map<number, TableReader>(),
    number: new Map<number, TableReader>(),
  };

  /** `describe` is NativeHub.describe; an id means the same for ever. */
  constructor(describe: (tableId: number) => string) {
    this.#describe = describe;
  }

  /** Throws where the hub does not know the id. */
  description(tableId: number): TableDescription {
    let description = this.#descriptions.get(tableId);
    if (description === undefined) {
      description = JSON.parse(this.#describe(tableId)) as TableDescription;
      this.#descriptions.set(tableId, description);
    }
    return description;
  }

  reader(tableId: number, integers: IntegerMode): TableReader {
    let reader = this.#readers[integers].get(tableId);
    if (reader === undefined) {
      reader = makeTableReader(this.description(tableId), integers);
      this.#readers[integers].set(tableId, reader);
    }
    return reader;
  }
}
