/** A reader fed by the test, with frames of its own encoder: delivery is tested without the addon, in every state a reader can have. */
import { type NativeBatch, ReaderState } from '../../lib/binding/native.js';
import { Catalog } from '../../lib/decode/catalog.js';
import type { DecoderOptions } from '../../lib/decode/change-decoder.js';
import { frameLayout } from '../../lib/decode/frames.js';
import { everyOp, type Selection } from '../../lib/decode/selection.js';
import { type Acknowledged, noProgress, type PartialTransaction, type Progress } from '../../lib/delivery/progress.js';
import { Drain } from '../../lib/delivery/drain.js';
import { StreamSubscription, type SubscriptionParts } from '../../lib/delivery/subscription.js';
import type { StreamReader } from '../../lib/delivery/stream-reader.js';
import { Turns } from '../../lib/delivery/turns.js';
import type { RowChange } from '../../lib/model/change.js';
import type { RowtapError } from '../../lib/errors/rowtap-error.js';
import { describeTable, encodeBatch, encodeFrame, encodeRecord, encodeSchema } from '../decode/frame-encoder.js';

interface FedBatch {
  lsn: number;
  timeMs: number;
  head: Buffer;
  frames: Buffer[];
}

function copyFrames(frames: Buffer[], from: number, target: Uint8Array, at = 0): { count: number; bytes: number } {
  let bytes = 0;
  let count = 0;
  while (from + count < frames.length) {
    const frame = frames[from + count] as Buffer;
    if (at + bytes + frame.length > target.length) break;
    target.set(frame, at + bytes);
    bytes += frame.length;
    ++count;
  }
  return { count, bytes };
}

const sizeOf = (frames: Buffer[]): number => frames.reduce((sum, frame) => sum + frame.length, 0);

export class HandFedReader implements StreamReader {
  readonly startLsn: number;
  readonly batches: FedBatch[] = [];
  isClosed = false;
  finalState: number = ReaderState.open;
  #frame = 0;
  #hasBegun = false;

  constructor(startLsn: number) {
    this.startLsn = startLsn;
  }

