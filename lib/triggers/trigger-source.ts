import { openCheckpoints } from '../checkpoint/checkpoints.js';
import { type ApplicationTransaction, openTransactionOf } from '../delivery/application-transaction.js';
import { consume } from '../delivery/consume.js';
import { KeptAlive } from '../delivery/keep-alive.js';
import { noProgress, type OpenedConsumer, type ProgressStore } from '../delivery/progress.js';
import { StreamSubscription } from '../delivery/subscription.js';
import type { Restart } from '../delivery/supply.js';
import type { Turns } from '../delivery/turns.js';
import { isBusy } from '../errors/is-busy.js';
import { RowtapError } from '../errors/rowtap-error.js';
import type { GapEvent, GapReason } from '../model/change.js';
import type { ConsumeHandler, Source, SourceInfo } from '../model/source.js';
import { listUserTables } from '../schema/user-tables.js';
import { fileSignal } from '../signals/file-signal.js';
import type { Signal } from '../model/signal.js';
import { timerSignal } from '../signals/timer-signal.js';
import { anySignal } from '../signals/any-signal.js';
import type { CheckedConsumeOptions, CheckedSourceOptions, CheckedSubscribeOptions } from '../sources/options.js';
import { SourceCalls } from '../sources/source-calls.js';
import type { SourceSubscription } from '../sources/source-subscription.js';
import { hasPlainName, makeTableFilter, requireTables, type TableFilter } from '../sources/table-filter.js';
import { Database as Writer } from '../writer/database.js';
import { notInstalled } from './installed.js';
import { LogPruner } from './log-pruner.js';
import { Lookout } from './lookout.js';
import { logNames } from './log-names.js';
import { lockTimeoutMs, type Place, Places, retryMs } from './place.js';
import { replacesSilently, type Target } from './target.js';

export interface TriggerSourceParts {
  name: string;
  target: Target;
  options: CheckedSourceOptions;
  turns: Turns;
  /** Called once, when it is closed. */
  onClose(source: TriggerSource): void;
}

/** How often it is looked whatever other signals say, and where they have failed. */
const lookMs = 250;
const checkpointTimeoutMs = 5;

const unnamedConsumer: OpenedConsumer = { stored: undefined, progress: noProgress, begin: () => {} };

/** The changes that triggers have logged, whoever made them: a source like any other. */
export class TriggerSource extends SourceCalls implements Source {
  readonly name: string;
  readonly filter: TableFilter;
  readonly #parts: TriggerSourceParts;
  readonly #turns: KeptAlive;
  readonly #lookout: Lookout;
  readonly #store: ProgressStore;
  readonly #places: Places;
  readonly #pruner: LogPruner | undefined;
  readonly #subscriptions = new Set<StreamSubscription>();
  readonly #consumerNames = new Set<string>();
  readonly #openedAtMs = Date.now();
  #signal: Signal | undefined;
  #signalError: RowtapError | undefined;
  #retry: NodeJS.Timeout | undefined;
  /** Longer while a subscription begins, which its caller waits for. */
  #storeTimeoutMs = checkpointTimeoutMs;
  #gaps = 0;
  #tables: string[] = [];
  #isClosed = false;

