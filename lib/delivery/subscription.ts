import { ReaderState } from '../binding/native.js';
import { badOption, RowtapError } from '../errors/rowtap-error.js';
import type { Change, RowChange, Transaction } from '../model/change.js';
import type { Position } from '../model/options.js';
import type { Subscription, SubscriptionInfo } from '../model/source.js';
import type { IntegerMode } from '../model/value.js';
import { Acknowledgement, closedSubscription } from './acknowledgement.js';
import type { ApplicationTransaction } from './application-transaction.js';
import type { Bootstrap } from './bootstrap.js';
import type { Progress } from './progress.js';
import type { ChangeDrain, ChangeStream, StreamState } from './stream-reader.js';
import { DecodedTransaction } from './transaction.js';
import type { Parked, Turns } from './turns.js';

export interface SubscriptionParts {
  consumer: string | undefined;
  /** The position: the snapshot's, and the one after which changes begin. */
  startLsn: number;
  /** Handed over before anything else. */
  events: Change[];
  bootstrap: Bootstrap | undefined;
  /** Undefined where only the snapshot is wanted. */
  stream: ChangeStream | undefined;
  integers: IntegerMode;
  acceptsTable: (name: string) => boolean;
  /** Deletes by a REPLACE may be missing from the stream. */
  isReplacing?: boolean;
  /** Where a snapshot is wanted whenever changes may have been missed: a new place, behind what was missed. */
  beginAgain: (() => Restart) | undefined;
  progress: Progress;
  ack: 'auto' | 'manual';
  maxBuffered: number;
  signal: AbortSignal | undefined;
  turns: Pick<Turns, 'number' | 'park' | 'unpark'>;
  /** The one that `ack` is called in, of this thread. Throws ROWTAP_BAD_OPTION where there are several. */
  openTransaction: () => ApplicationTransaction | undefined;
  /** The last published LSN of the source. */
  sourceLsn: () => number;
  /** Why the source could not go on, where it has ended by that. */
  failure: () => RowtapError | undefined;
  /** Called once, when it is closed for whatever reason. */
  onClose: (subscription: StreamSubscription) => void;
}

export interface Restart {
  lsn: number;
  stream: ChangeStream;
  bootstrap: Bootstrap;
}

type Item = Change | Transaction;
type Mode = 'changes' | 'transactions';
type Result = IteratorResult<Item, undefined>;

interface Waiter {
  resolve(result: Result): void;
  reject(error: unknown): void;
}

/** After so many bytes other callbacks get a turn; where more than half of the budget waits then, after what waits. */
const bytesPerStretch = 4 * 1024 * 1024;
/** Of a snapshot: pages instead. */
const pagesPerStretch = 16;

/**
 * The life of one subscription: first the events that it was given, then the pages of its snapshot, then what its reader has, then the
 * end. Everything is pulled by `next`, which answers from an array of decoded items while there are some. When nothing waits it parks, and
 * `turns` lets it try again. A closed one has no items, no reader, and answers "done".
 */
export class StreamSubscription implements Subscription, Parked {
  readonly ready: Promise<{ lsn: number; snapshot: boolean }>;
  readonly bootstrapped: Promise<{ lsn: number; rows: number; tables: string[] }>;

  readonly #parts: SubscriptionParts;
  #acknowledgement: Acknowledgement;
  #reader: StreamState | undefined;
  #drain: ChangeDrain | undefined;
  /** A gap has been announced: what is read next is a new snapshot. */
  #isRestartDue = false;
  readonly #firstEvents = new WeakSet<object>();
  #events: Change[];
  #bootstrap: Bootstrap | undefined;

  #mode: Mode | undefined;
  /** Decoded, to be handed over from `#at` on. The one at `#lastAt` is handed over on the slow path, which has more to look after. */
  #items: Item[] = [];
  #at = 0;
  #lastAt = -1;
  /** The items are the page that the last row of the snapshot stands in. */
  #isLastPage = false;
  /** Of the snapshot's page that was read last. */
  #lastOfPage: Change | undefined;
  readonly #waiters: Waiter[] = [];

  /** Number of the turn in which the reader was found empty. */
  #emptyInTurn = -1;
  #bytesInStretch = 0;
  #maxBytesInStretch = bytesPerStretch;
  #pagesInStretch = 0;
  /** Is thrown when the changes before it have been handed over. */
  #failed: { error: unknown } | undefined;
  #onClosed: (() => void) | undefined;
  #isEnding = false;
  /** The rest of the stretch waits for the other callbacks of the event loop. */
  #hop: NodeJS.Immediate | undefined;
  #isClosed = false;
  #closing: Promise<void> | undefined;
  #settleBootstrapped!: { resolve(): void; reject(error: RowtapError): void };

