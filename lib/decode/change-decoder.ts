import { RowtapError } from '../errors/rowtap-error.js';
import type { Change, GapEvent, RowChangeOf, SchemaEvent } from '../model/change.js';
import type { IntegerMode, SqlValue } from '../model/value.js';
import { schemaColumns } from '../schema/schema-columns.js';
import type { Catalog } from './catalog.js';
import { type FrameBuffer, highWord, lowWord } from './frame-buffer.js';
import { frameLayout, gapReasons } from './frames.js';
import type { Row } from './record.js';
import type { Selection } from './selection.js';
import type { TableReader } from './table-reader.js';

export interface DecoderOptions {
  /** The source's name, as every change bears it. */
  source: string;
  catalog: Catalog;
  integers: IntegerMode;
  selection: Selection;
  /** Of the transaction `lsn`, the changes up to and including `index` are done with: they are left out, and the others stay as they are. */
  resumeAfter?: { lsn: number; index: number } | undefined;
  /** Told of every change that could not be decoded; a GapEvent has taken its place. */
  onCorrupt: (error: RowtapError, table: string) => void;
}

/** A table as this decoder sees it. */
interface Table {
  name: string;
  isAccepted: boolean;
  reader: TableReader | undefined;
}

type DecodedRow = RowChangeOf<string, Record<string, SqlValue>>;

const { opInsert, opUpdate, opDelete, opSchema, opBatch, opGap, headerSize, offsetOp, offsetFlags, flagIndirect } = frameLayout;
const { offsetRowidBefore, offsetRowidAfter, offsetReason } = frameLayout;
const tableIdWord = frameLayout.offsetTableId >> 2;
const beforeSizeWord = frameLayout.offsetBeforeSize >> 2;
const afterSizeWord = frameLayout.offsetAfterSize >> 2;
const opNames = { [opInsert]: 'insert', [opUpdate]: 'update', [opDelete]: 'delete' } as const;

/**
 * Turns frames into changes, in order, over any number of fills of a buffer. It stands in at most one transaction at a time: a batch frame
 * (or `begin`) begins it, its last frame ends it. The last row change that passes the selection is only known at the end, so the newest one is
 * held back until the next one, or the end, is seen.
 */
export class ChangeDecoder {
  readonly #source: string;
  readonly #catalog: Catalog;
  readonly #integers: IntegerMode;
  readonly #selection: Selection;
  readonly #onCorrupt: DecoderOptions['onCorrupt'];
  readonly #resumeAfter: DecoderOptions['resumeAfter'];
  readonly #tables = new Map<number, Table>();
  #lastTableId = -1;
  #lastTable: Table | undefined;
  #lsn = 0;
  #time = 0;
  #frames = 0;
  #index = 0;
  /** Of the current transaction, the index of the first change that is wanted. */
  #firstIndex = 0;
  /** The newest row change of this transaction; it may turn out to be the last. */
  #newestRow: DecodedRow | undefined;
  /** What waits between two fills: the newest row change and the events behind it. */
  #held: Change[] = [];
  /** Events that ended their transaction; row changes say so themselves. */
  readonly #finalEvents = new WeakSet<object>();
  /** Gaps that stand in place of a change that could not be decoded. */
  readonly #standIns = new WeakSet<object>();

  constructor(options: DecoderOptions) {
    this.#source = options.source;
    this.#catalog = options.catalog;
    this.#integers = options.integers;
    this.#selection = options.selection;
    this.#onCorrupt = options.onCorrupt;
    this.#resumeAfter = options.resumeAfter;
  }

  /** Of the transaction it stands in, or stood in last. */
  get lsn(): number {
    return this.#lsn;
  }

  get time(): number {
    return this.#time;
  }

  /** The frames of the current transaction have not all been seen. */
  get isInside(): boolean {
    return this.#index < this.#frames;
  }

  /** Whether an event that this decoder made is the last of its transaction. */
  isFinal(event: object): boolean {
    return this.#finalEvents.has(event);
  }

  /** Whether a gap stands in place of a change that could not be decoded: then nothing else is missing. */
  isStandIn(gap: object): boolean {
    return this.#standIns.has(gap);
  }

