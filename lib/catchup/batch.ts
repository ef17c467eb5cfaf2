import { RowtapError } from '../errors/rowtap-error.js';
import { SqliteError } from '../errors/sqlite-error.js';
import type { CatchupDatabase, CatchupStatement } from './database.js';
import { requireNoReuse, traceForReuse } from './id-reuse.js';
import { PositionTable, type StoredPosition } from './position-table.js';
import { type SourceRow, SourceQueries } from './source-queries.js';
import { originOf, SourceTable } from './source-table.js';

export type ProcessRow = (row: SourceRow) => unknown;

/** How a batch ended. */
export type BatchOutcome =
  /** So many rows are committed; 0: none is left up to the round's maximum. */
  | { kind: 'committed'; rows: number }
  /** So many rows are committed; the work of row `id`, which threw `error`, is undone. */
  | { kind: 'failed'; rows: number; id: number; error: unknown }
  /** Nothing of it remains, because one row's failure took the others with it. A batch of `rows` is free of it, or closer to it. */
  | { kind: 'undone'; rows: number };

interface Brackets {
  begin: CatchupStatement;
  beginImmediate: CatchupStatement;
  commit: CatchupStatement;
  rollback: CatchupStatement;
  savepoint: CatchupStatement;
  release: CatchupStatement;
  rollbackTo: CatchupStatement;
}

/**
 * The life of one batch, all of it synchronous: the write lock is taken, and under it the position is read, so that of several that run under one
 * name none sees the position of another's past. A page of rows is read. Each row's work and position is one savepoint: they are kept
 * together, or undone together. What the last row looks like is noted, and the transaction committed.
 *
 * All methods throw SqliteError, of which nothing remains then, ROWTAP_CATCHUP_REFUSED and ROWTAP_IDS_REUSED.
 */
export class BatchRunner {
  readonly #database: CatchupDatabase;
  readonly #config: { name: string; maxSql: string; nextSql: string };
  readonly #positions: PositionTable;
  #source: SourceTable | undefined;
  #prepared: { brackets: Brackets; queries: SourceQueries } | undefined;

  constructor(database: CatchupDatabase, config: { name: string; maxSql: string; nextSql: string }) {
    this.#database = database;
    this.#config = config;
    this.#positions = new PositionTable(database, config.name);
  }

  position(): number {
    return this.#positions.read()?.position ?? 0;
  }

