import { ReaderState } from '../binding/native.js';
import { RowtapError } from '../errors/rowtap-error.js';
import type { Change, RowChange, Transaction } from '../model/change.js';
import type { SnapshotProgress } from '../model/options.js';
import type { Bootstrap } from './bootstrap.js';
import type { Item, ItemMode } from './stream-iterator.js';
import type { ChangeDrain, ChangeStream, StreamState } from './stream-reader.js';
import { Stretch } from './stretch.js';
import { DecodedTransaction } from './transaction.js';
import type { Turns } from './turns.js';

export interface Restart {
  lsn: number;
  stream: ChangeStream;
  bootstrap: Bootstrap;
}

export interface SupplyParts {
  /** Come before anything else. */
  events: Change[];
  bootstrap: Bootstrap | undefined;
  /** Undefined where only the snapshot is wanted. */
  stream: ChangeStream | undefined;
  /** Where a snapshot is wanted whenever changes may have been missed: a new place, behind what was missed. */
  beginAgain: (() => Restart) | undefined;
  maxBuffered: number;
  turns: Pick<Turns, 'number'>;
  /** Why the source could not go on, where it has ended by that. */
  failure: () => RowtapError | undefined;
}

/** What a supply tells the subscription that it is for. */
export interface SupplyOwner {
  /** All of a snapshot has been handed over; `end` is its last change. */
  snapshotEnded(end: Change | undefined): void;
  /** Changes were missed: a new snapshot comes next, as of `lsn`. */
  begunAgain(lsn: number): void;
  /** There may be more, behind the callbacks that were let run first. */
  goOn(): void;
}

/**
 * What one subscription has to hand over, in this order: the events that it was given, the pages of its snapshot, what its reader has, the end.
 * Behind a gap in the stream, where that is wanted, comes a new snapshot and another reader. It owns the snapshot and the reader.
 */
export class Supply {
  readonly #parts: SupplyParts;
  readonly #owner: SupplyOwner;
  readonly #stretch: Stretch;
  readonly #firstEvents = new WeakSet<object>();
  #events: Change[];
  #bootstrap: Bootstrap | undefined;
  #reader: StreamState | undefined;
  #drain: ChangeDrain | undefined;
  /** What was given last is the page that the last row of the snapshot stands in. */
  #isLastPage = false;
  /** Of the snapshot's page that was read last. */
  #lastOfPage: Change | undefined;
  /** A gap has been given: what is read next is a new snapshot. */
  #isRestartDue = false;
  #isEnding = false;
  /** Number of the turn in which the reader was found empty. */
  #emptyInTurn = -1;

  constructor(parts: SupplyParts, owner: SupplyOwner) {
    this.#parts = parts;
    this.#owner = owner;
    this.#stretch = new Stretch(parts.maxBuffered, () => owner.goOn());
    this.#events = parts.events;
    for (const event of parts.events) this.#firstEvents.add(event);
    this.#bootstrap = parts.bootstrap;
    this.#reader = parts.stream?.reader;
    this.#drain = parts.stream?.drain;
  }

  /** More is to come than `buffered` knows. */
  get hasMore(): boolean {
    return this.#events.length > 0 || this.#bootstrap !== undefined || this.#reader?.isReplaying === true;
  }

  get snapshotProgress(): SnapshotProgress | undefined {
    return this.#bootstrap?.progress;
  }

  /** Transactions that wait in the reader, and their bytes. Not to be asked for when it is closed. */
  buffered(): [transactions: number, bytes: number] {
    return this.#reader?.buffered() ?? [0, 0];
  }

  /** Whether an event that was given is the last of its transaction. */
  isFinal(event: object): boolean {
    return this.#firstEvents.has(event) || this.#drain?.isFinal(event) === true;
  }

