import type { Change, Transaction } from '../model/change.js';

/** What is handed over at a time. */
export type Item = Change | Transaction;
export type ItemMode = 'changes' | 'transactions';
export type ItemResult = IteratorResult<Item, undefined>;

/** What an iteration asks of its subscription. */
export interface ItemStream {
  /** The next one by that mode, or the end. Rejects where the subscription is being read by the other mode, and with what ends it. */
  nextItem(mode: ItemMode): Promise<ItemResult>;
  close(): Promise<void>;
}

/** One iteration; several over one subscription share its place. Leaving a loop (`return`) closes the subscription. */
export class StreamIterator<T extends Item> implements AsyncIterableIterator<T> {
  readonly #stream: ItemStream;
  readonly #mode: ItemMode;

  constructor(stream: ItemStream, mode: ItemMode) {
    this.#stream = stream;
    this.#mode = mode;
  }

  next(): Promise<IteratorResult<T, undefined>> {
    return this.#stream.nextItem(this.#mode) as Promise<IteratorResult<T, undefined>>;
  }

  async return(): Promise<IteratorResult<T, undefined>> {
    await this.#stream.close();
    return { value: undefined, done: true };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
