import { type NativeBatch, type NativeHub, type NativeLogReplay, type NativeReader, ReaderState, ReplayStatus } from '../binding/native.js';
import type { StreamReader } from '../delivery/stream-reader.js';
import { isBusy } from '../errors/is-busy.js';
import { RowtapError } from '../errors/rowtap-error.js';
import type { LogConnection } from './database.js';
import type { LogWait } from './log-wait.js';

export interface LogReaderParts {
  hub: Pick<NativeHub, 'openReader' | 'openFedReader'>;
  /** The queue of live transactions that may wait in memory. */
  maxBuffered: number;
  /** Throws what SQLite throws, and ROWTAP_FILE_GONE. */
  connect(): LogConnection;
  openReplay(connection: LogConnection, position: number): NativeLogReplay;
  /** Somebody has removed the log, which had been read up to `lsn`: makes a new one. False where that can't be done just now. */
  restore(lsn: number): boolean;
  /** An older log has taken the place of the one that was read: makes its numbers go on above those that were. */
  lift(): void;
  /** Called for each reader that takes over, so that it ends with its source. */
  attach(reader: NativeReader): void;
  wait: Pick<LogWait, 'again' | 'over'>;
}

/** Everything in the log up to `position` is done with; live transactions come behind `live`'s position, which is no later than `live.logLsn`. */
export interface LogPlace {
  position: number;
  live: NativeReader;
}

/** What is decoded and filled at once: less than waits in memory, and enough to be worth a read transaction. */
const fillBytes = 1024 * 1024;

/** What is read while there is something to catch up with. */
interface Replaying {
  connection: LogConnection;
  replay: NativeLogReplay;
  fed: NativeReader;
}

/**
 * A reader that is never too slow. While it keeps up, transactions come from the hub, as to any other reader; where it falls behind, or another
 * process has written, it reads on in the log from the last one it has had, and rejoins.
 *
 * Rejoining: when the log has been read to its end, a new live reader is placed, which tells where the log ended at that moment; the log is read
 * up to there, and what is committed later comes live. So nothing is read twice, and nothing is left out.
 */
export class LogReader implements StreamReader {
  readonly #parts: LogReaderParts;
  #live: NativeReader | undefined;
  #replaying: Replaying | undefined;
  #isLifted = false;
  #isEnding = false;
  #isClosed = false;

  constructor(parts: LogReaderParts, place: LogPlace) {
    this.#parts = parts;
    this.#live = place.live;
    if (place.position < place.live.logLsn) this.#openReplay(place.position);
    else parts.attach(place.live);
  }

  /** Reading the log, with more to come than `buffered` knows. */
  get isReplaying(): boolean {
    return this.#replaying !== undefined;
  }

  read(target: Uint8Array): number {
    while (!this.#isClosed) {
      const read = this.#current()?.read(target) ?? 0;
      if (read !== 0) return read;
      if (this.#replaying === undefined ? !this.#fallBack() : !this.#replayMore(this.#replaying)) return 0;
    }
    return 0;
  }

  batch(): NativeBatch | undefined {
    return this.#current()?.batch();
  }

  skipBatch(): void {
    this.#current()?.skipBatch();
  }

  state(): number {
    if (this.#isClosed) return ReaderState.closed;
    const state = this.#replaying === undefined ? (this.#live?.state() ?? ReaderState.closed) : ReaderState.open;
    // What it has missed can't be read just now; it will be.
    return state === ReaderState.behind ? ReaderState.open : state;
  }

  end(): void {
    this.#isEnding = true;
    this.#live?.end();
  }

  buffered(): [transactions: number, bytes: number] {
    const [transactions, bytes] = this.#live?.buffered() ?? [0, 0];
    const [fedTransactions, fedBytes] = this.#replaying?.fed.buffered() ?? [0, 0];
    return [transactions + fedTransactions, bytes + fedBytes];
  }

  close(): void {
    this.#isClosed = true;
    this.#parts.wait.over();
    this.#endReplay();
    this.#live?.close();
  }

  #current(): NativeReader | undefined {
    return this.#replaying?.fed ?? this.#live;
  }

  /** Whether there is something to read on with. */
  #fallBack(): boolean {
    const live = this.#live;
    if (live === undefined || live.state() !== ReaderState.behind) return false;
    // The replay holds the log before the reader lets go of it.
    if (!this.#unlessLocked(() => this.#openReplay(live.lsn))) return false;
    live.close();
    this.#live = undefined;
    return true;
  }

  #replayMore({ replay, fed, connection }: Replaying): boolean {
    const status = replay.fill(fed, this.#live?.logLsn ?? Number.MAX_SAFE_INTEGER, fillBytes);
    if (replay.hasHistoryChanged && !this.#isLifted) {
      this.#isLifted = true;
      this.#parts.lift();
    }
    if (status !== ReplayStatus.busy) this.#parts.wait.over();
    switch (status) {
      case ReplayStatus.corrupt:
        throw new RowtapError('ROWTAP_CORRUPT_LOG', { detail: 'an entry is damaged', lsn: replay.corruptLsn });
      case ReplayStatus.busy:
        this.#parts.wait.again();
        return fed.buffered()[0] > 0;
      case ReplayStatus.noLog:
        return this.#restore(replay.position);
      case ReplayStatus.end:
        if (fed.buffered()[0] > 0) return true;
        if (this.#live === undefined) return this.#unlessLocked(() => this.#placeLive(connection));
        // All that stood there when the live reader was placed; its last entry may have been replaced since by one that comes live.
        this.#goLive(this.#live, fed);
        return true;
      default:
        return true;
    }
  }

  #placeLive(connection: LogConnection): void {
    this.#live = this.#parts.hub.openReader(this.#parts.maxBuffered, null, connection.native);
  }

  #goLive(live: NativeReader, fed: NativeReader): void {
    const hasEnded = this.#isEnding || fed.state() === ReaderState.ended;
    this.#endReplay();
    this.#parts.attach(live);
    if (hasEnded) live.end();
  }

  /** False where somebody keeps everybody from reading just now: it is tried again soon. */
  #unlessLocked(read: () => void): boolean {
    try {
      read();
      this.#parts.wait.over();
      return true;
    } catch (error) {
      if (!isLocked(error)) throw error;
      this.#parts.wait.again();
      return false;
    }
  }

  /** The replay reads on in the new log. What was placed where the old one ended is placed anew at the end of it. */
  #restore(position: number): boolean {
    if (!this.#parts.restore(position)) {
      this.#parts.wait.again();
      return false;
    }
    this.#live?.close();
    this.#live = undefined;
    return true;
  }

  #openReplay(position: number): void {
    const connection = this.#parts.connect();
    try {
      const replay = this.#parts.openReplay(connection, position);
      const fed = this.#parts.hub.openFedReader();
      this.#parts.attach(fed);
      this.#replaying = { connection, replay, fed };
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  #endReplay(): void {
    const replaying = this.#replaying;
    this.#replaying = undefined;
    replaying?.fed.close();
    replaying?.replay.close();
    replaying?.connection.close();
  }
}

/** Besides those that wait themselves: the reader that finds what somebody has left who was killed amid a commit, which it can't take back. */
function isLocked(error: unknown): boolean {
  const code = String((error as { code?: unknown } | null)?.code);
  return isBusy(error) || code === 'SQLITE_READONLY_ROLLBACK' || code === 'ROWTAP_BUSY';
}
