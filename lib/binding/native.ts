/**
 * What the addon offers, as TypeScript sees it. Everything handed in has been checked on this side; native code checks types only.
 * Numbers that are LSNs are integers below 2^53; sizes are bytes; times are Unix milliseconds.
 */

export interface NativeConnectionOptions {
  readonly: boolean;
  fileMustExist: boolean;
  timeoutMs: number;
  /** Install the capture hooks and join the hub of the file. False for rowtap's own connections. */
  isCaptured: boolean;
}

/** One sqlite3*. Methods throw SqliteError for SQLite's errors, and TypeError or RangeError where better-sqlite3 does. */
export interface NativeConnection {
  readonly isOpen: boolean;
  readonly isInTransaction: boolean;
  /** Whether main is being read or written in a transaction. BEGIN alone begins none, unless it is IMMEDIATE or EXCLUSIVE. */
  readonly hasBegun: boolean;
  /** Whether it wants, or has, main's file for itself (PRAGMA locking_mode). */
  readonly isExclusive: boolean;
  prepare(sql: string): NativeStatement;
  exec(sql: string): void;
  /** Bytes of the write-ahead log that can't be reset before the open read transaction ends; 0 where there is none. */
  heldWalBytes(): number;
  /** Finalizes every statement first. Closing twice is fine. */
  close(): void;
}

/** A prepared statement. The shape belongs to lib/writer and native/node/statement.cpp alone. */
export type NativeStatement = object;

/** What happens in one database file, whichever connection of this process writes it. Made by `hubOf`. */
export interface NativeHub {
  /** The last LSN that was published, or the one before the first. */
  lsn(): number;
  /** Of the newest entry of the log that something is delivered of, as far as is known in this process; -1 where nobody has looked. */
  logLsn(): number;
  /** LSNs handed out from now on are greater than `lsn`. */
  raiseLsn(lsn: number): void;
  /** JSON of a `TableDescription` (lib/schema/description.ts); ids come from frames and stay valid while the hub lives. */
  describe(tableId: number): string;
  /** Bytes that one open transaction, and the batches that wait to be read, may hold in memory before they spill. */
  setMaxMemory(bytes: number): void;
  /** True while a captured connection of this thread has a transaction open, or runs a statement. */
  isThreadInTransaction(): boolean;
  /** The last page that should have spilled could not be written, and stays in memory. */
  isSpillRefused(): boolean;
  /** Whether an open connection has this hub's file open: false where its path leads to another file by now. */
  isOnFile(connection: NativeConnection): boolean;
  /**
   * For a connection of rowtap's own on the file, opened without capture, with no transaction open: what it commits is ours, so that nobody
   * takes it for another program's. Until it is closed, which should be soon, statements of captured connections wait before they begin.
   * False, and nothing has changed, where one of them goes on for more than a moment, or has a transaction open.
   */
  witness(connection: NativeConnection): boolean;
  /**
   * Looks, through a connection of rowtap's own, whether somebody else has committed since ours last did; then a gap is published to every
   * reader, or, where the file keeps a log, left to be written there by our next commit, which the caller makes. Readers with a log fall where
   * other processes have written to it. The first look only remembers. Gives one of ForeignLook.
   */
  checkForeignCommits(connection: NativeConnection): number;
  /** What the last look has found is told to the readers of this process alone, since the log can't be written. */
  announceForeignCommits(): void;
  /** From which LSN on somebody of this process, in whatever thread, may still read the log; past all numbers where nobody does. */
  heldLogLsn(): number;
  /** Names, among all processes, the time from the file's first writer to its last, in which no commit of this process goes uncounted. */
  life(): string;
  /** A consumer's name is used by one subscription at a time, in whatever thread. False where it is taken. */
  takeConsumer(name: string): boolean;
  /** Frees what this object has taken, as its end does. Twice is fine. */
  freeConsumer(name: string): void;
  /** Since the hub was opened; `gaps` are those of commits by others that some reader was told of. */
  stats(): [transactions: number, changes: number, bytes: number, spilledBytes: number, gaps: number];
  /**
   * Starts reading after the last published transaction. Throws RowtapError ROWTAP_BUSY where a transaction is open that began unwatched and
   * grew too large to be kept. With a `snapshot` connection, its read transaction is opened at the same position, while no commit is in doubt;
   * for an in-memory database it is filled with a copy of the database instead (ROWTAP_BUSY while a transaction is open there). With `log`, a
   * connection that can read the file, the reader is never a laggard nor lost: its state is `behind` then, and what it misses stands in the log.
   */
  openReader(maxBufferedBytes: number, snapshot: NativeConnection | null, log: NativeConnection | null): NativeReader;
  /** One that nothing is published to; a replay feeds it. */
  openFedReader(): NativeReader;
}

/** What `checkForeignCommits` gives. */
export const ForeignLook = {
  done: 0,
  /** A transaction of this process is open which the look could disturb. */
  putOff: 1,
  /** Somebody has committed without writing the log. */
  foreignCommits: 2,
} as const;

/** Why `read` returned 0. */
export const ReaderState = { open: 0, closed: 1, laggard: 2, lost: 3, ended: 4, behind: 5 } as const;

