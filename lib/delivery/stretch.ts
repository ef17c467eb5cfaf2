import type { StreamState } from './stream-reader.js';

/** After so many bytes other callbacks get a turn; where more than half of the budget waits then, after what waits. */
const bytesPerStretch = 4 * 1024 * 1024;
/** Of a snapshot: pages instead. */
const pagesPerStretch = 16;

/**
 * What one subscription may read before the other callbacks of the event loop get a turn. When that is used up it pauses, and `goOn` is called
 * behind those callbacks, as a new stretch begins.
 */
export class Stretch {
  readonly #maxBuffered: number;
  readonly #goOn: () => void;
  #bytes = 0;
  #maxBytes = bytesPerStretch;
  #pages = 0;
  #pause: NodeJS.Immediate | undefined;

  /** `maxBuffered` is the budget in bytes of the subscription's reader. */
  constructor(maxBuffered: number, goOn: () => void) {
    this.#maxBuffered = maxBuffered;
    this.#goOn = goOn;
  }

  /** The rest waits for the other callbacks: nothing is to be read. */
  get isPaused(): boolean {
    return this.#pause !== undefined;
  }

  /** Whether another page of a snapshot may be read now, which counts it; false where it pauses instead. */
  takePage(): boolean {
    if (this.#pages >= pagesPerStretch) return this.#letOthersRun();
    ++this.#pages;
    return true;
  }

  /** Whether more may be read from `reader` now; false where it pauses instead. */
  mayRead(reader: Pick<StreamState, 'buffered'>): boolean {
    if (this.#bytes < this.#maxBytes) return true;
    const [, waiting] = reader.buffered();
    // More than half: reading on comes first, or it would be taken for lag. But only once: another thread may write faster than this one reads.
    const isExtended = this.#maxBytes > bytesPerStretch;
    if (isExtended || waiting <= this.#maxBuffered / 2) return this.#letOthersRun();
    this.#maxBytes = this.#bytes + waiting;
    return true;
  }

  addBytes(length: number): void {
    this.#bytes += length;
  }

  /** The reader was found empty: others run before there is more. */
  foundEmpty(): void {
    this.#bytes = 0;
    this.#maxBytes = bytesPerStretch;
  }

  /** A new stretch begins at once, if it is paused; `goOn` is not called for that. */
  endPause(): void {
    if (this.#pause === undefined) return;
    clearImmediate(this.#pause);
    this.#pause = undefined;
    this.#bytes = 0;
    this.#maxBytes = bytesPerStretch;
    this.#pages = 0;
  }

  #letOthersRun(): false {
    this.#pause = setImmediate(() => {
      this.endPause();
      this.#goOn();
    });
    return false;
  }
}
