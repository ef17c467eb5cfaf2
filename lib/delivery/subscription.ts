import { badOption, type RowtapError } from '../errors/rowtap-error.js';
import type { Change, Transaction } from '../model/change.js';
import type { Position } from '../model/options.js';
import type { Subscription, SubscriptionInfo } from '../model/source.js';
import type { IntegerMode } from '../model/value.js';
import { Acknowledgement, closedSubscription } from './acknowledgement.js';
import type { ApplicationTransaction } from './application-transaction.js';
import type { Progress } from './progress.js';
import { type Item, type ItemMode, type ItemResult, type ItemStream, StreamIterator } from './stream-iterator.js';
import { Supply, type SupplyParts } from './supply.js';
import type { Parked, Turns } from './turns.js';

export interface SubscriptionParts extends SupplyParts {
  consumer: string | undefined;
  /** The position: the snapshot's, and the one after which changes begin. */
  startLsn: number;
  integers: IntegerMode;
  acceptsTable: (name: string) => boolean;
  /** Deletes by a REPLACE may be missing from the stream. */
  isReplacing?: boolean;
  progress: Progress;
  ack: 'auto' | 'manual';
  signal: AbortSignal | undefined;
  turns: Pick<Turns, 'number' | 'park' | 'unpark'>;
  /** The one that `ack` is called in, of this thread. Throws ROWTAP_BAD_OPTION where there are several. */
  openTransaction: () => ApplicationTransaction | undefined;
  /** The last published LSN of the source. */
  sourceLsn: () => number;
  /** Called once, when it is closed for whatever reason. */
  onClose: (subscription: StreamSubscription) => void;
}

interface Waiter {
  resolve(result: ItemResult): void;
  reject(error: unknown): void;
}

/**
 * The life of one subscription: it hands over what its supply has, until the end of that. Everything is pulled by `next`, which answers from an
 * array of decoded items while there are some. When nothing waits it parks, and `turns` lets it try again. A closed one has no items, and
 * answers "done".
 */
export class StreamSubscription implements Subscription, Parked, ItemStream {
  readonly ready: Promise<{ lsn: number; snapshot: boolean }>;
  readonly bootstrapped: Promise<{ lsn: number; rows: number; tables: string[] }>;

  readonly #parts: SubscriptionParts;
  readonly #supply: Supply;
  #acknowledgement: Acknowledgement;

  #mode: ItemMode | undefined;
  /** Decoded, to be handed over from `#at` on. The one at `#lastAt` is handed over on the slow path, which has more to look after. */
  #items: Item[] = [];
  #at = 0;
  #lastAt = -1;
  readonly #waiters: Waiter[] = [];

  /** Is thrown when the changes before it have been handed over. */
  #failed: { error: unknown } | undefined;
  #onClosed: (() => void) | undefined;
  #isClosed = false;
  #closing: Promise<void> | undefined;
  #settleBootstrapped!: { resolve(): void; reject(error: RowtapError): void };

