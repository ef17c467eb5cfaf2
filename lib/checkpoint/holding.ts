import type { RowtapError } from '../errors/rowtap-error.js';
import type { Checkpoint } from './checkpoint.js';
import { type Claim, isRenewalDue, type LeaseTerms } from './lease.js';

/** A consumer that is in use here, or whose end is still to be written, with what is known of its lease. */
export class Holding implements Claim {
  readonly basis: Checkpoint | undefined;
  isHeld = false;
  /** Its subscription stands. */
  isBegun = false;
  isClosing = false;
  #untilMs = 0;
  #lost: RowtapError | undefined;
  #onLost: ((error: RowtapError) => void) | undefined;

  constructor(basis: Checkpoint | undefined) {
    this.basis = basis;
  }

  /** Why it is somebody else's. */
  get lost(): RowtapError | undefined {
    return this.#lost;
  }

  isDue(terms: LeaseTerms, nowMs: number): boolean {
    return this.isBegun && !this.isClosing && (!this.isHeld || isRenewalDue(this.#untilMs, terms, nowMs));
  }

  /** Its lease has been written. */
  hold(untilMs: number): void {
    this.isHeld = true;
    this.#untilMs = untilMs;
  }

  lose(error: RowtapError): void {
    this.#lost = error;
    this.#onLost?.(error);
    this.#onLost = undefined;
  }

  onLost(call: (error: RowtapError) => void): void {
    if (this.#lost === undefined) this.#onLost = call;
    else call(this.#lost);
  }
}
