import { ReaderState } from '../binding/native.js';
import { everyOp } from '../decode/selection.js';
import type { PartialTransaction } from '../delivery/progress.js';
import type { ChangeDrain, StreamState } from '../delivery/stream-reader.js';
import { DecodedTransaction } from '../delivery/transaction.js';
import { isBusy } from '../errors/is-busy.js';
import { RowtapError } from '../errors/rowtap-error.js';
import type { Change, RowChange, Transaction } from '../model/change.js';
import type { RawRow } from './connection.js';
import { LogDecoder, type LogDecoderOptions } from './log-decoder.js';
import { idOf, type LogPages } from './log-pages.js';
import type { LoggedCommit } from './log-tables.js';
import type { Lookout } from './lookout.js';

export interface LogStreamParts {
  lookout: Lookout;
  decoder: LogDecoderOptions;
  /** Everything up to it is done with. */
  lsn: number;
  partial: PartialTransaction | undefined;
  onGap(): void;
  /** Somebody keeps everybody from reading just now: lets the subscription read again soon. */
  onLocked(): void;
  onClose(stream: LogStream): void;
}

/** Commits that are looked up at once. */
const commitsAtOnce = 1024;
/** A commit with more rows is handed over as a transaction that reads the log when it is iterated. */
const mostRowsAtOnce = 50_000;

/** One subscription's place in the log, and what gives its changes: nothing waits in memory but a page of it. */
export class LogStream implements StreamState, ChangeDrain {
  readonly #parts: LogStreamParts;
  readonly #decoder: LogDecoder;
  #pages: LogPages;
  /** All of it has been handed over. */
  #lsn: number;
  #lastId: number;
  readonly #commits: LoggedCommit[] = [];
  /** The first of the commits has been begun. */
  #isInside = false;
  #rows: RawRow[] = [];
  #at = 0;
  /** Of the transaction that is being put together. */
  #begun: Change[] = [];
  /** Behind which a transaction that reads the log has been handed over, until more is asked for. */
  #keptLsn: number | undefined;
  #endLsn = Number.POSITIVE_INFINITY;
  #isClosed = false;

  constructor(parts: LogStreamParts) {
    this.#parts = parts;
    this.#lsn = parts.lsn;
    const { lookout } = parts;
    this.#decoder = new LogDecoder(parts.decoder);
    this.#pages = lookout.openPages();
    this.#lastId = lookout.commitUpTo(parts.lsn)?.lastId ?? 0;
  }

  get isReplaying(): boolean {
    return this.#lsn < this.#parts.lookout.newest.lsn;
  }

  /** The log is kept behind it. */
  get lsn(): number {
    return this.#keptLsn ?? this.#lsn;
  }

  changes(out: Change[]): number {
    return this.#read(out, () => {});
  }