  constructor(parts: SubscriptionParts) {
    this.#parts = parts;
    this.#events = parts.events;
    for (const event of parts.events) this.#firstEvents.add(event);
    this.#bootstrap = parts.bootstrap;
    this.#acknowledgement = new Acknowledgement(parts.progress, parts.ack, parts.startLsn, parts.bootstrap !== undefined);
    this.#reader = parts.stream?.reader;
    this.#drain = parts.stream?.drain;
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
    const isFinal = (event: object): boolean => this.#firstEvents.has(event) || this.#drain?.isFinal(event) === true;
    this.#acknowledgement.explicit(position, isFinal, transaction);
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
    this.#isEnding = true;
    this.#reader?.end();
  }

  info(): SubscriptionInfo {
    const { consumer, sourceLsn } = this.#parts;
    const reader = this.#reader;
    const lsn = this.#acknowledgement.handedOver;
    const [buffered, bufferedBytes] = !this.#isClosed && reader !== undefined ? reader.buffered() : [0, 0];
    const isCaughtUp =
      buffered === 0 &&
      reader?.isReplaying !== true &&
      this.#at >= this.#items.length &&
      this.#bootstrap === undefined &&
      this.#events.length === 0;
    const progress = this.#bootstrap?.progress;
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
  nextItem(mode: Mode): Promise<Result> {
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
    if (this.#hop !== undefined) this.#endHop();
    this.#emptyInTurn = -1;
    this.#serveWaiters();
  }

  /** Nothing more is handed over: whoever asks, or waits, is told why. */
  #fail(error: RowtapError): void {
    if (this.#isClosed) return;
    this.#failed = { error };
    this.#setItems([]);
    if (this.#hop !== undefined) this.#endHop();
    this.#serveWaiters();
  }

  #nextSlowly(mode: Mode): Promise<Result> {
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
  #take(): Result | undefined {
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
    this.#emptyInTurn = -1;
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
      if (this.#isLastPage) this.#endSnapshot();
    }
    return item;
  }

  #fill(): 'more' | 'later' | 'end' {
    if (this.#failed !== undefined) throw this.#failed.error;
    if (this.#hop !== undefined) return 'later';
    if (this.#events.length > 0) {
      this.#setItems(this.#mode === 'transactions' ? asTransaction(this.#events) : this.#events);
      this.#events = [];
      return 'more';
    }
    if (this.#isRestartDue) this.#restart();
    if (this.#bootstrap !== undefined) return this.#fillFromSnapshot(this.#bootstrap);
    return this.#fillFromReader();
  }

  #fillFromSnapshot(bootstrap: Bootstrap): 'more' | 'later' {
    if (this.#pagesInStretch >= pagesPerStretch) return this.#letOthersRun();
    ++this.#pagesInStretch;
    const page = bootstrap.next();
    if (page === undefined) {
      this.#endSnapshot();
      return 'more';
    }
    // Events of empty tables may stand behind the last row.
    const lastRow = page.findLast((change): change is RowChange => change.op === 'snapshot');
    this.#isLastPage = lastRow !== undefined && lastRow.last;
    this.#lastOfPage = page.at(-1);
    this.#setItems(this.#mode === 'transactions' ? asTransaction(page) : page);
    return 'more';
  }

  #fillFromReader(): 'more' | 'later' | 'end' {
    const { turns } = this.#parts;
    const reader = this.#reader;
    if (reader === undefined || this.#drain === undefined) return 'end';
    if (this.#emptyInTurn === turns.number) return 'later';
    if (this.#bytesInStretch >= this.#maxBytesInStretch) {
      const [, waiting] = reader.buffered();
      // More than half: reading on comes first, or it would be taken for lag. But only once: another thread may write faster than this one reads.
      const isExtended = this.#maxBytesInStretch > bytesPerStretch;
      if (isExtended || waiting <= this.#parts.maxBuffered / 2) return this.#letOthersRun();
      this.#maxBytesInStretch = this.#bytesInStretch + waiting;
    }
    const items: Item[] = [];
    const length =
      this.#mode === 'transactions' ? this.#drain.transactions(items as Transaction[]) : this.#drain.changes(items as Change[]);
    this.#bytesInStretch += length;
    if (length > 0) {
      this.#setItems(this.#parts.beginAgain === undefined ? items : this.#upToGap(items));
      return 'more';
    }
    return this.#whenEmpty(reader.state());
  }

  /** What stands behind a gap is older than the snapshot that follows it. */
  #upToGap(items: Item[]): Item[] {
    for (const [at, item] of items.entries()) {
      const cut = item instanceof DecodedTransaction ? item.upTo(this.#isStreamGap) : this.#isStreamGap(item) ? item : undefined;
      if (cut === undefined) continue;
      this.#isRestartDue = true;
      return [...items.slice(0, at), cut];
    }
    return items;
  }

  readonly #isStreamGap = (item: object): boolean => 'op' in item && item.op === 'gap' && this.#drain?.isStandIn(item) !== true;

  #restart(): void {
    this.#isRestartDue = false;
    const { beginAgain, progress, ack } = this.#parts;
    if (beginAgain === undefined) return;
    this.#reader?.close();
    const { lsn, stream, bootstrap } = beginAgain();
    this.#reader = stream.reader;
    this.#drain = stream.drain;
    if (this.#isEnding) stream.reader.end();
    this.#bootstrap = bootstrap;
    this.#acknowledgement = new Acknowledgement(progress, ack, lsn, true);
  }

  #whenEmpty(state: number): 'later' | 'end' {
    const lsn = this.#acknowledgement.handedOver;
    if (state === ReaderState.laggard) throw new RowtapError('ROWTAP_LAGGARD', { maxBuffered: this.#parts.maxBuffered, lsn });
    if (state === ReaderState.lost) throw new RowtapError('ROWTAP_CAPTURE_LOST', { lsn });
    if (state === ReaderState.ended) {
      const failure = this.#parts.failure();
      if (failure !== undefined) throw failure;
    }
    if (state !== ReaderState.open) return 'end';
    this.#emptyInTurn = this.#parts.turns.number;
    this.#beginStretch();
    return 'later';
  }

  #setItems(items: Item[]): void {
    this.#items = items;
    this.#at = 0;
    this.#lastAt = items.length - 1;
  }

  #endSnapshot(): void {
    this.#bootstrap?.close();
    this.#acknowledgement.snapshotHandedOver(this.#lastOfPage);
    this.#settleBootstrapped.resolve();
    this.#bootstrap = undefined;
    this.#isLastPage = false;
    this.#lastOfPage = undefined;
  }

  #letOthersRun(): 'later' {
    this.#hop = setImmediate(() => {
      this.#endHop();
      this.#serveWaiters();
    });
    return 'later';
  }

  #endHop(): void {
    if (this.#hop !== undefined) clearImmediate(this.#hop);
    this.#hop = undefined;
    this.#beginStretch();
    this.#pagesInStretch = 0;
  }

  #beginStretch(): void {
    this.#bytesInStretch = 0;
    this.#maxBytesInStretch = bytesPerStretch;
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
    if (this.#hop !== undefined) this.#endHop();
    this.#setItems([]);
    this.#events = [];
    this.#bootstrap?.close();
    this.#bootstrap = undefined;
    this.#reader?.close();
    this.#settleBootstrapped.reject(closedSubscription());
    for (const waiter of this.#waiters.splice(0)) waiter.resolve({ value: undefined, done: true });
    this.#onClosed?.();
    onClose(this);
    await progress.close();
  }
}

/** One iteration; several over one subscription share its place. Leaving a loop (`return`) closes the subscription. */
class StreamIterator<T extends Item> implements AsyncIterableIterator<T> {
  readonly #subscription: StreamSubscription;
  readonly #mode: Mode;

  constructor(subscription: StreamSubscription, mode: Mode) {
    this.#subscription = subscription;
    this.#mode = mode;
  }

  next(): Promise<IteratorResult<T, undefined>> {
    return this.#subscription.nextItem(this.#mode) as Promise<IteratorResult<T, undefined>>;
  }

  async return(): Promise<IteratorResult<T, undefined>> {
    await this.#subscription.close();
    return { value: undefined, done: true };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

/** A page of a snapshot, or the events before it, as one transaction. */
function asTransaction(changes: Change[]): Transaction[] {
  const [first] = changes;
  return first === undefined ? [] : [new DecodedTransaction(first.lsn, first.time, changes)];
}
