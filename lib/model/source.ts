import type { Change, Transaction } from './change.js';
import type { ConsumeOptions, Position, SnapshotProgress, SubscribeOptions } from './options.js';
import type { AnyTables } from './value.js';

/**
 * Handles one batch. It is done with it when it returns, or when the promise that it returns resolves. `attempt` counts from 1; the array is the
 * same in each. `signal` is aborted when the consuming is to end.
 */
export type ConsumeHandler = (changes: Change[], context: { attempt: number; signal: AbortSignal }) => void | Promise<void>;

/** Where transactions come from: one database file, seen by one engine. */
export interface Source extends AsyncDisposable {
  readonly name: string;
  info(): SourceInfo;
  /** Throws RowtapError ROWTAP_CLOSED, ROWTAP_BAD_OPTION, ROWTAP_NO_SUCH_TABLE, ROWTAP_DUPLICATE_CONSUMER, ROWTAP_NOT_WAL or ROWTAP_BUSY. */
  subscribe<Tables = AnyTables>(options?: SubscribeOptions): Subscription<Tables>;
  /**
   * Hands changes to `handler` in batches of at most `maxBatchSize` (default 50), in order, one call at a time: what there is without waiting. A
   * batch whose handler throws is retried (default: for ever, exponential back-off with jitter); one that returns is acknowledged. Resolves when
   * closed or aborted, after the handler that runs. Rejects as `subscribe` throws, with what ends a subscription, and with what the handler threw
   * at its last attempt.
   */
  consume(handler: ConsumeHandler, options: ConsumeOptions): Promise<void>;
  /**
   * Every consumer that the database has a position of, whichever process it belongs to, by name. Throws RowtapError ROWTAP_CLOSED, and ROWTAP_BUSY
   * where the database can't be read just now.
   */
  consumers(): ConsumerInfo[];
  /**
   * Forgets a consumer and its position. Waits while the database is busy. Rejects with RowtapError ROWTAP_DUPLICATE_CONSUMER while it is in use, in
   * this process or another one; ROWTAP_BAD_OPTION where there is none of that name, or the database is read-only; ROWTAP_CLOSED.
   */
  dropConsumer(consumer: string): Promise<void>;
  /** Ends its subscriptions at once; what they have not handed over is dropped. Twice is fine. */
  close(): Promise<void>;
}

export interface ConsumerInfo {
  consumer: string;
  /** Everything up to it is acknowledged; where the consumer began, before its first acknowledgement. */
  lsn: number;
  /** When its row was written last. Unix milliseconds. */
  updatedAt: number;
  /** A subscription uses it, in this process or another one. */
  isActive: boolean;
  /** The process of that subscription. */
  owner?: { host: string; pid: number };
}

export interface SourceInfo {
  name: string;
  engine: 'hook' | 'trigger';
  file: string;
  tables: string[];
  durability: 'live' | 'log';
  /** "degraded": running, but something is wrong that `error` names; it is retried. */
  state: 'running' | 'degraded' | 'failed' | 'closed';
  error?: { code: string; message: string };
  /** What is as it should be, but may surprise; left out where there is nothing. Of connections only the one that the source was given is known. */
  warnings?: { code: string; message: string }[];
  /** What this source can promise: replay after a restart; commits by other programs; rows that exist already. */
  capabilities: { replay: boolean; externalWrites: boolean; snapshot: boolean };
  /** The last published transaction. */
  lsn: number;
  /** Unix milliseconds. */
  openedAt: number;
  transactions: number;
  changes: number;
  bytes: number;
  gaps: number;
  /** Bytes that went to a temporary file. */
  spilled: number;
  subscriptions: SubscriptionInfo[];
}

export interface SubscriptionInfo {
  consumer?: string;
  /** Of the last change handed over; where it began, before the first. */
  lsn: number;
  /** How many transactions the source is ahead of it. */
  lag: number;
  /** Transactions, and their bytes, that wait to be read. */
  buffered: number;
  bufferedBytes: number;
  snapshot?: SnapshotProgress;
}

/** Changes in commit order; whole transactions, never a part of one that failed. Ends when closed; throws RowtapError when it can't go on. */
export interface Subscription<Tables = AnyTables> extends AsyncIterable<Change<Tables>>, AsyncDisposable {
  /** The position is fixed: rows of the snapshot are as of `lsn`, and every later commit will follow. Safe to await before reading. */
  readonly ready: Promise<{ lsn: number; snapshot: boolean }>;
  /**
   * The reader has taken the last row of the snapshot (at once where there is none). Never await it before reading has begun. Rejects with
   * ROWTAP_CLOSED where the subscription ends before.
   */
  readonly bootstrapped: Promise<{ lsn: number; rows: number; tables: string[] }>;
  /** The same stream, a transaction at a time; a large one is read from its buffer as it is iterated. */
  transactions(): AsyncIterable<Transaction<Tables>>;
  /**
   * Everything up to this change, or this LSN, is done with. Called while a database that a source of the file was opened or used through, in this thread, has a
   * transaction open, it is written in that transaction, and committed or rolled back with it. Throws RowtapError ROWTAP_BAD_OPTION for what was not
   * handed over, and where several have one open; ROWTAP_CLOSED; in a transaction ROWTAP_DUPLICATE_CONSUMER where another process has the consumer
   * by now, and what SQLite throws.
   */
  ack(position: Position): void;
  /** Resolves when all that was acknowledged is on disk. */
  flush(): Promise<void>;
  /** Iteration ends at once; what was not handed over is dropped. Twice is fine. */
  close(): Promise<void>;
}