  /** As a batch frame does, for a transaction whose frames come without one. Forgets what was held. */
  begin(lsn: number, time: number, frames: number): void {
    this.#lsn = lsn;
    this.#time = time;
    this.#frames = frames;
    this.#index = 0;
    this.#firstIndex = firstWanted(lsn, this.#resumeAfter);
    this.#newestRow = undefined;
    this.#held = [];
  }

  /** Goes on as after the last frame of the current transaction, whose rest is not wanted. */
  abandon(): void {
    this.begin(this.#lsn, this.#time, 0);
  }

  /**
   * Decodes what the buffer's last fill gave and appends it to `out`, except for what must be held. Calls `onEnd`, where given, after each
   * transaction that ends, when everything of it stands in `out`.
   */
  decode(frames: FrameBuffer, out: Change[], onEnd?: () => void): void {
    const { bytes, words, length } = frames;
    if (this.#held.length > 0) {
      for (const change of this.#held) out.push(change);
      this.#held = [];
    }
    let at = 0;
    while (at < length) {
      const word = at >> 2;
      const size = (words[word] as number) >>> 0;
      if (size < headerSize || at + size > length) throw new RowtapError('ROWTAP_CAPTURE_LOST', { lsn: this.#lsn });
      const op = bytes[at + offsetOp] as number;
      if (op === opBatch) {
        this.begin(wide(words, at + offsetRowidBefore), wide(words, at + offsetRowidAfter), (words[word + tableIdWord] as number) >>> 0);
      } else {
        if (this.#index >= this.#firstIndex) this.#decodeFrame(frames, at, op, out);
        if (++this.#index === this.#frames) {
          if (this.#newestRow !== undefined) {
            this.#newestRow.last = true;
            this.#newestRow = undefined;
          }
          const end = out[out.length - 1];
          if (end !== undefined && end.lsn === this.#lsn && !('last' in end)) this.#finalEvents.add(end);
          onEnd?.();
        }
      }
      at += size;
    }
    if (this.#newestRow !== undefined) this.#held = out.splice(out.lastIndexOf(this.#newestRow));
  }

  /** How many changes `decode` would give for the buffer's last fill, and goes on behind it; for a transaction that was begun without `decode`. */
  count(frames: FrameBuffer): number {
    const { bytes, words, length } = frames;
    let count = 0;
    for (let at = 0; at < length; at += (words[at >> 2] as number) >>> 0, ++this.#index) {
      if (this.#index >= this.#firstIndex && this.#passes(frames, at, bytes[at + offsetOp] as number)) ++count;
    }
    return count;
  }

  #decodeFrame(frames: FrameBuffer, at: number, op: number, out: Change[]): void {
    const word = at >> 2;
    if (op === opSchema) {
      this.#decodeSchema(frames, at, out);
      return;
    }
    if (op === opGap) {
      out.push(this.#gap(gapReasons[frames.bytes[at + offsetReason] as number] ?? 'history-changed'));
      return;
    }
    if (!this.#passes(frames, at, op)) return;
    const table = this.#table(frames.words[word + tableIdWord] as number);
    const beforeSize = (frames.words[word + beforeSizeWord] as number) >>> 0;
    const afterSize = (frames.words[word + afterSizeWord] as number) >>> 0;
    const beforeAt = at + headerSize;
    const afterAt = beforeAt + beforeSize;
    let before: Row | null = null;
    let after: Row | null = null;
    let key: Row | null;
    try {
      const reader = (table.reader ??= this.#catalog.reader(frames.words[word + tableIdWord] as number, this.#integers));
      const text = frames.textOf(at);
      if (op !== opInsert) before = reader.image(frames, text, beforeAt, beforeSize, at + offsetRowidBefore);
      if (op !== opDelete) after = reader.image(frames, text, afterAt, afterSize, at + offsetRowidAfter);
      key = reader.key((before ?? after) as Row);
    } catch (cause) {
      out.push(this.#gapInstead(table.name, cause));
      return;
    }
    const change: DecodedRow = {
      source: this.#source,
      lsn: this.#lsn,
      index: this.#index,
      time: this.#time,
      op: opNames[op as keyof typeof opNames],
      table: table.name,
      key,
      before,
      after,
      indirect: ((frames.bytes[at + offsetFlags] as number) & flagIndirect) !== 0,
      last: false,
    };
    this.#newestRow = change;
    out.push(change);
  }

  #decodeSchema(frames: FrameBuffer, at: number, out: Change[]): void {
    const word = at >> 2;
    const start = at + headerSize + ((frames.words[word + beforeSizeWord] as number) >>> 0);
    const tableId = frames.words[word + tableIdWord] as number;
    try {
      const json = frames.bytes.utf8Slice(start, start + ((frames.words[word + afterSizeWord] as number) >>> 0));
      const { change, table, sql } = JSON.parse(json) as Pick<SchemaEvent, 'change' | 'table' | 'sql'>;
      if (!this.#selection.acceptsTable(table)) return;
      const columns = change === 'drop' ? [] : schemaColumns(this.#catalog.description(tableId));
      const position = { source: this.#source, lsn: this.#lsn, index: this.#index, time: this.#time };
      out.push({ ...position, op: 'schema', table, change, columns, sql, before: null, after: null });
    } catch (cause) {
      out.push(this.#gapInstead('sqlite_schema', cause));
    }
  }

  /** Whether the change passes the selection; a change of an unknown table does, so that it is noticed. */
  #passes(frames: FrameBuffer, at: number, op: number): boolean {
    if (op === opGap) return true;
    if (op === opSchema) return this.#passesSchema(frames, at);
    const table = this.#table(frames.words[(at >> 2) + tableIdWord] as number);
    if (!table.isAccepted || ((this.#selection.opMask >> op) & 1) === 0) return false;
    return op !== opUpdate || !this.#selection.isSkippingUnchanged || !isUnchanged(frames, at);
  }

  #passesSchema(frames: FrameBuffer, at: number): boolean {
    const out: Change[] = [];
    this.#decodeSchema(frames, at, out);
    return out.length > 0;
  }

  #table(id: number): Table {
    if (id === this.#lastTableId) return this.#lastTable as Table;
    let table = this.#tables.get(id);
    if (table === undefined) {
      try {
        const { name } = this.#catalog.description(id);
        table = { name, isAccepted: this.#selection.acceptsTable(name), reader: undefined };
      } catch {
        table = { name: `(unknown table ${id})`, isAccepted: true, reader: undefined };
      }
      this.#tables.set(id, table);
    }
    this.#lastTableId = id;
    this.#lastTable = table;
    return table;
  }

  /** What can't be delivered is announced where it would have stood, and never stops the changes of other tables. */
  #gapInstead(table: string, cause: unknown): GapEvent {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const position = { lsn: this.#lsn, index: this.#index };
    this.#onCorrupt(new RowtapError('ROWTAP_CORRUPT_ROW', { table, reason, ...position }, { cause }), table);
    const gap = this.#gap('history-changed');
    this.#standIns.add(gap);
    return gap;
  }

  #gap(reason: GapEvent['reason']): GapEvent {
    const position = { source: this.#source, lsn: this.#lsn, index: this.#index, time: this.#time };
    return { ...position, op: 'gap', reason, table: null, before: null, after: null };
  }
}

/** Index of the first change of the transaction `lsn` that is handed over. */
export function firstWanted(lsn: number, resumeAfter: DecoderOptions['resumeAfter']): number {
  return resumeAfter?.lsn === lsn ? resumeAfter.index + 1 : 0;
}

/** A 64-bit number in the machine's order; LSNs and times are integers below 2^53. */
function wide(words: Int32Array, at: number): number {
  return (words[(at >> 2) + highWord] as number) * 4294967296 + ((words[(at >> 2) + lowWord] as number) >>> 0);
}

function isUnchanged(frames: FrameBuffer, at: number): boolean {
  const { bytes, words } = frames;
  const word = at >> 2;
  const size = words[word + beforeSizeWord] as number;
  if (size !== words[word + afterSizeWord]) return false;
  const rowidBefore = word + (offsetRowidBefore >> 2);
  const rowidAfter = word + (offsetRowidAfter >> 2);
  if (words[rowidBefore] !== words[rowidAfter] || words[rowidBefore + 1] !== words[rowidAfter + 1]) return false;
  const start = at + headerSize;
  return bytes.compare(bytes, start, start + size, start + size, start + size * 2) === 0;
}
