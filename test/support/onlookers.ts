import {
  type Change,
  type Database,
  openSource,
  RowtapError,
  type SnapshotMode,
  type Source,
  type Subscription,
  type SubscribeOptions,
} from 'rowtap';

/** What cannot be begun just now: outside of WAL mode, or while the file is locked. */
const refusals = ['ROWTAP_NOT_WAL', 'ROWTAP_BUSY', 'ROWTAP_DUPLICATE_CONSUMER', 'ROWTAP_DUPLICATE_SOURCE', 'ROWTAP_NO_SUCH_TABLE'];
/** How a subscription may end before its time; one to a database that has been closed since, by one that goes on with its consumer. */
const ends = ['ROWTAP_LAGGARD', 'ROWTAP_CAPTURE_LOST', 'ROWTAP_CLOSED', 'ROWTAP_DUPLICATE_CONSUMER'];

const mostSubscriptions = 6;
const snapshotModes: SnapshotMode[] = ['never', 'never', 'always', 'only', 'when-needed'];

interface Looking {
  subscription: Subscription;
  iterator: AsyncIterator<unknown>;
  isConsumer: boolean;
  isSlow: boolean;
  isSnapshotOpen: boolean;
  isReading: boolean;
  isEnded: boolean;
}

/**
 * Everything that rowtap does beside an application, as it comes: sources that open and close, subscribers that read by change and by
 * transaction, with and without filters, some of them slowly; snapshots that are read, left alone or ended; consumers whose positions are
 * written between the application's statements.
 */
export class Onlookers {
  /** What has really been done, so that a test can tell that it was. */
  readonly done = { changes: 0, transactions: 0, rows: 0, snapshots: 0, written: 0, sources: 0 };
  /** Rowtap may write to the file, now and again. */
  hasHadConsumer = false;
  /** What should not have come. */
  readonly faults: unknown[] = [];
  readonly #connections: readonly Database[];
  readonly #keepsLog: boolean;
  readonly #sources = new Map<string, Source>();
  #lookings: Looking[] = [];

  /** `keepsLog`: the file does, and they read it. */
  constructor(connections: readonly Database[], keepsLog: boolean) {
    this.#connections = connections;
    this.#keepsLog = keepsLog;
  }

  /** Or somebody may be reading on in the log: a connection has the file open for them. */
  get isReading(): boolean {
    return this.#lookings.some((looking) => this.#isReading(looking));
  }

