import type { NativeBatch } from '../binding/native.js';
import { ChangeDecoder, type DecoderOptions, firstWanted } from '../decode/change-decoder.js';
import { FrameBuffer } from '../decode/frame-buffer.js';
import { fromNative } from '../errors/from-native.js';
import type { Change, RowChange, Transaction } from '../model/change.js';

/** A transaction whose changes are all here. */
export class DecodedTransaction implements Transaction {
  readonly lsn: number;
  readonly time: number;
  readonly #changes: readonly Change[];

  constructor(lsn: number, time: number, changes: readonly Change[]) {
    this.lsn = lsn;
    this.time = time;
    this.#changes = changes;
  }

  get length(): number {
    return this.#changes.length;
  }

  /** Without what stands behind the first that is meant; undefined where none is. */
  upTo(isMeant: (change: Change) => boolean): DecodedTransaction | undefined {
    const at = this.#changes.findIndex(isMeant);
    return at < 0 ? undefined : new DecodedTransaction(this.lsn, this.time, this.#changes.slice(0, at + 1));
  }

  [Symbol.iterator](): Iterator<RowChange> {
    return (this.#changes as readonly RowChange[])[Symbol.iterator]();
  }
}

/** A transaction too large to be decoded at once: every iteration reads its batch anew, a buffer at a time. */
export class BatchTransaction implements Transaction {
  readonly #batch: NativeBatch;
  readonly #options: DecoderOptions;
  #length: number | undefined;

  constructor(batch: NativeBatch, options: DecoderOptions) {
    this.#batch = batch;
    this.#options = options;
    if (options.selection.isEverything) this.#length = Math.max(0, batch.changes - firstWanted(batch.lsn, options.resumeAfter));
  }

  get lsn(): number {
    return this.#batch.lsn;
  }

  get time(): number {
    return this.#batch.timeMs;
  }

  /** Where something is left out, the whole batch is looked through when it is first asked for. */
  get length(): number {
    if (this.#length === undefined) {
      this.#length = 0;
      for (const count of this.#counts()) this.#length += count;
    }
    return this.#length;
  }

  /** Whether anything passes the selection; looks no further than to the first that does. */
  hasChanges(): boolean {
    if (this.#length !== undefined) return this.#length > 0;
    for (const count of this.#counts()) if (count > 0) return true;
    return false;
  }

  *[Symbol.iterator](): Generator<RowChange, void, undefined> {
    const frames = new FrameBuffer();
    const decoder = this.#decoder();
    for (let offset = 0, read = this.#fill(frames, offset); read > 0; read = this.#fill(frames, offset)) {
      offset += read;
      const changes: Change[] = [];
      decoder.decode(frames, changes);
      yield* changes as RowChange[];
    }
  }

  *#counts(): Generator<number, void, undefined> {
    const frames = new FrameBuffer();
    const decoder = this.#decoder();
    for (let offset = 0, read = this.#fill(frames, offset); read > 0; read = this.#fill(frames, offset)) {
      offset += read;
      yield decoder.count(frames);
    }
  }

  #decoder(): ChangeDecoder {
    const decoder = new ChangeDecoder(this.#options);
    decoder.begin(this.lsn, this.time, this.#batch.changes);
    return decoder;
  }

  #fill(frames: FrameBuffer, offset: number): number {
    try {
      return frames.fill((target) => this.#batch.read(offset, target));
    } catch (error) {
      throw fromNative(error, { lsn: this.lsn });
    }
  }
}
