import type { NativeBinding } from '../binding/native.js';

/** A subscription whose reader waits. */
export interface Parked {
  /** Reads, and resolves the promises that it can. */
  tryAgain(): void;
}

/**
 * When the subscriptions of this thread read. Native code says once that something has come, at the end of the call that published it, if a
 * subscription is parked; everything that is published until the event loop turns goes out together:
 *
 * 1. `wake`, inside a native call: a turn is scheduled (setImmediate).
 * 2. The turn: every parked subscription reads and resolves its promises. Their continuations are microtasks and run right behind it, with
 *    all that they read on; no other callback comes between, so nothing can be published that a reader had no chance to read, except by
 *    the readers themselves.
 * 3. When no microtask is left, `endTurn`: from here on what is unread is lag, and native code may wake again, which it does at once for what
 *    the readers published themselves.
 */
export class Turns {
  readonly #binding: Pick<NativeBinding, 'setWake' | 'setAwaited' | 'endTurn'>;
  readonly #parked = new Set<Parked>();
  #isScheduled = false;
  #isTurning = false;
  /** Requested in the middle of a turn: those who have looked already may have found nothing. */
  #isRequestedAgain = false;
  /** As native code knows it: that somebody waits is said at once, that nobody does at the end of the next turn. */
  #isAwaited = false;
  #number = 0;

  constructor(binding: Pick<NativeBinding, 'setWake' | 'setAwaited' | 'endTurn'>) {
    this.#binding = binding;
    binding.setWake(() => this.request());
  }

  /** While it stays the same, a reader that found nothing would find nothing again. */
  get number(): number {
    return this.#number;
  }

  park(subscription: Parked): void {
    this.#parked.add(subscription);
    if (this.#isAwaited || this.#isScheduled) return;
    this.#isAwaited = true;
    this.#binding.setAwaited(true);
  }

  unpark(subscription: Parked): void {
    this.#parked.delete(subscription);
  }

  /** Lets every parked subscription try again soon. */
  request(): void {
    ++this.#number;
    if (this.#isTurning) this.#isRequestedAgain = true;
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => this.#turn());
  }

  #turn(): void {
    ++this.#number;
    this.#isTurning = true;
    for (const subscription of [...this.#parked]) subscription.tryAgain();
    // A tick that a microtask asks for comes when all microtasks are done.
    queueMicrotask(() => process.nextTick(() => this.#endTurn()));
  }

  #endTurn(): void {
    ++this.#number;
    this.#isTurning = false;
    this.#isScheduled = false;
    this.#isAwaited = this.#parked.size > 0;
    this.#binding.endTurn(this.#isAwaited);
    if (!this.#isRequestedAgain) return;
    this.#isRequestedAgain = false;
    this.request();
  }
}