  /** Throws ROWTAP_NOT_INSTALLED and ROWTAP_NO_SUCH_TABLE, and what SQLite throws. */
  constructor(parts: TriggerSourceParts) {
    super();
    this.name = parts.name;
    this.filter = makeTableFilter(parts.options);
    this.#parts = parts;
    this.#turns = new KeptAlive(parts.turns);
    const { target, options } = parts;
    this.#lookout = new Lookout(target, logNames(options.logTable));
    try {
      this.#lookout.patiently(lockTimeoutMs, () => {
        this.#lookout.open();
        this.#requireTables(options.tables, 'the database');
        this.#tables = this.tables();
      });
    } catch (error) {
      this.#lookout.close();
      throw inWords(error);
    }
    this.#store = openCheckpoints({
      isMemory: false,
      hub: {
        lsn: () => this.lsn,
        raiseLsn: () => {},
        isThreadInTransaction: () => target.isInTransaction(),
        life: () => this.#lookout.history,
        takeConsumer: (consumer) => !this.#consumerNames.has(consumer) && this.#consumerNames.add(consumer) !== undefined,
        freeConsumer: (consumer) => void this.#consumerNames.delete(consumer),
      },
      isReadonly: target.isReadonly,
      connect: () => {
        const connection = target.open({ isReadonly: target.isReadonly, timeoutMs: this.#storeTimeoutMs });
        return Object.assign(connection, { claim: () => true }) as never;
      },
      history: () => this.#lookout.history,
      reservesLsns: false,
    });
    this.#places = new Places({
      source: this.name,
      target,
      lookout: this.#lookout,
      filter: this.filter,
      requestTurn: () => parts.turns.request(),
      onGap: () => ++this.#gaps,
    });
    // Who keeps all leaves pruning to others, and does not lock the file for it.
    const { maxAgeMs = 0, maxBytes } = options.retention;
    if (!target.isReadonly && (maxAgeMs < Date.now() || maxBytes !== undefined)) {
      this.#pruner = new LogPruner({
        names: this.#lookout.names,
        retention: options.retention,
        connect: () => target.open({ isReadonly: false, timeoutMs: checkpointTimeoutMs }),
        heldLsn: () => this.#places.heldLsn,
        isInTransaction: () => target.isInTransaction(),
      });
    }
    this.#watch(options.wake ?? anySignal(fileSignal(target.path), timerSignal(lookMs)));
  }

  get isOpen(): boolean {
    return !this.#isClosed;
  }

  get lsn(): number {
    return this.#lookout.newest.lsn;
  }

  get path(): string {
    return this.#parts.target.path;
  }

  /** Those that have triggers, and are its own. */
  tables(): string[] {
    return this.#lookout.tables
      .currentShapes()
      .map(({ table }) => table)
      .filter((table) => this.filter.accepts(table));
  }

  info(): SourceInfo {
    const { name, lsn, path } = this;
    const error = this.#error();
    const warnings = this.#warnings();
    return {
      name,
      engine: 'trigger',
      file: path,
      tables: this.#tables,
      durability: 'log',
      state: this.#isClosed ? 'closed' : error === undefined ? 'running' : 'degraded',
      ...(error === undefined ? {} : { error: { code: error.code, message: error.message } }),
      ...(warnings.length === 0 ? {} : { warnings }),
      capabilities: { replay: true, externalWrites: true, snapshot: true },
      lsn,
      openedAt: this.#openedAtMs,
      ...this.#lookout.counted(),
      gaps: this.#gaps,
      spilled: 0,
      subscriptions: [...this.#subscriptions].map((subscription) => subscription.info()),
    };
  }

  protected override handOver(subscription: SourceSubscription, handler: ConsumeHandler, options: CheckedConsumeOptions): Promise<void> {
    return consume(subscription, handler, options);
  }

  protected override consumerStore(): ProgressStore {
    return this.#store;
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#retry);
    this.#pruner?.close();
    await this.#signal?.[Symbol.asyncDispose]();
    await Promise.all([...this.#subscriptions].map((subscription) => subscription.close()));
    await this.#store.close();
    this.#lookout.close();
    this.#parts.onClose(this);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #error(): { code: string; message: string } | undefined {
    const trouble = this.#lookout.error ?? this.#signalError ?? this.#store.error() ?? this.#pruner?.error();
    if (trouble !== undefined || this.#isClosed) return trouble;
    try {
      this.#tables = this.tables();
      const missing = this.#lookout.isForAll ? this.#tablesWithoutTriggers() : [];
      if (missing.length > 0) return notInstalled(`table ${missing.join(', ')}: created later, and has no triggers`, this.path);
    } catch (error) {
      return this.#lookout.explain(error) as Error & { code: string };
    }
    return undefined;
  }

  #warnings(): { code: string; message: string }[] {
    if (this.#isClosed || !replacesSilently(this.#parts.target)) return [];
    const { code, message } = new RowtapError('ROWTAP_REPLACES_SILENTLY');
    return [{ code, message }];
  }

  #tablesWithoutTriggers(): string[] {
    const installed = new Set(this.#lookout.tables.currentShapes().map(({ table }) => table));
    return listUserTables(this.#lookout.connection).filter((table) => this.filter.accepts(table) && !installed.has(table));
  }

  /** Throws ROWTAP_NO_SUCH_TABLE for a name that no table has, and ROWTAP_NOT_INSTALLED for one of a table without triggers. */
  #requireTables(tables: readonly string[] | undefined, scope: string): void {
    if (!hasPlainName(tables)) return;
    const installed = this.#lookout.tables.currentShapes().map(({ table }) => table);
    const existing = listUserTables(this.#lookout.connection);
    requireTables(
      tables,
      [...new Set([...existing, ...installed])].filter((table) => this.filter.accepts(table)),
      scope,
    );
    try {
      requireTables(tables, installed, scope);
    } catch {
      const plain = (tables ?? []).filter((table) => existing.includes(table) && !installed.includes(table));
      throw notInstalled(`table ${plain.join(', ')} has no triggers`, this.path);
    }
  }

  #watch(signal: Signal): void {
    this.#signal = signal;
    const fail = (error: Error): void => {
      if (this.#isClosed || this.#signal !== signal) return;
      this.#signalError = new RowtapError('ROWTAP_SIGNAL_FAILED', { reason: error.message }, { cause: error });
      void signal[Symbol.asyncDispose]();
      this.#watch(timerSignal(lookMs));
    };
    try {
      signal.start(() => this.#look(), fail);
    } catch (error) {
      fail(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #look(): void {
    // What a transaction of this thread has written is not committed, and its end is seen by the next look.
    if (this.#isClosed) return;
    clearTimeout(this.#retry);
    if (this.#lookout.look()) this.#parts.turns.request();
    if (this.#lookout.isBlocked) this.#retry = setTimeout(() => this.#look(), retryMs).unref();
  }

  protected override openSubscription(options: CheckedSubscribeOptions): StreamSubscription {
    const timeoutMs = this.#parts.target.isInTransaction() ? 0 : lockTimeoutMs;
    this.#storeTimeoutMs = Math.max(timeoutMs, checkpointTimeoutMs);
    try {
      return this.#lookout.patiently(timeoutMs, () => this.#openNow(options));
    } catch (error) {
      throw inWords(this.#lookout.explain(error));
    } finally {
      this.#storeTimeoutMs = checkpointTimeoutMs;
    }
  }

  #openNow(options: CheckedSubscribeOptions): StreamSubscription {
    this.#requireTables(options.tables, `the source "${this.name}"`);
    const { consumer } = options;
    const acceptsTable = this.#acceptorFor(options);
    const isOnlySnapshot = options.snapshot === 'only';
    let opened: OpenedConsumer | undefined;
    let place: Place | undefined;
    // What it finds is news to the other subscriptions as well.
    this.#look();
    try {
      opened = consumer === undefined ? unnamedConsumer : this.#store.open(consumer);
      place = this.#places.take(options, opened.stored, acceptsTable);
      const { lsn, stream, bootstrap, gap } = place;
      if (isOnlySnapshot) stream.reader.close();
      opened.begin(lsn);
      if (gap !== undefined) ++this.#gaps;
      const subscription = new StreamSubscription({
        consumer,
        startLsn: lsn,
        events: gap === undefined ? [] : [this.#gapEvent(lsn, gap)],
        bootstrap,
        stream: isOnlySnapshot ? undefined : stream,
        integers: options.integers,
        acceptsTable,
        isReplacing: true,
        beginAgain:
          options.snapshot === 'when-needed'
            ? (): Restart => this.#places.take({ ...options, snapshot: 'always' }, undefined, acceptsTable) as Restart
            : undefined,
        progress: opened.progress,
        ack: options.ack,
        maxBuffered: options.maxBuffered,
        signal: options.signal,
        turns: this.#turns,
        openTransaction: () => this.#openTransaction(),
        sourceLsn: () => this.lsn,
        failure: () => undefined,
        onClose: (closed) => this.#subscriptions.delete(closed),
      });
      if (!subscription.isClosed) this.#subscriptions.add(subscription);
      return subscription;
    } catch (error) {
      place?.stream.reader.close();
      place?.bootstrap?.close();
      void opened?.progress.close();
      throw error;
    }
  }

  #acceptorFor(options: CheckedSubscribeOptions): (name: string) => boolean {
    const lists = makeTableFilter(options);
    return (name) => this.filter.accepts(name) && lists.accepts(name);
  }

  #openTransaction(): ApplicationTransaction | undefined {
    const { given } = this.#parts.target;
    if (given === undefined) return undefined;
    if (given instanceof Writer) return openTransactionOf([given]);
    return this.#parts.target.isInTransaction() ? (given as ApplicationTransaction) : undefined;
  }

  #gapEvent(lsn: number, reason: GapReason): GapEvent {
    return { source: this.name, lsn, index: 0, time: Date.now(), op: 'gap', reason, table: null, before: null, after: null };
  }
}

/** A lock that was waited for in vain. */
function inWords(error: unknown): unknown {
  if (!isBusy(error)) return error;
  const detail = 'the log can not be read while a transaction is open, or another program has the database locked';
  return new RowtapError('ROWTAP_BUSY', { detail }, { cause: error });
}
