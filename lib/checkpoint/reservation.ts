import type { NativeHub } from '../binding/native.js';
import type { Reservation } from './table.js';

/** LSNs of one block, some seconds' worth of the busiest writer. */
export const reservedLsns = 1_000_000;

/**
 * Up to where LSNs should be reserved now, or undefined where enough is left of the block. A hub that starts later begins above what was
 * reserved, so that no LSN that somebody may have seen comes again, whatever the clock says that LSNs start from. Renewed when half of
 * a block is used.
 */
export function nextReservation(currentLsn: number, reservedLsn: number | undefined): number | undefined {
  if (reservedLsn !== undefined && reservedLsn - currentLsn > reservedLsns / 2) return undefined;
  return currentLsn + reservedLsns;
}

/** How far the LSNs of a hub are reserved in its database. */
export class LsnReservation {
  readonly #hub: Pick<NativeHub, 'lsn' | 'raiseLsn'>;
  readonly #life: string;
  readonly #isWanted: boolean;
  #reservedLsn: number | undefined;
  #isRestored = false;

  /** `isWanted`: LSNs are handed out by the hub, so they are to be reserved before. */
  constructor(hub: Pick<NativeHub, 'lsn' | 'raiseLsn'>, life: string, isWanted: boolean) {
    this.#hub = hub;
    this.#life = life;
    this.#isWanted = isWanted;
  }

  /** What the database has has been seen. */
  get isRestored(): boolean {
    return this.#isRestored;
  }

  /** What is to be reserved now; undefined where enough is left. */
  get due(): Reservation | undefined {
    const lsn = this.#isWanted ? nextReservation(this.#hub.lsn(), this.#reservedLsn) : undefined;
    return lsn === undefined ? undefined : { lsn, life: this.#life };
  }

  /**
   * `stored` is what the database has. LSNs go on above all that may have been handed out in another life. In the same one they stay as they are,
   * for a step would look like missed changes.
   */
  restore(stored: Reservation | undefined): void {
    if (stored?.life === this.#life) this.#reservedLsn = stored.lsn;
    else if (stored !== undefined) this.#hub.raiseLsn(stored.lsn);
    this.#isRestored = true;
  }

  noteWritten({ lsn }: Reservation): void {
    this.#reservedLsn = lsn;
  }
}