  #isReading({ isSnapshotOpen }: Looking): boolean {
    return isSnapshotOpen || this.#keepsLog;
  }

  /** One of the things that they do. */
  act(kind: number, choice: number): void {
    try {
      if (kind < 10) this.#openSource(choice);
      else if (kind < 13) this.#closeSource(choice);
      else if (kind < 45) this.#subscribe(choice);
      else if (kind < 80) this.#read(choice);
      else if (kind < 90) this.#acknowledge(choice);
      else if (kind < 95) this.#end(choice);
      else for (const source of this.#sources.values()) source.info();
    } catch (error) {
      const { code = '', message } = error as { code?: string; message: string };
      if (!refusals.includes(code) && !/^SQLITE_(?:BUSY|LOCKED|CANTOPEN)/.test(code))
        throw new Error(`rowtap failed: ${message}`, { cause: error });
    }
    // Those who keep up ask again as soon as they have been answered.
    for (const looking of this.#lookings) if (!looking.isSlow) this.#ask(looking);
    this.#lookings = this.#lookings.filter(({ isEnded }) => !isEnded);
  }

  async endReading(): Promise<void> {
    const open = this.#lookings.filter((looking) => this.#isReading(looking));
    this.#lookings = this.#lookings.filter((looking) => !this.#isReading(looking));
    await Promise.all(open.map(({ subscription }) => subscription.close()));
  }

  async end(): Promise<void> {
    await Promise.all([...this.#sources.values()].map((source) => source.close()));
    await Promise.all(this.#lookings.map(({ subscription }) => subscription.close()));
  }

  #openSource(choice: number): void {
    const name = `source ${choice % 3}`;
    const database = this.#connections[choice % this.#connections.length] as Database;
    const durability = this.#keepsLog ? 'log' : 'live';
    this.#sources.set(name, openSource(database, { name, durability, ...(choice % 5 === 0 ? { tables: ['r', 'w*'] } : {}) }));
    this.done.sources += 1;
  }

  #closeSource(choice: number): void {
    const name = `source ${choice % 3}`;
    void this.#sources.get(name)?.close();
    this.#sources.delete(name);
  }

  #subscribe(choice: number): void {
    if (this.#lookings.length >= mostSubscriptions) return this.#end(choice);
    const database = this.#connections[choice % this.#connections.length] as Database;
    const consumer = choice % 7 < 2 ? `consumer ${choice % 7}` : undefined;
    const options: SubscribeOptions = {
      snapshot: snapshotModes[choice % snapshotModes.length] as SnapshotMode,
      ack: choice % 2 === 0 ? 'auto' : 'manual',
      ...(consumer === undefined ? {} : { consumer }),
      ...(choice % 4 === 0 ? { ops: ['insert', 'delete'], excludeTables: ['log'] } : {}),
      ...(choice % 11 === 0 ? { maxBuffered: 3000 } : {}),
    };
    const subscription = database.changes(this.#keepsLog ? { ...options, durability: 'log' } : options);
    const looking: Looking = {
      subscription,
      iterator: choice % 3 === 0 ? subscription.transactions()[Symbol.asyncIterator]() : subscription[Symbol.asyncIterator](),
      isConsumer: consumer !== undefined,
      isSlow: choice % 3 === 1,
      isSnapshotOpen: true,
      isReading: false,
      isEnded: false,
    };
    this.#lookings.push(looking);
    this.hasHadConsumer ||= looking.isConsumer;
    const over = (): void => {
      looking.isSnapshotOpen = false;
    };
    subscription.bootstrapped.then(over, over);
    void subscription.ready.then(({ snapshot }) => {
      if (snapshot) this.done.snapshots += 1;
    });
  }

  #read(choice: number): void {
    const looking = this.#chosen(choice);
    if (looking !== undefined) this.#ask(looking);
  }

  #acknowledge(choice: number): void {
    const consumers = this.#lookings.filter(({ isConsumer }) => isConsumer);
    const looking = consumers[choice % Math.max(1, consumers.length)];
    looking?.subscription.flush().then(
      () => {
        this.done.written += 1;
      },
      (error: unknown) => this.#noteEnd(error),
    );
  }

  #end(choice: number): void {
    void this.#chosen(choice)?.subscription.close();
  }

  #chosen(choice: number): Looking | undefined {
    return this.#lookings[choice % Math.max(1, this.#lookings.length)];
  }

  #ask(looking: Looking): void {
    if (looking.isReading || looking.isEnded) return;
    looking.isReading = true;
    looking.iterator.next().then(
      ({ value, done }) => {
        looking.isReading = false;
        if (done === true) looking.isEnded = true;
        else this.#take(looking, value as Change);
      },
      (error: unknown) => {
        looking.isReading = false;
        looking.isEnded = true;
        looking.isSnapshotOpen = false;
        this.#noteEnd(error);
      },
    );
  }

  #take(looking: Looking, item: Change): void {
    if (!('op' in item)) this.done.transactions += 1;
    else if (item.op === 'snapshot') this.done.rows += 1;
    else this.done.changes += 1;
    // Nobody else writes this file.
    if ('op' in item && item.op === 'gap' && item.reason !== 'restart') this.faults.push(item);
    // Inside a transaction it would be the application's own doing.
    if (looking.isConsumer && !this.#connections.some(({ inTransaction }) => inTransaction)) looking.subscription.ack(item.lsn);
    if (!looking.isSlow) this.#ask(looking);
  }

  #noteEnd(error: unknown): void {
    if (!(error instanceof RowtapError) || !ends.includes(error.code)) this.faults.push(error);
  }
}