  /** The maximum of a new round; undefined where nothing is left. Takes no write lock, but for a consumer's first time. */
  beginRound(): number | undefined {
    const { brackets, queries } = this.#prepare();
    const begun = this.#inTransaction(brackets.begin, () => {
      const stored = this.#positions.read();
      return stored && { max: this.#nextMax(queries, stored) };
    });
    if (begun !== undefined) return begun.max;
    // From here on it counts for `smallestPosition`, before anything is there to be processed.
    return this.#inTransaction(brackets.beginImmediate, () => {
      const start = { position: 0, source: labelOf(this.#sourceTable(queries)), lastRow: null };
      const stored = this.#positions.read();
      if (stored === undefined) this.#positions.write(start);
      return this.#nextMax(queries, stored ?? start);
    });
  }

  /** `mayGoOn` is asked before each row. */
  run(max: number, size: number, processRow: ProcessRow, mayGoOn: () => boolean): BatchOutcome {
    const { brackets, queries } = this.#prepare();
    const batch: Batch = { start: 0, rows: 0, failure: undefined };
    try {
      this.#inTransaction(brackets.beginImmediate, () => {
        const stored = this.#positions.read() ?? { position: 0, source: null, lastRow: null };
        const source = this.#requireGoingOn(queries, stored);
        batch.start = stored.position;
        let { position } = stored;
        for (const row of queries.readPage(position, max, size)) {
          if (!mayGoOn()) break;
          batch.failure = this.#runRow(row, source, processRow);
          if (batch.failure !== undefined) break;
          position = row.id;
          batch.rows++;
        }
        if (batch.failure?.hasEndedAll === true) throw batch.failure;
        if (position === stored.position) return;
        this.#positions.write({ position, source: labelOf(source), lastRow: traceForReuse(source, position) });
      });
    } catch (error) {
      return this.#outcomeOf(error, batch, max);
    }
    const { rows, failure } = batch;
    return failure === undefined ? { kind: 'committed', rows } : { kind: 'failed', rows, id: failure.id, error: failure.error };
  }

  /** What can be known of a batch whose transaction did not end here. Throws what is no row's fault. */
  #outcomeOf(error: unknown, { start, rows }: Batch, max: number): BatchOutcome {
    if (error instanceof RowFailure) {
      // Where the function has committed, the rows before it are.
      const isUndone = rows > 0 && this.position() === start;
      return isUndone ? { kind: 'undone', rows } : { kind: 'failed', rows, id: error.id, error: error.error };
    }
    // A constraint that is checked at the commit alone (https://www.sqlite.org/foreignkeys.html#fk_deferred): some row's.
    if (!(error instanceof SqliteError) || !error.code.startsWith('SQLITE_CONSTRAINT') || rows === 0) throw error;
    if (rows > 1) return { kind: 'undone', rows: rows >> 1 };
    const [row] = this.#prepare().queries.readPage(start, max, 1);
    if (row === undefined) throw error;
    return { kind: 'failed', rows: 0, id: row.id, error };
  }

  /** One savepoint. */
  #runRow(row: SourceRow, source: SourceTable | undefined, processRow: ProcessRow): RowFailure | undefined {
    const { brackets } = this.#prepare();
    const { id } = row;
    brackets.savepoint.run();
    try {
      const result = processRow(row);
      if (isThenable(result)) throw new TypeError('the function returned a promise: the work on a row ends when it returns');
      if (!this.#database.inTransaction) throw ended();
    } catch (error) {
      return this.#undoRow(id, error);
    }
    this.#positions.write({ position: id, source: labelOf(source), lastRow: null });
    try {
      brackets.release.run();
    } catch (cause) {
      return new RowFailure(id, ended({ cause }), true);
    }
    return undefined;
  }

  #undoRow(id: number, error: unknown): RowFailure {
    // SQLite has rolled back everything (OR ROLLBACK, a full disk), or the function did.
    if (!this.#database.inTransaction) return new RowFailure(id, error, true);
    try {
      this.#prepare().brackets.rollbackTo.run();
      this.#prepare().brackets.release.run();
      return new RowFailure(id, error, false);
    } catch {
      return new RowFailure(id, error instanceof SqliteError ? error : ended({ cause: error }), true);
    }
  }

  #nextMax(queries: SourceQueries, stored: StoredPosition): number | undefined {
    const max = queries.readMax();
    this.#requireGoingOn(queries, stored, () => max);
    return max !== null && queries.hasRows(stored.position, max) ? max : undefined;
  }

  /** Throws where the position can't be trusted any more. */
  #requireGoingOn(
    queries: SourceQueries,
    stored: StoredPosition,
    readMax = (): number | null => queries.readMax(),
  ): SourceTable | undefined {
    const { name } = this.#config;
    const source = this.#sourceTable(queries);
    if (stored.source !== null && source !== undefined && stored.source.toLowerCase() !== source.label.toLowerCase()) {
      const detail = `its position is one in the table ${stored.source}, and \`nextSql\` reads ${source.label}; give this one another \`name\`, or, where the table was renamed, change "source" in \`_rowtap_catchup\``;
      throw new RowtapError('ROWTAP_CATCHUP_REFUSED', { name, detail });
    }
    requireNoReuse(name, source, stored, readMax);
    return source;
  }

  /** Asked for each time, since the schema may change. */
  #sourceTable(queries: SourceQueries): SourceTable | undefined {
    const origin = originOf(queries.next);
    if (origin === undefined) return undefined;
    if (this.#source?.isFrom(origin) !== true) this.#source = new SourceTable(this.#database, origin);
    return this.#source;
  }

  #inTransaction<Result>(begin: CatchupStatement, act: () => Result): Result {
    const { brackets } = this.#prepare();
    begin.run();
    try {
      const result = act();
      brackets.commit.run();
      return result;
    } catch (error) {
      // SQLite may have done so.
      if (this.#database.inTransaction) brackets.rollback.run();
      this.#positions.forget();
      throw error;
    }
  }

  #prepare(): { brackets: Brackets; queries: SourceQueries } {
    return (this.#prepared ??= {
      brackets: prepareBrackets(this.#database),
      queries: new SourceQueries(this.#database, this.#config),
    });
  }
}

interface Batch {
  /** The position that it began from. */
  start: number;
  /** Rows that were processed in it. */
  rows: number;
  failure: RowFailure | undefined;
}

/** Why a row's work does not count. */
class RowFailure extends Error {
  readonly id: number;
  readonly error: unknown;
  /** The transaction is over, or not ours any more. */
  readonly hasEndedAll: boolean;

  constructor(id: number, error: unknown, hasEndedAll: boolean) {
    super('a row failed');
    this.id = id;
    this.error = error;
    this.hasEndedAll = hasEndedAll;
  }
}

function prepareBrackets(database: CatchupDatabase): Brackets {
  const name = '"_rowtap_catchup_row"';
  return {
    begin: database.prepare('BEGIN'),
    beginImmediate: database.prepare('BEGIN IMMEDIATE'),
    commit: database.prepare('COMMIT'),
    rollback: database.prepare('ROLLBACK'),
    savepoint: database.prepare(`SAVEPOINT ${name}`),
    release: database.prepare(`RELEASE ${name}`),
    rollbackTo: database.prepare(`ROLLBACK TO ${name}`),
  };
}

function labelOf(source: SourceTable | undefined): string | null {
  return source?.label ?? null;
}

function ended(options?: ErrorOptions): Error {
  return new TypeError('the function ended the transaction that it runs in', options);
}

function isThenable(result: unknown): boolean {
  return Boolean(result) && typeof (result as { then?: unknown }).then === 'function';
}
