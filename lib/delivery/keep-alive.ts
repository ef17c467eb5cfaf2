import type { Parked, Turns } from './turns.js';

/** Timers know no longer ones (https://nodejs.org/api/timers.html#settimeoutcallback-delay-args). */
const longestDelayMs = 2 ** 31 - 1;

/** Turns that keep the process running while somebody waits in them: for what other programs do, of which nothing in this one is a sign. */
export class KeptAlive implements Pick<Turns, 'number' | 'park' | 'unpark'> {
  readonly #turns: Pick<Turns, 'number' | 'park' | 'unpark'>;
  readonly #waiting = new Set<Parked>();
  #timer: NodeJS.Timeout | undefined;

  constructor(turns: Pick<Turns, 'number' | 'park' | 'unpark'>) {
    this.#turns = turns;
  }

  get number(): number {
    return this.#turns.number;
  }

  park(subscription: Parked): void {
    this.#waiting.add(subscription);
    this.#timer ??= setInterval(() => {}, longestDelayMs);
    this.#turns.park(subscription);
  }

  unpark(subscription: Parked): void {
    this.#waiting.delete(subscription);
    if (this.#waiting.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
    this.#turns.unpark(subscription);
  }
}
