import type { NativeHub, NativeSource } from '../binding/native.js';
import type { RowtapErrorCode } from '../errors/codes.js';
import { RowtapError } from '../errors/rowtap-error.js';
import { SqliteError } from '../errors/sqlite-error.js';
import type { ConsumeHandler, Source, SourceInfo, SubscriptionInfo } from '../model/source.js';
import type { CheckedConsumeOptions, CheckedSourceOptions, CheckedSubscribeOptions } from './options.js';
import { type ConsumerStore, SourceCalls } from './source-calls.js';
import type { SourceSubscription } from './source-subscription.js';
import { hasPlainName, makeTableFilter, requireTables, type TableFilter } from './table-filter.js';

export interface HookSourceParts {
  native: NativeSource;
  options: Pick<CheckedSourceOptions, 'tables' | 'excludeTables' | 'durability'>;
  hub: NativeHub;
  /** The user tables that the database has now; undefined where this thread can't read it. Throws what SQLite throws. */
  listTables(): string[] | undefined;
  /** Opens a subscription; `options` have been checked, and so has that the source is open. */
  open(source: HookSource, options: CheckedSubscribeOptions): SourceSubscription;
  /** Hands what such a subscription has to `handler`, in batches, until its end; closes it. */
  consume(subscription: SourceSubscription, handler: ConsumeHandler, options: CheckedConsumeOptions): Promise<void>;
  consumers: ConsumerStore;
  /** What is wrong apart from the source itself (its checkpoints); undefined when all is well. */
  error: () => { code: string; message: string } | undefined;
  /** Called once, when this thread learns that no subscription can be opened any more. */
  onEnd(source: HookSource): void;
  /** Called once, when its last subscription is closed after that. */
  onClose(source: HookSource): Promise<void>;
}

/**
 * The commits that writers of this process make to one database file, as one of its threads has them: all threads see the same source, each with
 * subscriptions of its own. Open from the start; it ends in all of them with the last database that uses it, by `close` (which ends the
 * subscriptions of this thread at once), and by `fail` (it can't go on); other subscriptions read what is left, and hear of a failure then.
 */
export class HookSource extends SourceCalls implements Source {
  readonly name: string;
  readonly filter: TableFilter;
  readonly #parts: HookSourceParts;
  readonly #subscriptions = new Set<SourceSubscription>();
  readonly #corruptTables = new Set<string>();
  #corruptRow: RowtapError | undefined;
  #tables: string[] = [];
  #hasEnded = false;
  #closing: Promise<void> | undefined;

  constructor(parts: HookSourceParts) {
    super();
    this.name = parts.native.name;
    this.filter = makeTableFilter(parts.options);
    this.#parts = parts;
  }

  get isOpen(): boolean {
    return this.#parts.native.isOpen;
  }

  get durability(): 'live' | 'log' {
    return this.#parts.options.durability;
  }

  /** The last transaction that a subscription can have. */
  get lsn(): number {
    const { hub } = this.#parts;
    return this.durability === 'log' ? Math.max(hub.logLsn(), 0) : hub.lsn();
  }

  get hubKey(): string {
    return this.#parts.native.hubKey;
  }

  override get failure(): RowtapError | undefined {
    const { failure, path } = this.#parts.native;
    return failure === undefined ? undefined : new RowtapError(failure as RowtapErrorCode, { path });
  }

  info(): SourceInfo {
    const { native, hub, error } = this.#parts;
    const [transactions, changes, bytes, spilled, foreignGaps] = hub.stats();
    const unread = this.#refreshTables();
    const trouble = this.failure ?? this.#corruptRow ?? error() ?? unread ?? spillError(hub);
    const lsn = this.lsn;
    return {
      name: this.name,
      engine: 'hook',
      file: native.path,
      tables: this.#tables,
      durability: this.durability,
      state: this.#state(trouble !== undefined),
      ...(trouble === undefined ? {} : { error: { code: trouble.code, message: trouble.message } }),
      capabilities: { replay: this.durability === 'log', externalWrites: false, snapshot: true },
      lsn,
      openedAt: native.openedAtMs,
      transactions,
      changes,
      bytes,
      gaps: native.gaps + foreignGaps,
      spilled,
      subscriptions: [
        ...[...this.#subscriptions].map((subscription) => subscription.info()),
        ...native.subscriptionsElsewhere().map((subscription) => infoOf(subscription, lsn)),
      ],
    };
  }

  #state(isInTrouble: boolean): SourceInfo['state'] {
    const { isOpen, failure } = this.#parts.native;
    if (!isOpen) return failure === undefined ? 'closed' : 'failed';
    return isInTrouble ? 'degraded' : 'running';
  }

