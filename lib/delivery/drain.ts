import { ChangeDecoder, type DecoderOptions } from '../decode/change-decoder.js';
import { FrameBuffer, readBytes } from '../decode/frame-buffer.js';
import type { Change, Transaction } from '../model/change.js';
import type { ChangeDrain, StreamReader } from './stream-reader.js';
import { BatchTransaction, DecodedTransaction } from './transaction.js';

/**
 * Moves what waits in one native reader over, a buffer at a time, as changes or as transactions. Nothing here grows with a transaction: what
 * does not fit in the buffer is handed over in slices, or as a transaction that reads its batch when it is iterated.
 */
export class Drain implements ChangeDrain {
  readonly #reader: StreamReader;
  readonly #options: DecoderOptions;
  readonly #decoder: ChangeDecoder;
  readonly #frames = new FrameBuffer();
  readonly #read: (target: Uint8Array) => number;
  /** What has been decoded of a small transaction whose end is still to be read. */
  #begun: Change[] = [];

  constructor(reader: StreamReader, options: DecoderOptions) {
    this.#reader = reader;
    this.#options = options;
    this.#decoder = new ChangeDecoder(options);
    this.#read = (target) => reader.read(target);
  }

  changes(out: Change[]): number {
    const length = this.#frames.fill(this.#read);
    if (length > 0) this.#decoder.decode(this.#frames, out);
    return length;
  }

  transactions(out: Transaction[]): number {
    const length = this.#frames.fill(this.#read);
    if (length === 0) return 0;
    const decoder = this.#decoder;
    decoder.decode(this.#frames, this.#begun, () => {
      if (this.#begun.length > 0) out.push(new DecodedTransaction(decoder.lsn, decoder.time, this.#begun.splice(0)));
    });
    if (decoder.isInside) this.#takeLarge(out);
    return length;
  }

  isFinal(event: object): boolean {
    return this.#decoder.isFinal(event);
  }

  isStandIn(gap: object): boolean {
    return this.#decoder.isStandIn(gap);
  }

  #takeLarge(out: Transaction[]): void {
    const batch = this.#reader.batch();
    if (batch === undefined || batch.byteLength <= readBytes) return;
    this.#reader.skipBatch();
    this.#decoder.abandon();
    this.#begun = [];
    const transaction = new BatchTransaction(batch, this.#options);
    if (transaction.hasChanges()) out.push(transaction);
  }
}