/** One subscription's place in the stream of batches. Owned by its thread. */
export interface NativeReader {
  /** The position it started from. */
  readonly startLsn: number;
  /** Of the log's newest entry at that moment; -1 where the file keeps no log, or it was opened without one. */
  readonly logLsn: number;
  /** Of the last transaction that `read` has begun; where it started, before the first. */
  readonly lsn: number;
  /**
   * Copies whole frames (native/capture/frame.h, lib/decode/frames.ts) to the start of `target` and returns their bytes. 0: nothing waits, see `state`.
   * Negative: the next frame alone needs that many bytes. A batch begins with a frame of op `batch`.
   */
  read(target: Uint8Array): number;
  /** A handle on the batch that `read` is inside of, or has just begun. Undefined when it stands between two. */
  batch(): NativeBatch | undefined;
  /** Goes on to the end of that batch. */
  skipBatch(): void;
  /** One of ReaderState. A laggard, a lost one, and one whose source has ended still hand out what was queued before. */
  state(): number;
  /** Nothing is published to it any more; what was is still handed out. */
  end(): void;
  /** `[transactions, bytes]` that wait to be read. */
  buffered(): [transactions: number, bytes: number];
  /** Twice is fine. */
  close(): void;
}

/** The changes of one transaction, for as long as somebody holds it; any number of readers at any place. */
export interface NativeBatch {
  readonly lsn: number;
  readonly timeMs: number;
  readonly changes: number;
  readonly byteLength: number;
  /** As NativeReader.read, from a byte offset that is 0 or a sum of earlier results; the batch frame itself is not repeated. 0: the end. */
  read(offset: number, target: Uint8Array): number;
}

/** What `fill` gives; it throws SqliteError where the log can't be read at all. */
export const ReplayStatus = { more: 0, end: 1, busy: 2, noLog: 3, corrupt: 4 } as const;

/** Reads the log of a file from a position on; while it is open, the log is kept from there on. Closed with its connection at the latest. */
export interface NativeLogReplay {
  /** LSN of the last transaction that was fed, or holds nothing that is delivered. */
  readonly position: number;
  /** Of the entry that `fill` found damaged. */
  readonly corruptLsn: number;
  /** The log that is read is not the one that was read before. */
  readonly hasHistoryChanged: boolean;
  /**
   * Feeds `reader` with whole transactions up to `upToLsn`, and with gaps where some are missing; stops behind `maxBytes`, be it within one. One
   * short read transaction. Gives one of ReplayStatus.
   */
  fill(reader: NativeReader, upToLsn: number, maxBytes: number): number;
  /** Twice is fine. */
  close(): void;
}

/** The rows of one table as of the read transaction that is open on a connection, as frames of op `row`. */
export interface NativeSnapshotRows {
  readonly tableId: number;
  /** As NativeReader.read; 0 is the end. */
  read(target: Uint8Array): number;
  /** Ends the scan; twice is fine. */
  close(): void;
}

/**
 * A source of one file, the same in all threads of the process; this is one thread's hold on it. It ends with the last database that uses it,
 * and when somebody ends it; readers that were attached learn of that when they have handed out what was published before.
 */
export interface NativeSource {
  readonly name: string;
  readonly path: string;
  /** As they were given to `openSource`. */
  readonly options: string;
  readonly openedAtMs: number;
  readonly hubKey: string;
  readonly isOpen: boolean;
  /** What was given to the `end` that has ended it. */
  readonly failure: string | undefined;
  /** Those that were counted by `countGap`. */
  readonly gaps: number;
  countGap(): void;
  addUser(): void;
  /** As often as `addUser`; what is left of those is removed with this object. */
  removeUser(): void;
  /** Twice is fine: the first one counts. */
  end(failure?: string): void;
  /** `consumer` is "" for a reader without a name. */
  attach(reader: NativeReader, consumer: string): void;
  /** Readers of other threads. */
  subscriptionsElsewhere(): [consumer: string, lsn: number, transactions: number, bytes: number][];
}

export interface NativeBinding {
  Connection: new (path: string, options: NativeConnectionOptions) => NativeConnection;
  /**
   * The hub of the file that a captured connection writes. The same hub gives an object each time; `key` is equal for equal hubs. `path` is
   * absolute, as SQLite opened it; "" for what is no file.
   */
  hubOf(connection: NativeConnection): { hub: NativeHub; key: string; path: string };
  /** The same hub, for a thread that has no connection of its own to the file. */
  hubOfSource(source: NativeSource): NativeHub;
  /** With one user, as if by `addUser`. Undefined where an open source of the process has that name. */
  openSource(hub: NativeHub, name: string, path: string, options: string, openedAtMs: number): NativeSource | undefined;
  findSource(name: string): NativeSource | undefined;
  /** In the order in which they were opened. */
  allSources(): NativeSource[];
  /** `connection` is one of rowtap's own on the hub's file, with no transaction open. */
  openLogReplay(connection: NativeConnection, hub: NativeHub, position: number): NativeLogReplay;
  /** Opens a scan of `table` in storage order. `connection` is one that a reader was opened with. */
  openSnapshotRows(connection: NativeConnection, hub: NativeHub, table: string): NativeSnapshotRows;
  /**
   * `wake` is called, at most once until `endTurn`, at the end of a native call of this thread after which some reader of this thread has
   * something to read, or changed its state, and somebody waits for it; where nobody does, only when a reader has so much to read that it has to
   * be known whether it gets the chance. It schedules the reading for the end of the event-loop turn.
   */
  setWake(wake: () => void): void;
  /** Whether somebody waits for what the readers of this thread have. `wake` may be called at once: for what has come before. */
  setAwaited(isAwaited: boolean): void;
  /**
   * The readers of this thread have had their chance to read; what they leave unread now counts as lag. Allows the next `wake`. `isAwaited` as
   * in `setAwaited`.
   */
  endTurn(isAwaited: boolean): void;
  /** Constants of the frame layout as native code has them; a test compares them with lib/decode/frames.ts. */
  frameLayout: Record<string, number>;
  sqliteVersion: string;
}
