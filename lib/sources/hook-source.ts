import type { NativeHub } from '../binding/native.js';
import { RowtapError } from '../errors/rowtap-error.js';
import { SqliteError } from '../errors/sqlite-error.js';
import type { SubscribeOptions } from '../model/options.js';
import type { Source, SourceInfo, Subscription, SubscriptionInfo } from '../model/source.js';
import type { AnyTables } from '../model/value.js';
import { type CheckedSourceOptions, type CheckedSubscribeOptions, checkSubscribeOptions } from './options.js';
import { hasPlainName, makeTableFilter, requireTables, type TableFilter } from './table-filter.js';

/** What a source asks of its subscriptions. */
export interface SourceSubscription extends Subscription {
  readonly isClosed: boolean;
  info(): SubscriptionInfo;
  /** What was published is still handed over, then comes the end, or the error. */
  end(error?: RowtapError): void;
}

export interface HookSourceParts {
  name: string;
  file: string;
  options: CheckedSourceOptions;
  hub: NativeHub;
  /** The user tables that the database has now; throws where no writer is open any more. */
  listTables(): string[];
  /** Opens a subscription; `options` have been checked, and so has that the source is open. */
  open(source: HookSource, options: CheckedSubscribeOptions): SourceSubscription;
  /** What is wrong apart from the source itself (its checkpoints); undefined when all is well. */
  error: () => { code: string; message: string } | undefined;
  /** Called once, when no subscription can be opened any more. */
  onEnd(source: HookSource): void;
  /** Called once, when its last subscription is closed after that. */
  onClose(source: HookSource): Promise<void>;
}

/**
 * The commits that writers of this process make to one database file. Open from the start; `end` (its writers are closed) lets subscriptions read
 * what is left, and so does `fail` (it can't go on), with an error behind it; `close` ends them at once.
 */
export class HookSource implements Source {
  readonly name: string;
  readonly filter: TableFilter;
  readonly #parts: HookSourceParts;
  readonly #openedAt = Date.now();
  readonly #subscriptions = new Set<SourceSubscription>();
  readonly #corruptTables = new Set<string>();
  #corruptRow: RowtapError | undefined;
  #gaps = 0;
  #tables: string[] = [];
  #isOpen = true;
  #failure: RowtapError | undefined;
  #closing: Promise<void> | undefined;

  constructor(parts: HookSourceParts) {
    this.name = parts.name;
    this.filter = makeTableFilter(parts.options);
    this.#parts = parts;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  info(): SourceInfo {
    const { hub, file, error } = this.#parts;
    const [transactions, changes, bytes, spilled] = hub.stats();
    const unread = this.#refreshTables();
    const trouble = this.#failure ?? this.#corruptRow ?? error() ?? unread;
    return {
      name: this.name,
      engine: 'hook',
      file,
      tables: this.#tables,
      durability: 'live',
      state: this.#state(trouble !== undefined),
      ...(trouble === undefined ? {} : { error: { code: trouble.code, message: trouble.message } }),
      capabilities: { replay: false, externalWrites: false, snapshot: true },
      lsn: hub.lsn(),
      openedAt: this.#openedAt,
      transactions,
      changes,
      bytes,
      gaps: this.#gaps,
      spilled,
      subscriptions: [...this.#subscriptions].map((subscription) => subscription.info()),
    };
  }

  #state(isInTrouble: boolean): SourceInfo['state'] {
    if (this.#failure !== undefined) return 'failed';
    if (!this.#isOpen) return 'closed';
    return isInTrouble ? 'degraded' : 'running';
  }

  /** The tables it captures. Throws what SQLite throws where they can't be read just now. */
  tables(): string[] {
    this.#tables = this.#parts.listTables().filter((name) => this.filter.accepts(name));
    return this.#tables;
  }

  /** For `info`, which can be asked at any time: within a call of the database too, and after its end. The tables seen last stay then. */
  #refreshTables(): SqliteError | undefined {
    try {
      if (this.#isOpen) this.tables();
    } catch (error) {
      if (error instanceof SqliteError) return error;
    }
    return undefined;
  }

  subscribe<Tables = AnyTables>(options?: SubscribeOptions): Subscription<Tables> {
    if (!this.#isOpen) throw this.#failure ?? new RowtapError('ROWTAP_CLOSED', { what: `the source "${this.name}"` });
    const checked = checkSubscribeOptions(options);
    if (hasPlainName(checked.tables)) requireTables(checked.tables, this.tables(), `the source "${this.name}"`);
    const subscription = this.#parts.open(this, checked);
    // Where its signal was aborted before, it is closed by now.
    if (!subscription.isClosed) this.#subscriptions.add(subscription);
    return subscription as unknown as Subscription<Tables>;
  }

  /** To be called by whoever closes a subscription of it. */
  forget(subscription: SourceSubscription): void {
    this.#subscriptions.delete(subscription);
    if (!this.#isOpen && this.#subscriptions.size === 0) void this.#closeRest();
  }

  /** Bytes that one open transaction, or what waits to be read, may hold in memory before it spills; of the whole file. */
  setMaxTransactionMemory(bytes: number): void {
    this.#parts.hub.setMaxMemory(bytes);
  }

  /** A GapEvent has been put into some subscription's stream. */
  countGap(): void {
    ++this.#gaps;
  }

  /** A change could not be decoded: said once for each table, and shown by `info` from then on. */
  reportCorruptRow(error: RowtapError, table: string): void {
    ++this.#gaps;
    this.#corruptRow ??= error;
    if (this.#corruptTables.has(table)) return;
    this.#corruptTables.add(table);
    process.emitWarning(error.message, { type: 'RowtapWarning', code: error.code });
  }

  end(): void {
    if (!this.#isOpen) return;
    this.#leave();
    for (const subscription of [...this.#subscriptions]) subscription.end(this.#failure);
    if (this.#subscriptions.size === 0) void this.#closeRest();
  }

  /** It can't go on; `error` says why, here and to whoever reads its subscriptions. */
  fail(error: RowtapError): void {
    if (!this.#isOpen) return;
    this.#failure = error;
    this.end();
  }

  async close(): Promise<void> {
    if (this.#isOpen) {
      this.#refreshTables();
      this.#leave();
    }
    await Promise.all([...this.#subscriptions].map((subscription) => subscription.close()));
    await this.#closeRest();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #leave(): void {
    this.#isOpen = false;
    this.#parts.onEnd(this);
  }

  #closeRest(): Promise<void> {
    this.#closing ??= this.#parts.onClose(this);
    return this.#closing;
  }
}