  /** The tables it captures; undefined where this thread can't know. Throws what SQLite throws where they can't be read just now. */
  tables(): string[] | undefined {
    const tables = this.#parts.listTables()?.filter((name) => this.filter.accepts(name));
    if (tables !== undefined) this.#tables = tables;
    return tables;
  }

  /** For `info`, which can be asked at any time: within a call of the database too, and after its end. The tables seen last stay then. */
  #refreshTables(): SqliteError | RowtapError | undefined {
    try {
      if (this.isOpen) this.tables();
    } catch (error) {
      if (error instanceof SqliteError || error instanceof RowtapError) return error;
    }
    return undefined;
  }

  protected override handOver(subscription: SourceSubscription, handler: ConsumeHandler, options: CheckedConsumeOptions): Promise<void> {
    return this.#parts.consume(subscription, handler, options);
  }

  protected override consumerStore(): ConsumerStore {
    return this.#parts.consumers;
  }

  protected override openSubscription(options: CheckedSubscribeOptions): SourceSubscription {
    const tables = hasPlainName(options.tables) ? this.tables() : undefined;
    if (tables !== undefined) requireTables(options.tables, tables, `the source "${this.name}"`);
    const subscription = this.#parts.open(this, options);
    // Where its signal was aborted before, it is closed by now.
    if (!subscription.isClosed) this.#subscriptions.add(subscription);
    return subscription;
  }

  /** To be called by whoever closes a subscription of it. */
  forget(subscription: SourceSubscription): void {
    this.#subscriptions.delete(subscription);
    this.noticeEnd();
  }

  /** To be called whenever it may have ended: it can do so in another thread. */
  noticeEnd(): void {
    if (this.isOpen) return;
    if (!this.#hasEnded) {
      this.#hasEnded = true;
      this.#parts.onEnd(this);
    }
    if (this.#subscriptions.size === 0) void this.#closeRest();
  }

  /** A database of this thread uses it. */
  addUser(): void {
    this.#parts.native.addUser();
  }

  /**
   * One of them less. With the last one of this thread its subscriptions end, as the database is closed that they were made through; with the
   * last one of all threads the source does.
   */
  removeUser(isLastHere: boolean): void {
    this.#parts.native.removeUser();
    this.noticeEnd();
    if (isLastHere) for (const subscription of this.#subscriptions) subscription.end();
  }

  /** Bytes that one open transaction, or what waits to be read, may hold in memory before it spills; of the whole file. */
  setMaxTransactionMemory(bytes: number): void {
    this.#parts.hub.setMaxMemory(bytes);
  }

  /** A GapEvent has been put into some subscription's stream, for another reason than a commit by others. */
  countGap(): void {
    this.#parts.native.countGap();
  }

  /** A change could not be decoded: said once for each table, and shown by `info` from then on. */
  reportCorruptRow(error: RowtapError, table: string): void {
    this.countGap();
    this.#corruptRow ??= error;
    if (this.#corruptTables.has(table)) return;
    this.#corruptTables.add(table);
    process.emitWarning(error.message, { type: 'RowtapWarning', code: error.code });
  }

  /** It can't go on; `error` says why, here and to whoever reads its subscriptions. */
  fail(error: RowtapError): void {
    this.#parts.native.end(error.code);
    this.noticeEnd();
  }

  async close(): Promise<void> {
    this.#refreshTables();
    this.#parts.native.end();
    this.noticeEnd();
    await Promise.all([...this.#subscriptions].map((subscription) => subscription.close()));
    await this.#closeRest();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #closeRest(): Promise<void> {
    this.#closing ??= this.#parts.onClose(this);
    return this.#closing;
  }
}

function spillError(hub: NativeHub): RowtapError | undefined {
  return hub.isSpillRefused() ? new RowtapError('ROWTAP_SPILL_REFUSED') : undefined;
}

/** What is known here of a subscription that is read in another thread. */
function infoOf(subscription: [consumer: string, lsn: number, transactions: number, bytes: number], sourceLsn: number): SubscriptionInfo {
  const [consumer, lsn, buffered, bufferedBytes] = subscription;
  return { ...(consumer === '' ? {} : { consumer }), lsn, lag: buffered === 0 ? 0 : Math.max(0, sourceLsn - lsn), buffered, bufferedBytes };
}
