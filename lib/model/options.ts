import type { Change } from './change.js';
import type { Signal } from './signal.js';
import type { IntegerMode } from './value.js';

export interface SourceOptions {
  /** Unique in the process. Default: the file's base name. */
  name?: string;
  /**
   * "hook" (default): commits made through writers of this process (any number, in any of its threads). "trigger": commits made by anyone, as the
   * triggers have logged them that `installTriggers` makes.
   */
  engine?: 'hook' | 'trigger';
  /** Allow list; names or glob patterns. Default: every user table, those created later included. */
  tables?: string[];
  /** Names or glob patterns; wins over `tables`. */
  excludeTables?: string[];
  /**
   * "live" (default): nothing is written for the capture; what a crash or a restart leaves undelivered is announced as a gap. "log": each
   * transaction's changes are also stored, as a part of that transaction, in a log of the same database, from which consumers read on where they
   * stopped.
   */
  durability?: 'live' | 'log';
  /** Bytes that one open transaction may hold in memory; past it the buffer spills to a temporary file. Default 64 MiB. */
  maxTransactionMemory?: number;
  /** How long entries of the log are kept, and the most that they may take. Default: until every consumer has acknowledged them. */
  retention?: Retention;
  /** Of the trigger engine: the log that `installTriggers` was given. Default "_rowtap_changes". */
  logTable?: string;
  /** Of the trigger engine: when to look for what was committed. Default: when the file changes, with a timer of 250 ms behind it. */
  wake?: Signal;
}

export interface Retention {
  /**
   * Entries are kept this long, acknowledged or not. Without it they go when every consumer has acknowledged them, and never before.
   */
  maxAgeMs?: number;
  /** Bytes of all entries. Past it the oldest go, acknowledged or not: a consumer that still needs them gets a gap with `log-pruned`. */
  maxBytes?: number;
}

export type SnapshotMode = 'never' | 'initial' | 'always' | 'when-needed' | 'only';
export type RowOp = 'insert' | 'update' | 'delete';

export interface SubscribeOptions {
  /** Names a durable consumer: what it acknowledged is kept under this name in the database. Without it nothing is kept. */
  consumer?: string;
  /**
   * "never": only changes. "initial": rows that exist already come first; once per consumer. "always": at every subscribe.
   * "when-needed": at first, and again whenever changes may have been missed. "only": the rows, then the end.
   * Default: "when-needed" for a consumer, "never" otherwise.
   */
  snapshot?: SnapshotMode;
  /** Names or glob patterns, within what the source captures. */
  tables?: string[];
  excludeTables?: string[];
  /** Never applied to snapshot rows or events. */
  ops?: RowOp[];
  /** Leave out updates that changed no value. Default false. */
  skipUnchanged?: boolean;
  /** "auto" (default): number, or bigint where a number would lose digits. */
  integers?: IntegerMode;
  /** A subscriber that leaves more than this many bytes unread while it had its chance to read is closed with ROWTAP_LAGGARD. Default 64 MiB. */
  maxBuffered?: number;
  /** "auto" (default): asking for the next change acknowledges every transaction before the last one handed over. "manual": only `ack`. */
  ack?: 'auto' | 'manual';
  signal?: AbortSignal;
  /** Called as the snapshot proceeds, for a progress bar. */
  onProgress?: (progress: SnapshotProgress) => void;
}

export interface ConsumeOptions extends SubscribeOptions {
  /** Default 50. */
  maxBatchSize?: number;
  /**
   * After a handler that throws. `attempts`: how often it is called for one batch, default for ever. The delay grows from `minDelayMs` (default
   * 100) to `maxDelayMs` (default 30 000).
   */
  retry?: { attempts?: number; minDelayMs?: number; maxDelayMs?: number };
}

export interface SnapshotProgress {
  table: string;
  rows: number;
  totalRows: number;
  tablesDone: number;
  tables: number;
  /** Bytes of the write-ahead log that can't be reset before the snapshot ends, as of now. In memory: 0. */
  walBytes: number;
}

/** What `ack` takes: a change that was handed over, or its LSN. */
export type Position = Change | number;
