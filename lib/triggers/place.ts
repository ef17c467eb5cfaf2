import { resumeFromLog } from '../checkpoint/resume.js';
import { everyOp, maskOf, type Selection } from '../decode/selection.js';
import type { StoredProgress } from '../delivery/progress.js';
import type { ChangeStream } from '../delivery/stream-reader.js';
import { RowtapError } from '../errors/rowtap-error.js';
import type { GapReason } from '../model/change.js';
import { requireWal } from '../snapshot/journal-mode.js';
import type { CheckedSubscribeOptions } from '../sources/options.js';
import { makeTableFilter, type TableFilter } from '../sources/table-filter.js';
import type { OwnConnection } from './connection.js';
import { LogStream } from './log-stream.js';
import type { Lookout } from './lookout.js';
import { readShape, type Shape } from './shape.js';
import { TableRows } from './table-rows.js';
import type { Target } from './target.js';

/** How long a call that the application waits for waits for a lock. */
export const lockTimeoutMs = 5000;
/** How soon it is looked again where somebody had the file locked. */
export const retryMs = 5;

/** Where a subscription begins: a position, what was missed before it, and the rows as of it. */
export interface Place {
  lsn: number;
  stream: ChangeStream;
  bootstrap: TableRows | undefined;
  gap: GapReason | undefined;
}

export interface PlacesParts {
  /** Its name. */
  source: string;
  target: Target;
  lookout: Lookout;
  filter: TableFilter;
  requestTurn: () => void;
  onGap: () => void;
}

/** Finds for each subscription of a trigger source where it begins, and knows what they still need of the log. */
export class Places {
  readonly #parts: PlacesParts;
  readonly #streams = new Set<LogStream>();
  #shapes = new Map<number, Shape>();

  constructor(parts: PlacesParts) {
    this.#parts = parts;
  }

  /** What stands behind that LSN is still to be read by one of them. */
  get heldLsn(): number {
    return Math.min(Number.MAX_SAFE_INTEGER, ...[...this.#streams].map(({ lsn }) => lsn));
  }

  take(options: CheckedSubscribeOptions, stored: StoredProgress | undefined, acceptsTable: (name: string) => boolean): Place {
    const { lookout } = this.#parts;
    const tail = lookout.newest;
    const { gap, isSnapshotDue } = resumeFromLog(options.snapshot, stored, { history: lookout.history, tailLsn: tail.lsn });
    if (isSnapshotDue) return this.#takeWithSnapshot(options, acceptsTable, gap);
    const lsn = stored !== undefined && gap === undefined ? stored.lsn : tail.lsn;
    return { lsn, stream: this.#openStream(options, acceptsTable, lsn, stored?.partial), bootstrap: undefined, gap };
  }

  #takeWithSnapshot(options: CheckedSubscribeOptions, acceptsTable: (name: string) => boolean, gap: GapReason | undefined): Place {
    const { source, target } = this.#parts;
    const timeoutMs = target.isInTransaction() ? 0 : lockTimeoutMs;
    const connection = target.open({ isReadonly: true, timeoutMs });
    try {
      if (!target.isReadonly) requireWal(connection);
      const lsn = this.#openReadTransaction(connection, timeoutMs);
      const bootstrap = new TableRows({
        source,
        lsn,
        timeMs: Date.now(),
        connection,
        shapes: this.#shapesOf(connection, acceptsTable),
        integers: options.integers,
        onProgress: options.onProgress,
      });
      return { lsn, stream: this.#openStream(options, acceptsTable, lsn, undefined), bootstrap, gap };
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  /** Begins while the write lock is ours, or ends at what it sees: either way that is the commit whose LSN is given. */
  #openReadTransaction(connection: OwnConnection, timeoutMs: number): number {
    const { lookout, target } = this.#parts;
    const begin = (): number => {
      connection.exec('BEGIN');
      const row = connection.prepare(`SELECT max("id") AS "id" FROM main.${lookout.names.log}`).get();
      return Number((row as { id: number | bigint | null }).id ?? 0);
    };
    const { lsn } = target.isReadonly ? lookout.endPrivately(begin()) : lookout.endCommitWith(timeoutMs, (commit) => (begin(), commit));
    this.#parts.requestTurn();
    return lsn;
  }

  #shapesOf(connection: OwnConnection, acceptsTable: (name: string) => boolean): Omit<Shape, 'id'>[] {
    return this.#parts.lookout.tables
      .currentShapes()
      .map(({ table }) => table)
      .filter(acceptsTable)
      .map((table) => readShape(connection, table))
      .filter((shape) => shape !== undefined);
  }

  #openStream(
    options: CheckedSubscribeOptions,
    acceptsTable: (name: string) => boolean,
    lsn: number,
    partial: StoredProgress['partial'],
  ): ChangeStream {
    const { source, lookout, filter, requestTurn, onGap } = this.#parts;
    const selection: Selection = {
      acceptsTable,
      opMask: maskOf(options.ops),
      isSkippingUnchanged: options.skipUnchanged,
      isEverything:
        filter.isEverything && makeTableFilter(options).isEverything && maskOf(options.ops) === everyOp && !options.skipUnchanged,
    };
    const stream = new LogStream({
      lookout,
      decoder: { source, integers: options.integers, selection, shape: (id) => this.#shape(id) },
      lsn,
      partial,
      onGap,
      onLocked: () => void setTimeout(requestTurn, retryMs).unref(),
      onClose: (closed) => this.#streams.delete(closed),
    });
    this.#streams.add(stream);
    return { reader: stream, drain: stream };
  }

  #shape(id: number): Shape {
    const known = this.#shapes.get(id);
    if (known !== undefined) return known;
    const { tables, newest } = this.#parts.lookout;
    this.#shapes = new Map(tables.allShapes().map((shape) => [shape.id, shape]));
    const shape = this.#shapes.get(id);
    if (shape === undefined) {
      throw new RowtapError('ROWTAP_CORRUPT_LOG', { detail: `a row of it names table ${id}, which it does not describe`, lsn: newest.lsn });
    }
    return shape;
  }
}
