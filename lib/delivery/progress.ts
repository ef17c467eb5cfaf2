import type { RowtapError } from '../errors/rowtap-error.js';
import type { ConsumerInfo } from '../model/source.js';
import type { ApplicationTransaction } from './application-transaction.js';

/** Of the transaction `lsn`, every change up to and including `index`. */
export interface PartialTransaction {
  lsn: number;
  index: number;
}

/** What is done with, by the word of one acknowledgement. */
export interface Acknowledged {
  lsn: number;
  partial: PartialTransaction | undefined;
  /** Of the snapshot that is done with by that too. */
  snapshotLsn: number | undefined;
}

/**
 * Remembers how far one consumer is. Called by its subscription only; no call but `acknowledgeIn` throws, and none waits for the disk: what can't
 * be written now is written later, and reported to the source as degraded until then.
 */
export interface Progress {
  /**
   * Every transaction up to and including `lsn` is done with, and of the one behind it what `partial` says. Never goes back: what is no further
   * than before is ignored.
   */
  acknowledge(lsn: number, partial?: PartialTransaction): void;
  /**
   * Writes it at once, in a transaction of the application's, which it is committed or rolled back with; so it is not remembered here. Throws what
   * SQLite throws, and ROWTAP_DUPLICATE_CONSUMER where the consumer is somebody else's by now.
   */
  acknowledgeIn(transaction: ApplicationTransaction, acknowledged: Acknowledged): void;
  /** `call` is called once, when somebody else has taken the consumer over: at once where it is so already. Nothing of it is written any more. */
  onLost(call: (error: RowtapError) => void): void;
  /** The reader is done with the snapshot as of `lsn`, which is acknowledged by that too. */
  snapshotTaken(lsn: number): void;
  /** Resolves when all that was acknowledged is on disk; rejects with the error that keeps it from being written. */
  flush(): Promise<void>;
  /** Writes what is left, and frees the consumer's name. Twice is fine. Never rejects. */
  close(): Promise<void>;
}

/** What a database remembers of a consumer when it subscribes. lib/checkpoint/resume.ts decides from it how the subscription begins. */
export interface StoredProgress {
  /** Everything up to it is done with. */
  lsn: number;
  /** And of this transaction, behind `lsn`, a part. */
  partial?: PartialTransaction | undefined;
  /** A snapshot has been taken over to its end, once at least. */
  isSnapshotDone: boolean;
  /** It was written while the connection of today was open, so the hub can say what has been committed since. */
  isOfThisLife: boolean;
  /** The log that the file kept when it was written; undefined where it kept none. */
  history?: string | undefined;
}

export interface OpenedConsumer {
  /** Undefined for a new consumer. */
  stored: StoredProgress | undefined;
  progress: Progress;
  /**
   * Its subscription stands, and changes after `lsn` will follow: a new consumer is remembered from here on, even if it never acknowledges
   * anything, and its lease is taken. Throws where that can never be written (a consumer that can't be remembered must not begin), and
   * ROWTAP_DUPLICATE_CONSUMER where another process was faster. Where it can't be written just now that is done later: see `onLost`.
   */
  begin(lsn: number): void;
}

/** The consumers of one database file. Implemented by lib/checkpoint. */
export interface ProgressStore {
  /** Raises LSNs above all that were handed out in earlier lives. Throws what SQLite throws, except that it is busy: then it is done later. */
  restoreLsn(): void;
  /**
   * Takes the consumer's name and reads what is known of it; nothing is written yet. Throws ROWTAP_DUPLICATE_CONSUMER where the name is in use, here
   * or in another process, ROWTAP_BAD_OPTION where the database is read-only, and what SQLite says where it can't be read.
   */
  open(consumer: string): OpenedConsumer;
  /** All that the database knows. Throws what SQLite says where it can't be read. */
  list(): ConsumerInfo[];
  /**
   * Forgets a consumer; tried again for as long as the database is busy. Rejects with ROWTAP_DUPLICATE_CONSUMER where it is in use, here or in another
   * process, and with ROWTAP_BAD_OPTION where there is none of that name, or the database is read-only.
   */
  drop(consumer: string): Promise<void>;
  /** What keeps checkpoints from being written just now; undefined when all is well. */
  error(): { code: string; message: string } | undefined;
  /** After every Progress of it. Writes what is left. Twice is fine. Never rejects. */
  close(): Promise<void>;
}

/** For subscriptions without a consumer: nothing is kept. */
export const noProgress: Progress = {
  acknowledge() {},
  acknowledgeIn() {},
  onLost() {},
  snapshotTaken() {},
  flush: () => Promise.resolve(),
  close: () => Promise.resolve(),
};