  constructor(parts: SubscriptionParts) {
    this.#parts = parts;
    this.#supply = new Supply(parts, {
      snapshotEnded: (end) => {
        this.#acknowledgement.snapshotHandedOver(end);
        this.#settleBootstrapped.resolve();
      },
      begunAgain: (lsn) => {
        this.#acknowledgement = new Acknowledgement(parts.progress, parts.ack, lsn, true);
      },
      goOn: () => this.#serveWaiters(),
    });
    this.#acknowledgement = new Acknowledgement(parts.progress, parts.ack, parts.startLsn, parts.bootstrap !== undefined);
    this.ready = Promise.resolve({ lsn: parts.startLsn, snapshot: parts.bootstrap !== undefined });
    this.bootstrapped = this.#promiseBootstrapped(parts);
    // Nobody has to listen to it: whoever iterates hears of the end there.
    this.bootstrapped.catch(() => {});
    if (parts.bootstrap === undefined) this.#settleBootstrapped.resolve();
    parts.progress.onLost((error) => this.#fail(error));
    parts.signal?.addEventListener('abort', this.#onAbort);
    if (parts.signal?.aborted === true) this.#onAbort();
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<Change> {
    return new StreamIterator<Change>(this, 'changes');
  }

  transactions(): AsyncIterableIterator<Transaction> {
    return new StreamIterator<Transaction>(this, 'transactions');
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  ack(position: Position): void {
    this.#acknowledge(position, this.#parts.openTransaction);
  }

  /** For a loop over batches, which no transaction of the application's can be meant by. */
  ackOutside(position: Position): void {
    this.#acknowledge(position, () => undefined);
  }

  #acknowledge(position: Position, openTransaction: () => ApplicationTransaction | undefined): void {
    if (this.#isClosed) throw closedSubscription();
    const transaction = this.#parts.consumer === undefined ? undefined : openTransaction();
    this.#acknowledgement.explicit(position, (event) => this.#supply.isFinal(event), transaction);
  }

  flush(): Promise<void> {
    return this.#parts.progress.flush();
  }

  close(): Promise<void> {
    this.#closing ??= this.#closeNow();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** What was published is still handed over, then comes the end. */
  end(): void {
    this.#supply.end();
  }

  info(): SubscriptionInfo {
    const { consumer, sourceLsn } = this.#parts;
    const lsn = this.#acknowledgement.handedOver;
    const [buffered, bufferedBytes] = this.#isClosed ? [0, 0] : this.#supply.buffered();
    const isCaughtUp = buffered === 0 && !this.#supply.hasMore && this.#at >= this.#items.length;
    const progress = this.#supply.snapshotProgress;
    return {
      ...(consumer === undefined ? {} : { consumer }),
      lsn,
      lag: isCaughtUp ? 0 : Math.max(0, sourceLsn() - lsn),
      buffered,
      bufferedBytes,
      ...(progress === undefined ? {} : { snapshot: progress }),
    };
  }

  /** For a replica. */
  get integers(): IntegerMode {
    return this.#parts.integers;
  }

  /** For a replica. */
  get isReplacing(): boolean {
    return this.#parts.isReplacing === true;
  }

  /** For a replica: whether the stream is about that table. */
  accepts(table: string): boolean {
    return this.#parts.acceptsTable(table);
  }

  /** For its iterators. */
  nextItem(mode: ItemMode): Promise<ItemResult> {
    const at = this.#at;
    if (at < this.#lastAt && mode === this.#mode && this.#waiters.length === 0) {
      if (this.#acknowledgement.isDue) this.#acknowledgement.asked();
      const value = this.#items[at] as Item;
      this.#at = at + 1;
      if (value.lsn !== this.#acknowledgement.handedOver) this.#acknowledgement.moveTo(value.lsn);
      return Promise.resolve({ value, done: false });
    }
    return this.#nextSlowly(mode);
  }

  /**
   * For a loop over batches, which is its only reader: waits until there is something, and gives what can be had without waiting, `most` changes
   * at most. None: it has ended.
   */
  async nextChanges(most: number): Promise<Change[]> {
    const { value: first, done } = await this.nextItem('changes');
    if (done === true) return [];
    const changes = [first as Change];
    // Looked for behind a full batch too: whether a snapshot has ended is to be known when its last change is acknowledged.
    while (this.#hasAtHand() && changes.length < most) this.#takeAtHand(changes, most);
    return changes;
  }

  /** For a loop over batches: called when it is closed, for whatever reason; at once where it is closed already. */
  whenClosed(call: () => void): void {
    if (this.#isClosed) call();
    else this.#onClosed = call;
  }

  tryAgain(): void {
    this.#supply.endPause();
    this.#supply.lookAgain();
    this.#serveWaiters();
  }

  /** Nothing more is handed over: whoever asks, or waits, is told why. */
  #fail(error: RowtapError): void {
    if (this.#isClosed) return;
    this.#failed = { error };
    this.#setItems([]);
    this.#supply.endPause();
    this.#serveWaiters();
  }

  #nextSlowly(mode: ItemMode): Promise<ItemResult> {
    if (this.#mode !== undefined && this.#mode !== mode) {
      const detail = `this subscription is being read by ${this.#mode}; to read it by ${mode} as well, subscribe a second time`;
      return Promise.reject(badOption(detail));
    }
    this.#mode = mode;
    if (this.#waiters.length === 0) {
      try {
        const result = this.#take();
        if (result !== undefined) return Promise.resolve(result);
      } catch (error) {
        return Promise.reject(error);
      }
    }
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
    });
  }

  #serveWaiters(): void {
    while (this.#waiters.length > 0) {
      // Taking may close the subscription, which answers whoever waits with the end: the first one must not be among them.
      const waiter = this.#waiters.shift() as Waiter;
      try {
        const result = this.#take();
        if (result === undefined) {
          this.#waiters.unshift(waiter);
          break;
        }
        waiter.resolve(result);
      } catch (error) {
        waiter.reject(error);
      }
    }
    if (this.#waiters.length === 0) this.#parts.turns.unpark(this);
  }

  /** The next item or the end; undefined, and parked, where there is neither yet. Throws, closed, where the stream can't go on. */
  #take(): ItemResult | undefined {
    while (!this.#isClosed) {
      // In the loop: a snapshot without a row ends when more is asked for than there is.
      if (this.#acknowledgement.isDue) this.#acknowledgement.asked();
      if (this.#at < this.#items.length) return { value: this.#handOver(), done: false };
      let state: 'more' | 'later' | 'end';
      try {
        state = this.#fill();
      } catch (error) {
        void this.close();
        throw error;
      }
      if (state === 'end') void this.close();
      if (state === 'later') {
        this.#parts.turns.park(this);
        return undefined;
      }
    }
    return { value: undefined, done: true };
  }

  /** Whether there are items to take; reads on where there are none, but neither waits nor ends. */
  #hasAtHand(): boolean {
    if (this.#isClosed) return false;
    try {
      do {
        if (this.#at < this.#items.length) return true;
      } while (this.#fill() === 'more');
    } catch (error) {
      this.#failed = { error };
    }
    // It does not park, so native code need not say what comes now: the next one who asks has to look.
    this.#supply.lookAgain();
    return false;
  }

  #takeAtHand(changes: Change[], most: number): void {
    const end = Math.min(this.#items.length, this.#at + most - changes.length);
    for (; this.#at < end - 1; ++this.#at) changes.push(this.#items[this.#at] as Change);
    changes.push(this.#handOver() as Change);
  }

  #handOver(): Item {
    const item = this.#items[this.#at] as Item;
    ++this.#at;
    if (item.lsn !== this.#acknowledgement.handedOver) this.#acknowledgement.moveTo(item.lsn);
    if (this.#at === this.#items.length) {
      this.#setItems([]);
      this.#supply.handedOver();
    }
    return item;
  }

  #fill(): 'more' | 'later' | 'end' {
    if (this.#failed !== undefined) throw this.#failed.error;
    const items = this.#supply.next(this.#mode, this.#acknowledgement.handedOver);
    if (typeof items === 'string') return items;
    this.#setItems(items);
    return 'more';
  }

  #setItems(items: Item[]): void {
    this.#items = items;
    this.#at = 0;
    this.#lastAt = items.length - 1;
  }

  #promiseBootstrapped(parts: SubscriptionParts): Promise<{ lsn: number; rows: number; tables: string[] }> {
    const { bootstrap, startLsn } = parts;
    return new Promise((resolve, reject) => {
      const settle = () => resolve({ lsn: startLsn, rows: bootstrap?.rows ?? 0, tables: [...(bootstrap?.tables ?? [])] });
      this.#settleBootstrapped = { resolve: settle, reject };
    });
  }

  readonly #onAbort = (): void => {
    void this.close();
  };

  /** Everything but what is still to be written is done before it returns; the iterators' promises are answered. */
  async #closeNow(): Promise<void> {
    const { progress, signal, turns, onClose } = this.#parts;
    this.#isClosed = true;
    signal?.removeEventListener('abort', this.#onAbort);
    turns.unpark(this);
    this.#setItems([]);
    this.#supply.close();
    this.#settleBootstrapped.reject(closedSubscription());
    for (const waiter of this.#waiters.splice(0)) waiter.resolve({ value: undefined, done: true });
    this.#onClosed?.();
    onClose(this);
    await progress.close();
  }
}