  read(target: Uint8Array): number {
    let written = 0;
    for (let batch = this.batches[0]; batch !== undefined; batch = this.batches[0]) {
      if (!this.#hasBegun) {
        if (written + batch.head.length > target.length) break;
        target.set(batch.head, written);
        written += batch.head.length;
        this.#hasBegun = true;
      }
      const { count, bytes } = copyFrames(batch.frames, this.#frame, target, written);
      this.#frame += count;
      written += bytes;
      if (this.#frame < batch.frames.length) {
        if (written === 0) return -(batch.frames[this.#frame] as Buffer).length;
        break;
      }
      this.#nextBatch();
    }
    return written;
  }

  batch(): NativeBatch | undefined {
    const batch = this.batches[0];
    if (batch === undefined || !this.#hasBegun) return undefined;
    return {
      lsn: batch.lsn,
      timeMs: batch.timeMs,
      changes: batch.frames.length,
      byteLength: sizeOf(batch.frames),
      read(offset, target) {
        let from = 0;
        for (let at = 0; at < offset; ++from) at += (batch.frames[from] as Buffer).length;
        const { bytes } = copyFrames(batch.frames, from, target);
        return bytes === 0 && from < batch.frames.length ? -(batch.frames[from] as Buffer).length : bytes;
      },
    };
  }

  skipBatch(): void {
    this.#nextBatch();
  }

  state(): number {
    return this.isClosed ? ReaderState.closed : this.finalState;
  }

  buffered(): [number, number] {
    return [this.batches.length, this.batches.reduce((sum, { frames }) => sum + sizeOf(frames), 0)];
  }

  end(): void {
    if (this.finalState === ReaderState.open) this.finalState = ReaderState.ended;
  }

  close(): void {
    this.isClosed = true;
    this.batches.length = 0;
  }

  #nextBatch(): void {
    this.batches.shift();
    this.#frame = 0;
    this.#hasBegun = false;
  }
}

export const tables = [
  describeTable('numbers', [{ name: 'id', affinity: 'integer' }, 'text'], { rowidColumn: 0, key: [0] }),
  describeTable('others', [{ name: 'id', affinity: 'integer' }, 'text'], { rowidColumn: 0, key: [0] }),
];
export const numbers = 1;
export const others = 2;

/** A row of a snapshot of `numbers`. */
export const row = (id: number, last = false): RowChange => ({
  source: 'test',
  lsn: 100,
  index: id,
  time: 5,
  op: 'snapshot',
  table: 'numbers',
  key: { id },
  before: null,
  after: { id },
  indirect: false,
  last,
});

const asciiFlag = (text: string): number => (Buffer.byteLength(text) === text.length ? frameLayout.flagAscii : 0);

export const insert = (id: number, text = `text ${id}`, tableId = numbers): Buffer =>
  encodeFrame({ op: frameLayout.opInsert, flags: asciiFlag(text), tableId, rowidAfter: BigInt(id), after: encodeRecord([null, text]) });
export const update = (id: number, from: string, to: string, tableId = numbers): Buffer =>
  encodeFrame({
    op: frameLayout.opUpdate,
    flags: frameLayout.flagAscii,
    tableId,
    rowidBefore: BigInt(id),
    rowidAfter: BigInt(id),
    before: encodeRecord([null, from]),
    after: encodeRecord([null, to]),
  });
export const remove = (id: number, tableId = numbers): Buffer =>
  encodeFrame({
    op: frameLayout.opDelete,
    flags: frameLayout.flagAscii,
    tableId,
    rowidBefore: BigInt(id),
    before: encodeRecord([null, 'gone']),
  });
export const undecodable = (tableId = numbers): Buffer => encodeFrame({ op: frameLayout.opInsert, tableId, after: Buffer.from([9, 9]) });
export const alter = (tableId = numbers): Buffer =>
  encodeSchema(tableId, 'alter', (tables[tableId - 1] as { name: string }).name, 'CREATE TABLE …');

export const everything: Selection = { acceptsTable: () => true, opMask: everyOp, isSkippingUnchanged: false, isEverything: true };

/** A subscription on a hand-fed reader, and the wake that native code would call. */
export class Fixture {
  readonly reader: HandFedReader;
  readonly subscription: StreamSubscription;
  readonly corrupt: RowtapError[] = [];
  readonly startLsn = 100;
  turnsEnded = 0;
  closed = 0;
  lsn = this.startLsn;
  #wake: () => void = () => {};
  #isWakeDue = false;
  #isScheduled = false;

  constructor(parts: Partial<SubscriptionParts> = {}, selection: Partial<Selection> = {}, resumeAfter?: DecoderOptions['resumeAfter']) {
    this.reader = new HandFedReader(this.startLsn);
    const turns = new Turns({
      setWake: (wake) => {
        this.#wake = wake;
      },
      setAwaited: () => {},
      endTurn: () => {
        ++this.turnsEnded;
        this.#isScheduled = false;
        this.#flushWake();
      },
    });
    const decoder: DecoderOptions = {
      source: 'test',
      catalog: new Catalog((id) => JSON.stringify(tables[id - 1])),
      integers: 'auto',
      selection: { ...everything, ...selection },
      resumeAfter,
      onCorrupt: (error) => this.corrupt.push(error),
    };
    this.subscription = new StreamSubscription({
      consumer: undefined,
      startLsn: this.startLsn,
      events: [],
      bootstrap: undefined,
      stream: { reader: this.reader, drain: new Drain(this.reader, decoder) },
      integers: decoder.integers,
      acceptsTable: decoder.selection.acceptsTable,
      beginAgain: undefined,
      progress: noProgress,
      ack: 'auto',
      maxBuffered: 64 * 1024 * 1024,
      signal: undefined,
      turns,
      openTransaction: () => undefined,
      sourceLsn: () => this.lsn,
      failure: () => undefined,
      onClose: () => {
        ++this.closed;
      },
      ...parts,
    });
  }

  /** One commit, as native code publishes it. */
  commit(...frames: Buffer[]): number {
    this.lsn += 1;
    const [head, ...rest] = encodeBatch(this.lsn, 1_700_000_000_000 + this.lsn, frames);
    this.reader.batches.push({ lsn: this.lsn, timeMs: 1_700_000_000_000 + this.lsn, head: head as Buffer, frames: rest });
    this.#isWakeDue = true;
    this.#flushWake();
    return this.lsn;
  }

  /** The reader becomes a laggard, or loses something. */
  stop(state: number): void {
    this.reader.finalState = state;
    this.#isWakeDue = true;
    this.#flushWake();
  }

  #flushWake(): void {
    if (!this.#isWakeDue || this.#isScheduled) return;
    this.#isWakeDue = false;
    this.#isScheduled = true;
    this.#wake();
  }
}

/** Writes down what it is told. */
export class NotedProgress implements Progress {
  readonly notes: string[] = [];
  lose!: (error: RowtapError) => void;
  acknowledge(lsn: number, partial?: PartialTransaction): void {
    this.notes.push(`acknowledge ${lsn}${partial === undefined ? '' : `, ${partial.lsn} up to index ${partial.index}`}`);
  }
  acknowledgeIn(_: unknown, { lsn, partial, snapshotLsn }: Acknowledged): void {
    this.notes.push(`in the transaction: ${[lsn, partial?.lsn, partial?.index, snapshotLsn].join(' ')}`);
  }
  onLost(call: (error: RowtapError) => void): void {
    this.lose = call;
  }
  snapshotTaken(lsn: number): void {
    this.notes.push(`snapshot ${lsn}`);
  }
  flush(): Promise<void> {
    this.notes.push('flush');
    return Promise.resolve();
  }
  close(): Promise<void> {
    this.notes.push('close');
    return Promise.resolve();
  }
}

/** The next `count` of an iteration, which is left open. */
export async function take<T>(iterable: AsyncIterable<T>, count: number): Promise<T[]> {
  const iterator = iterable[Symbol.asyncIterator]();
  const taken: T[] = [];
  for (let i = 0; i < count; ++i) {
    const { value, done } = await iterator.next();
    if (done === true) break;
    taken.push(value);
  }
  return taken;
}
