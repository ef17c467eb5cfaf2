import { pause } from '../delivery/pause.js';
import { badOption, RowtapError } from '../errors/rowtap-error.js';
import { type BatchOutcome, BatchRunner, type ProcessRow } from './batch.js';
import { type CatchupConfig, checkConfig, checkFunction, checkSignal, requireWritable } from './config.js';
import type { CatchupDatabase } from './database.js';
import { otherWork } from './other-work.js';
import { isBusy } from '../errors/is-busy.js';
import { mostRowRetries, Retries } from './retry.js';
import type { SourceRow } from './source-queries.js';
import { type OpenCommitSignal, Wake } from './wake.js';

/** What the composition root hands in. */
export interface CatchupParts {
  openSignal: OpenCommitSignal;
  /** An iterator of the application's is open on the connection, beside which nothing can be written. */
  isInUse(): boolean;
}

/**
 * Processes the rows of an append-only table once each, in the order of their ids.
 *
 * A round begins with the greatest id that there is, and ends when every row up to it is done, however many are added meanwhile; rounds follow each
 * other until one finds nothing. Between the batches of a round the event loop turns. Everything that a batch knows it reads in its own
 * transaction, so any number of threads and processes may run under one name.
 */
export class Catchup<Row, Connection extends CatchupDatabase> {
  readonly #database: Connection;
  readonly #config: Required<CatchupConfig>;
  readonly #parts: CatchupParts;
  readonly #batches: BatchRunner;

  /** Throws ROWTAP_BAD_OPTION. Nothing is read or written before the first run. */
  constructor(database: Connection, config: CatchupConfig, parts: CatchupParts) {
    this.#config = checkConfig(config);
    requireWritable(database);
    this.#database = database;
    this.#parts = parts;
    this.#batches = new BatchRunner(database, this.#config);
  }

  /**
   * Runs until nothing is left, or the signal is aborted; resolves to the number of rows processed. Rejects with RowtapError: ROWTAP_ROW_FAILED
   * where `fn` threw, with the row's `id` and the error as `cause` (its work is undone, the rows before it are kept, and the next run goes on
   * with it); ROWTAP_CATCHUP_REFUSED and ROWTAP_IDS_REUSED where rows would be lost; ROWTAP_BUSY inside a transaction; ROWTAP_BAD_OPTION;
   * ROWTAP_CLOSED; and with SqliteError. Locks of others are waited for.
   */
  async run(fn: (row: Row & { id: number }, database: Connection) => void, options: { signal?: AbortSignal } = {}): Promise<number> {
    const { signal } = options;
    if (signal !== undefined) checkSignal(signal);
    return this.#catchUp(this.#begin(fn), signal);
  }

  /** The same, then again whenever something was committed to the database, by whomever, until the signal is aborted. */
  async follow(fn: (row: Row & { id: number }, database: Connection) => void, options: { signal: AbortSignal }): Promise<number> {
    const { signal } = options ?? {};
    if (signal === undefined) throw badOption('`follow` ends when its `signal` is aborted; give it one');
    checkSignal(signal);
    const processRow = this.#begin(fn);
    let rows = await this.#catchUp(processRow, signal);
    while (!signal.aborted) {
      this.#requireOpen();
      const wake = new Wake(this.#database, this.#parts.openSignal);
      try {
        const found = await this.#catchUp(processRow, signal);
        rows += found;
        if (found === 0) await wake.wait(signal);
      } finally {
        wake.close();
      }
    }
    return rows;
  }

  /** The id of the row that was processed last under this name, by whomever; 0 before the first. */
  position(): number {
    this.#requireOpen();
    return this.#batches.position();
  }

  /** Checks what has to be so at the call, and makes of the application's function one that takes a row. */
  #begin(fn: (row: Row & { id: number }, database: Connection) => void): ProcessRow {
    checkFunction(fn);
    this.#requireOpen();
    if (this.#database.inTransaction) {
      throw new RowtapError('ROWTAP_BUSY', {
        detail: 'the database has a transaction open, and each batch of `Catchup` is one of its own',
      });
    }
    return (row: SourceRow) => fn(row as Row & SourceRow, this.#database);
  }

  async #catchUp(processRow: ProcessRow, signal: AbortSignal | undefined): Promise<number> {
    let rows = 0;
    let size = this.#config.batchSize;
    let max: number | undefined;
    const lockRetries = new Retries();
    const rowRetries = new Retries();
    const mayGoOn = (): boolean => signal?.aborted !== true;
    while (mayGoOn()) {
      const outcome = this.#step(max, size, processRow, mayGoOn);
      if (outcome.kind === 'begun') {
        if (outcome.max === undefined) return rows;
        ({ max } = outcome);
      } else if (outcome.kind === 'busy') {
        await pause(lockRetries.nextDelayMs(), signal);
      } else if (outcome.kind === 'undone') {
        size = outcome.rows;
      } else {
        rows += outcome.rows;
        lockRetries.reset();
        if (outcome.rows > 0) rowRetries.reset();
        if (outcome.kind === 'failed') {
          await this.#retryOrReject(outcome, rowRetries, signal);
        } else {
          if (outcome.rows === 0) max = undefined;
          size = Math.min(size * 2, this.#config.batchSize);
          await otherWork();
        }
      }
    }
    return rows;
  }

  #step(max: number | undefined, size: number, processRow: ProcessRow, mayGoOn: () => boolean): StepOutcome {
    this.#requireOpen();
    if (this.#database.inTransaction || this.#parts.isInUse()) return { kind: 'busy' };
    try {
      if (max === undefined) return { kind: 'begun', max: this.#batches.beginRound() };
      return this.#batches.run(max, size, processRow, mayGoOn);
    } catch (error) {
      if (isBusy(error)) return { kind: 'busy' };
      throw error;
    }
  }

  async #retryOrReject(failed: BatchOutcome & { kind: 'failed' }, retries: Retries, signal: AbortSignal | undefined): Promise<void> {
    const { id, error } = failed;
    if (isBusy(error) && retries.failures < mostRowRetries) {
      await pause(retries.nextDelayMs(), signal);
      return;
    }
    const reason = error instanceof Error ? error.message : String(error);
    throw new RowtapError('ROWTAP_ROW_FAILED', { name: this.#config.name, id, reason }, { cause: error });
  }

  #requireOpen(): void {
    if (!this.#database.open) throw new RowtapError('ROWTAP_CLOSED', { what: 'the database' });
  }
}

type StepOutcome = BatchOutcome | { kind: 'begun'; max: number | undefined } | { kind: 'busy' };