  /**
   * The next ones, to be asked for when all of those before have been handed over. None where only the snapshot has ended by that; "later" where
   * nothing is to be had before another turn. `handedOverLsn` is for errors: throws why the stream can't go on.
   */
  next(mode: ItemMode | undefined, handedOverLsn: number): Item[] | 'later' | 'end' {
    if (this.#stretch.isPaused) return 'later';
    if (this.#events.length > 0) {
      const events = this.#events;
      this.#events = [];
      return mode === 'transactions' ? asTransaction(events) : events;
    }
    if (this.#isRestartDue) this.#restart();
    if (this.#bootstrap !== undefined) return this.#nextOfSnapshot(this.#bootstrap, mode);
    return this.#nextOfReader(mode, handedOverLsn);
  }

  /** To be called when the last of those that `next` gave has been handed over. */
  handedOver(): void {
    if (this.#isLastPage) this.#endSnapshot();
  }

  /** What was found empty may have something by now. */
  lookAgain(): void {
    this.#emptyInTurn = -1;
  }

  /** Other callbacks are not waited for any more: they have run, or nothing will be read. */
  endPause(): void {
    this.#stretch.endPause();
  }

  /** What was published is still given, then comes the end. */
  end(): void {
    this.#isEnding = true;
    this.#reader?.end();
  }

  /** Twice is fine. */
  close(): void {
    this.#stretch.endPause();
    this.#events = [];
    this.#bootstrap?.close();
    this.#bootstrap = undefined;
    this.#reader?.close();
  }

  #nextOfSnapshot(bootstrap: Bootstrap, mode: ItemMode | undefined): Item[] | 'later' {
    if (!this.#stretch.takePage()) return 'later';
    const page = bootstrap.next();
    if (page === undefined) {
      this.#endSnapshot();
      return [];
    }
    // Events of empty tables may stand behind the last row.
    const lastRow = page.findLast((change): change is RowChange => change.op === 'snapshot');
    this.#isLastPage = lastRow !== undefined && lastRow.last;
    this.#lastOfPage = page.at(-1);
    return mode === 'transactions' ? asTransaction(page) : page;
  }

  #endSnapshot(): void {
    const end = this.#lastOfPage;
    this.#bootstrap?.close();
    this.#owner.snapshotEnded(end);
    this.#bootstrap = undefined;
    this.#isLastPage = false;
    this.#lastOfPage = undefined;
  }

  #nextOfReader(mode: ItemMode | undefined, handedOverLsn: number): Item[] | 'later' | 'end' {
    const reader = this.#reader;
    const drain = this.#drain;
    if (reader === undefined || drain === undefined) return 'end';
    if (this.#emptyInTurn === this.#parts.turns.number) return 'later';
    if (!this.#stretch.mayRead(reader)) return 'later';
    const items: Item[] = [];
    const length = mode === 'transactions' ? drain.transactions(items as Transaction[]) : drain.changes(items as Change[]);
    this.#stretch.addBytes(length);
    if (length > 0) return this.#parts.beginAgain === undefined ? items : this.#upToGap(items);
    return this.#whenEmpty(reader.state(), handedOverLsn);
  }

  #whenEmpty(state: number, lsn: number): 'later' | 'end' {
    if (state === ReaderState.laggard) throw new RowtapError('ROWTAP_LAGGARD', { maxBuffered: this.#parts.maxBuffered, lsn });
    if (state === ReaderState.lost) throw new RowtapError('ROWTAP_CAPTURE_LOST', { lsn });
    if (state === ReaderState.ended) {
      const failure = this.#parts.failure();
      if (failure !== undefined) throw failure;
    }
    if (state !== ReaderState.open) return 'end';
    this.#emptyInTurn = this.#parts.turns.number;
    this.#stretch.foundEmpty();
    return 'later';
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
    const { beginAgain } = this.#parts;
    if (beginAgain === undefined) return;
    this.#reader?.close();
    const { lsn, stream, bootstrap } = beginAgain();
    this.#reader = stream.reader;
    this.#drain = stream.drain;
    if (this.#isEnding) stream.reader.end();
    this.#bootstrap = bootstrap;
    this.#owner.begunAgain(lsn);
  }
}

/** A page of a snapshot, or the events before it, as one transaction. */
function asTransaction(changes: Change[]): Transaction[] {
  const [first] = changes;
  return first === undefined ? [] : [new DecodedTransaction(first.lsn, first.time, changes)];
}