  transactions(out: Transaction[]): number {
    this.#keptLsn = undefined;
    const end = (commit: LoggedCommit): void => {
      if (this.#begun.length > 0) out.push(new DecodedTransaction(commit.lsn, commit.timeMs, this.#begun.splice(0)));
    };
    return this.#read(this.#begun, end, out);
  }

  isFinal(event: object): boolean {
    return this.#decoder.isFinal(event);
  }

  isStandIn(): boolean {
    return false;
  }

  state(): number {
    const { lookout } = this.#parts;
    if (this.#isClosed) return ReaderState.closed;
    if (this.#lsn >= this.#endLsn) return ReaderState.ended;
    if (lookout.failure !== undefined && !this.isReplaying) throw lookout.failure;
    return ReaderState.open;
  }

  end(): void {
    this.#endLsn = this.#parts.lookout.newest.lsn;
  }

  buffered(): [transactions: number, bytes: number] {
    return [0, 0];
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#rows = [];
    this.#parts.onClose(this);
  }

  /** `end` is called after each commit, when everything of it stands in `out`. */
  #read(out: Change[], end: (commit: LoggedCommit) => void, large?: Transaction[]): number {
    try {
      return this.#readOn(out, end, large);
    } catch (error) {
      if (!isBusy(error)) throw this.#parts.lookout.explain(error);
      this.#parts.onLocked();
      return 0;
    }
  }

  #readOn(out: Change[], end: (commit: LoggedCommit) => void, large?: Transaction[]): number {
    if (this.#isClosed) return 0;
    let bytes = 0;
    while (bytes === 0) {
      const commit = this.#commits[0] ?? this.#nextCommit(out, end);
      if (commit === undefined) return out.length > 0 || (large?.length ?? 0) > 0 ? 1 : 0;
      if (large !== undefined && !this.#isInside && this.#isLarge(commit)) {
        this.#pass(commit, large);
        return 1;
      }
      if (this.#at >= this.#rows.length) bytes += this.#readPage(commit, large !== undefined);
      this.#decodeRows(out, end);
    }
    return bytes;
  }

  /** One with a gap is handed over as it is decoded: a new snapshot may be due behind the gap. */
  #isLarge({ lastId }: LoggedCommit): boolean {
    return lastId - this.#lastId > mostRowsAtOnce && !this.#parts.lookout.tables.hasGap(this.#lastId, lastId);
  }

  #nextCommit(out: Change[], end: (commit: LoggedCommit) => void): LoggedCommit | undefined {
    const { lookout } = this.#parts;
    if (this.#lsn >= Math.min(lookout.newest.lsn, this.#endLsn)) return undefined;
    const [next, ...others] = lookout.commitsAfter(this.#lsn, commitsAtOnce);
    if (next === undefined) return undefined;
    if (next.lsn === this.#lsn + 1) {
      this.#commits.push(next, ...others);
      return next;
    }
    // The one before it stands for all that are gone: it is the oldest that is there.
    this.#gapBefore(next, out, end);
    this.#commits.push(...others);
    return this.#commits[0];
  }

  /** What stood up to this commit is gone, and its rows as well. */
  #gapBefore(commit: LoggedCommit, out: Change[], end: (commit: LoggedCommit) => void): void {
    this.#pushGap(commit, out);
    this.#finish(commit, end);
  }

  #pushGap({ lsn, timeMs }: LoggedCommit, out: Change[]): void {
    this.#parts.onGap();
    out.push(this.#decoder.gap(lsn, timeMs, this.#parts.lookout.reasonBefore(lsn)));
  }

  #readPage(commit: LoggedCommit, isByTransaction: boolean): number {
    // A page may reach over several commits; one that is handed over as a whole is not begun in it.
    const last = isByTransaction ? commit : (this.#commits.at(-1) as LoggedCommit);
    if (this.#pages.values !== this.#parts.lookout.valueColumns) this.#pages = this.#parts.lookout.openPages();
    this.#rows = this.#pages.read(this.#lastId, last.lastId);
    this.#at = 0;
    return this.#rows.length === 0 ? 1 : this.#pages.bytes;
  }

  #decodeRows(out: Change[], end: (commit: LoggedCommit) => void): void {
    const rows = this.#rows;
    for (;;) {
      const commit = this.#commits[0];
      if (commit === undefined) return;
      const first = rows[this.#at];
      // Rows follow each other without a hole: none but the oldest are ever removed.
      if (first === undefined ? rows.length === 0 && commit.lastId > this.#lastId : idOf(first) !== this.#lastId + 1) {
        this.#lose(commit, out, end);
        return;
      }
      if (!this.#isInside) this.#begin(commit);
      const stop = this.#stopOf(commit);
      const next = this.#decoder.decode(rows, this.#at, stop, out);
      if (next < stop && stop < rows.length) {
        this.#lose(commit, out, end);
        return;
      }
      if (next === this.#at && next < rows.length && commit.lastId > this.#lastId) {
        this.#pages.widen();
        this.#rows = [];
        return;
      }
      if (next > this.#at) this.#lastId = idOf(rows[next - 1] as RawRow);
      this.#at = next;
      if (this.#lastId < commit.lastId) {
        // The rest of a change that is not whole is read again, with what follows.
        if (next < rows.length) this.#rows = [];
        return;
      }
      this.#decoder.end(out);
      this.#finish(commit, end);
      this.#commits.shift();
      if (this.#at >= rows.length && this.#commits[0]?.lastId !== this.#lastId) return;
    }
  }

  /** Behind the last of the page's rows that belong to the commit. */
  #stopOf({ lastId }: LoggedCommit): number {
    const rows = this.#rows;
    const [first, last] = [rows[this.#at], rows.at(-1)];
    if (first === undefined || last === undefined) return this.#at;
    return idOf(last) <= lastId ? rows.length : this.#at + (lastId - idOf(first)) + 1;
  }

  #begin({ lsn, timeMs }: LoggedCommit): void {
    const { partial } = this.#parts;
    this.#isInside = true;
    this.#decoder.begin(lsn, timeMs, partial?.lsn === lsn ? partial.index + 1 : 0);
  }

  #finish(commit: LoggedCommit, end: (commit: LoggedCommit) => void): void {
    this.#isInside = false;
    this.#lsn = commit.lsn;
    this.#lastId = commit.lastId;
    end(commit);
  }

  /** Rows of this commit have been removed while it was read. */
  #lose(commit: LoggedCommit, out: Change[], end: (commit: LoggedCommit) => void): void {
    this.#decoder.end(out);
    this.#pushGap(commit, out);
    this.#commits.shift();
    this.#rows = [];
    this.#finish(commit, end);
  }

  #pass(commit: LoggedCommit, out: Transaction[]): void {
    const { lookout, decoder, partial } = this.#parts;
    const firstIndex = partial?.lsn === commit.lsn ? partial.index + 1 : 0;
    const transaction = new LoggedTransaction(lookout, decoder, commit, this.#lastId, firstIndex);
    if (transaction.hasChanges()) {
      out.push(transaction);
      this.#keptLsn = this.#lsn;
    }
    this.#commits.shift();
    this.#rows = [];
    this.#finish(commit, () => {});
  }
}

/** A commit that is too large to be decoded at once: every iteration reads the log anew, a page at a time, and throws where rows of it are gone. */
class LoggedTransaction implements Transaction {
  readonly lsn: number;
  readonly time: number;
  readonly #lookout: Lookout;
  readonly #options: LogDecoderOptions;
  readonly #commit: LoggedCommit;
  readonly #afterId: number;
  readonly #firstIndex: number;
  #length: number | undefined;

  constructor(lookout: Lookout, options: LogDecoderOptions, commit: LoggedCommit, afterId: number, firstIndex: number) {
    this.lsn = commit.lsn;
    this.time = commit.timeMs;
    this.#lookout = lookout;
    this.#options = options;
    this.#commit = commit;
    this.#afterId = afterId;
    this.#firstIndex = firstIndex;
  }

  /** The whole of it is looked through when it is first asked for. */
  get length(): number {
    if (this.#length === undefined) {
      this.#length = 0;
      for (const page of this.#pages()) this.#length += page.length;
    }
    return this.#length;
  }

  /** Looks no further than to the first one. */
  hasChanges(): boolean {
    const { selection } = this.#options;
    if (selection.isEverything && selection.opMask === everyOp) return true;
    for (const page of this.#pages()) if (page.length > 0) return true;
    return false;
  }

  *[Symbol.iterator](): Generator<RowChange, void, undefined> {
    for (const page of this.#pages()) yield* page as RowChange[];
  }

  *#pages(): Generator<Change[], void, undefined> {
    const pages = this.#lookout.openPages();
    const decoder = new LogDecoder(this.#options);
    decoder.begin(this.lsn, this.time, this.#firstIndex);
    let lastId = this.#afterId;
    while (lastId < this.#commit.lastId) {
      const rows = pages.read(lastId, this.#commit.lastId);
      const [first] = rows;
      if (first === undefined || idOf(first) !== lastId + 1) throw this.#pruned();
      const changes: Change[] = [];
      const next = decoder.decode(rows, 0, rows.length, changes);
      if (next === 0) pages.widen();
      else lastId = idOf(rows[next - 1] as RawRow);
      if (changes.length > 0) yield changes;
    }
    const rest: Change[] = [];
    decoder.end(rest);
    if (rest.length > 0) yield rest;
  }

  #pruned(): RowtapError {
    return new RowtapError('ROWTAP_CORRUPT_LOG', { detail: 'rows of this transaction were pruned before they were read', lsn: this.lsn });
  }
}
