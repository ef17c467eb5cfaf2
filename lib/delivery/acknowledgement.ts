import { badOption, RowtapError } from '../errors/rowtap-error.js';
import type { Change } from '../model/change.js';
import type { ApplicationTransaction } from './application-transaction.js';
import type { PartialTransaction, Progress } from './progress.js';

/**
 * What a reader is done with, by the rule of its `ack` option, told to its Progress.
 *
 * "auto": who asks for the next one is done with every transaction before the last one handed over, and with the snapshot once its last row was
 * handed over. "manual": only what `explicit` is given.
 */
export class Acknowledgement {
  readonly #progress: Progress;
  readonly #isAuto: boolean;
  /** Of the snapshot, where there is one. Nothing is acknowledged before it is taken: whoever stops inside needs a new one. */
  readonly #snapshotLsn: number | undefined;
  #isSnapshotHandedOver = false;
  /** Its last change, once that is known: an event of an empty table can stand there, which does not say so itself. */
  #snapshotEnd: Change | undefined;
  /** The furthest of it that was given to `explicit`: it can turn out to be the end. */
  #givenInSnapshot: Change | undefined;
  #isSnapshotTaken: boolean;
  #handedOver: number;
  /** "auto": something to tell when the next one is asked for. */
  isDue = false;

  constructor(progress: Progress, mode: 'auto' | 'manual', startLsn: number, hasSnapshot: boolean) {
    this.#progress = progress;
    this.#isAuto = mode === 'auto';
    this.#snapshotLsn = hasSnapshot ? startLsn : undefined;
    this.#isSnapshotTaken = !hasSnapshot;
    this.#handedOver = startLsn;
  }

  /** LSN of the last change handed over; where the subscription began, before the first. */
  get handedOver(): number {
    return this.#handedOver;
  }

  /** The first change of another transaction is handed over. */
  moveTo(lsn: number): void {
    this.#handedOver = lsn;
    this.isDue = this.#isAuto;
  }

  /** All of the snapshot has been handed over; `end` is its last change. */
  snapshotHandedOver(end: Change | undefined): void {
    this.#isSnapshotHandedOver = true;
    this.#snapshotEnd = end;
    this.isDue = this.#isAuto;
    if (end !== undefined && end === this.#givenInSnapshot) this.#takeSnapshot();
  }

  /** The reader asks for the next one. To be called where `isDue`. */
  asked(): void {
    this.isDue = false;
    if (!this.#isSnapshotTaken) {
      if (this.#isSnapshotHandedOver) this.#takeSnapshot();
      return;
    }
    this.#progress.acknowledge(this.#handedOver - 1);
  }

  /**
   * `ack`; in a `transaction` of the application's, where one is given: then nothing is remembered here, since that may be rolled back. Throws
   * ROWTAP_BAD_OPTION for what is no position, or has not been handed over. An older one than before is ignored.
   */
  explicit(position: unknown, isFinal: (event: object) => boolean, transaction?: ApplicationTransaction): void {
    const lsn = typeof position === 'object' && position !== null ? (position as { lsn?: unknown }).lsn : position;
    if (typeof lsn !== 'number' || !Number.isSafeInteger(lsn) || lsn < 0) {
      throw badOption('`ack` takes a change that was handed over, or its `lsn`');
    }
    if (lsn > this.#handedOver) {
      throw badOption(`\`ack(${lsn})\`: that has not been handed over yet; the last one handed over has LSN ${this.#handedOver}`);
    }
    const isWhole = typeof position === 'number' || position === this.#snapshotEnd || endsTransaction(position as Change, isFinal);
    const snapshotLsn = this.#snapshotLsn;
    if (snapshotLsn !== undefined && lsn <= snapshotLsn) {
      const isEnd = isWhole && lsn === snapshotLsn && this.#isSnapshotHandedOver;
      if (transaction !== undefined) {
        if (isEnd) this.#progress.acknowledgeIn(transaction, { lsn, partial: undefined, snapshotLsn });
        return;
      }
      if (typeof position === 'object' && lsn === snapshotLsn) this.#noteInSnapshot(position as Change);
      if (isEnd) this.#takeSnapshot();
      return;
    }
    const partial = isWhole ? undefined : partUpTo(position as Change);
    const wholeLsn = isWhole ? lsn : lsn - 1;
    if (transaction !== undefined) {
      this.#progress.acknowledgeIn(transaction, { lsn: wholeLsn, partial, snapshotLsn });
      return;
    }
    this.#takeSnapshot();
    this.#progress.acknowledge(wholeLsn, partial);
  }

  #noteInSnapshot(change: Change): void {
    if (this.#givenInSnapshot === undefined || change.index > this.#givenInSnapshot.index) this.#givenInSnapshot = change;
  }

  #takeSnapshot(): void {
    if (this.#isSnapshotTaken || this.#snapshotLsn === undefined) return;
    this.#isSnapshotTaken = true;
    this.#progress.snapshotTaken(this.#snapshotLsn);
  }
}

/** Events do not say whether they stand at the end; their subscription knows. */
function endsTransaction(position: Change, isFinal: (event: object) => boolean): boolean {
  return 'last' in position ? position.last : isFinal(position);
}

/** What stands before it in its transaction, and itself. */
function partUpTo({ lsn, index }: Change): PartialTransaction | undefined {
  return Number.isSafeInteger(index) && index >= 0 ? { lsn, index } : undefined;
}

export function closedSubscription(): RowtapError {
  return new RowtapError('ROWTAP_CLOSED', { what: 'the subscription' });
}
