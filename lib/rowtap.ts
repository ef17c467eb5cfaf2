/**
 * The composition root: the one file that knows every part, and puts them together. What is open in this thread is kept here: files that
 * have a source, the sources by name, the turns in which their subscriptions read.
 */
import { basename } from 'node:path';
import type { NativeBinding, NativeHub, NativeReader, NativeSource } from './binding/native.js';
import { Catchup as CatchupOn } from './catchup/catchup.js';
import type { CatchupConfig } from './catchup/config.js';
import { smallestPosition } from './catchup/position-table.js';
import { openCheckpoints } from './checkpoint/checkpoints.js';
import { resume, resumeFromLog } from './checkpoint/resume.js';
import type { DecoderOptions } from './decode/change-decoder.js';
import { everyOp, maskOf, type Selection } from './decode/selection.js';
import { openTransactionOf } from './delivery/application-transaction.js';
import { openCommitSignal } from './delivery/commit-signal.js';
import { consume } from './delivery/consume.js';
import { Drain } from './delivery/drain.js';
import type { OpenedConsumer, ProgressStore, StoredProgress } from './delivery/progress.js';
import { noProgress } from './delivery/progress.js';
import type { StreamReader } from './delivery/stream-reader.js';
import { type Restart, StreamSubscription } from './delivery/subscription.js';
import { Turns } from './delivery/turns.js';
import { fromNative } from './errors/from-native.js';
import { badOption, RowtapError } from './errors/rowtap-error.js';
import type { LogConnection, LogDatabase } from './log/database.js';
import { FileLog } from './log/file-log.js';
import { LogReader } from './log/log-reader.js';
import type { GapEvent } from './model/change.js';
import type { Retention, SourceOptions, SubscribeOptions } from './model/options.js';
import type { Source, SourceInfo, Subscription } from './model/source.js';
import type { AnyTables } from './model/value.js';
import { requireWal } from './snapshot/journal-mode.js';
import { Snapshot } from './snapshot/snapshot.js';
import { CapturedFile } from './sources/captured-file.js';
import { ForeignCommits } from './sources/foreign-commits.js';
import { HookSource } from './sources/hook-source.js';
import {
  type CheckedSourceOptions,
  type CheckedSubscribeOptions,
  checkSourceOptions,
  checkSubscribeOptions,
  splitChangesOptions,
} from './sources/options.js';
import { nativeOf, openOnFile } from './sources/own-connection.js';
import { SourceRegistry } from './sources/registry.js';
import { hasPlainName, makeTableFilter, requireTables } from './sources/table-filter.js';
import { listTablesOnFile, listTablesSeenBy } from './sources/table-list.js';
import type { TriggerConnection } from './triggers/connection.js';
import { TriggerSources } from './triggers/trigger-sources.js';
import { connectionOf, openUncaptured, withoutVerbose, Database as Writer } from './writer/database.js';
import { writerBinding } from './writer/native-binding.js';
import type { DatabaseOptions } from './writer/options.js';

const registry = new SourceRegistry<HookSource>(binding, viewOf);
const files = new Map<string, CapturedFile<ProgressStore, FileLog>>();
/** The databases of this thread that a source was opened or used through; it ends with the last of them, in whatever thread. */
const ownersOf = new WeakMap<HookSource, Set<Writer>>();
let turns: Turns | undefined;
const triggerSources = new TriggerSources(theTurns);

/** The path of what is no file: no other connection can open it. */
const memoryPath = ':memory:';

/** A subscription without a consumer's name. */
const unnamedConsumer: OpenedConsumer = { stored: undefined, progress: noProgress, begin: () => {} };

/** How long a snapshot waits to begin, as an application's own connection does. */
const lockTimeoutMs = 5000;

/** How long a checkpoint may hold up the thread for somebody else's lock. */
const checkpointTimeoutMs = 5;

class CapturingDatabase extends Writer {
  /**
   * Short for `openSource(this, …)`, or the source that is open for the file already, followed by `subscribe(…)`. `tables` and `excludeTables`
   * are the subscription's. Throws RowtapError as those do.
   */
  changes<Tables = AnyTables>(options?: SourceOptions & SubscribeOptions): Subscription<Tables> {
    const given = splitChangesOptions(options);
    // Both, before anything is opened.
    const sourceOptions = checkSourceOptions(given.source);
    checkSubscribeOptions(given.subscribe);
    requireOpen(this);
    if (sourceOptions.engine === 'trigger')
      return triggerSources.reuse(this, sourceOptions, requireFreeName).subscribe<Tables>(given.subscribe);
    const { source, isNewOwner } = sourceFor(this, sourceOptions);
    try {
      const subscription = source.subscribe<Tables>(given.subscribe);
      if (sourceOptions.maxTransactionMemory !== undefined) source.setMaxTransactionMemory(sourceOptions.maxTransactionMemory);
      return subscription;
    } catch (error) {
      if (isNewOwner) removeOwner(source, this);
      throw error;
    }
  }

  /**
   * Rolls back what is open and closes its statements. Sources opened through it, unless another database uses them as well, deliver what was
   * committed and end. Twice is fine. Throws a TypeError while an iterator is open.
   */
  override close(): this {
    const wasOpen = this.open;
    super.close();
    if (wasOpen) for (const source of registry.seen()) removeOwner(source, this);
    return this;
  }
}

/** One connection to a SQLite database, with the API of better-sqlite3's. What it commits is captured, from the moment it opens. */
export type Database = CapturingDatabase;
/** Works with `new` and without. */
export const Database: typeof CapturingDatabase & ((path?: string | null, options?: DatabaseOptions | null) => CapturingDatabase) =
  new Proxy(CapturingDatabase, {
    apply: (target, _this, given: ConstructorParameters<typeof CapturingDatabase>) => new target(...given),
  }) as never;
Object.defineProperty(CapturingDatabase.prototype, 'constructor', { value: Database, configurable: true, writable: true });
Object.defineProperty(CapturingDatabase, 'name', { value: 'Database', configurable: true });

/**
 * Opens the change source of a database: every commit after it returns is captured. With `engine: "trigger"` a path will do, or any connection with
 * better-sqlite3's `prepare` and `exec`. Throws RowtapError ROWTAP_BAD_OPTION, ROWTAP_CLOSED, ROWTAP_NO_SUCH_TABLE, ROWTAP_DUPLICATE_SOURCE or
 * ROWTAP_NOT_INSTALLED.
 */
export function openSource(database: Database | TriggerConnection | string, options?: SourceOptions): Source {
  const checked = checkSourceOptions(options);
  if (checked.engine === 'trigger') {
    if (database instanceof Writer) requireOpen(database);
    return triggerSources.open(database, checked, requireFreeName);
  }
  if (typeof database === 'string') {
    throw badOption('`openSource` needs an open Database to capture by hooks, not a path: `openSource(new Database(path))`');
  }
  requireWriter(database, 'openSource');
  requireOpen(database);
  return openHookSource(database, checked);
}

/** Every open source of this process. */
export function listSources(): SourceInfo[] {
  return [...registry.all(), ...triggerSources.all()].map((source) => source.info());
}

/** The open source of that name, whichever thread has opened it. */
export function getSource(name: string): Source | undefined {
  return registry.get(name) ?? triggerSources.get(name);
}

function requireFreeName(name: string): void {
  registry.requireFree(name);
}

/**
 * Processes the rows of an append-only table once each, in id order. Every row's work, `fn` and the position, is one savepoint on
 * `database`: both happen or neither. `maxSql` returns a column `max`; `nextSql` takes @last and @max and returns a column `id`.
 */
export class Catchup<Row> extends CatchupOn<Row, CapturingDatabase> {
  /** Throws RowtapError ROWTAP_BAD_OPTION. Nothing is read or written before the first run. */
  constructor(database: CapturingDatabase, config: CatchupConfig) {
    requireWriter(database, 'Catchup');
    super(database, config, {
      openSignal: (wake) => openCommitSignal(binding().hubOf(nativeOf(database)).hub, theTurns(), wake),
      isInUse: () => connectionOf(database).iterators > 0,
    });
  }

  /**
   * Every row of the table up to this id has been processed by all consumers that have begun; 0 where there are none. Without `table`, of all
   * tables. Throws RowtapError ROWTAP_BAD_OPTION and ROWTAP_CLOSED.
   */
  static smallestPosition(database: CapturingDatabase, table?: string): number {
    requireWriter(database, 'smallestPosition');
    requireOpen(database);
    if (table !== undefined && typeof table !== 'string') throw badOption('`smallestPosition` takes the name of a table');
    return smallestPosition(database, table);
  }
}

function requireWriter(database: unknown, what: string): asserts database is Writer {
  if (!(database instanceof Writer)) throw badOption(`\`${what}\` takes a Database of rowtap's, opened with \`new Database(path)\``);
}

function requireOpen(database: Writer): void {
  if (!database.open) throw new RowtapError('ROWTAP_CLOSED', { what: 'the database' });
}

/** Those of this thread through which some source of the file was opened or used. */
function databasesOf({ sources }: CapturedFile<ProgressStore, FileLog>): Set<Writer> {
  return new Set([...sources].flatMap((source) => [...(ownersOf.get(source) ?? [])]));
}

/** False where it is one already. */
function addOwner(source: HookSource, database: Writer): boolean {
  const owners = ownersOf.get(source);
  if (owners === undefined || owners.has(database)) return false;
  owners.add(database);
  source.addUser();
  return true;
}

function removeOwner(source: HookSource, database: Writer): void {
  const owners = ownersOf.get(source);
  if (owners?.delete(database) === true) source.removeUser(owners.size === 0);
}

function binding(): NativeBinding {
  return writerBinding();
}

function theTurns(): Turns {
  return (turns ??= new Turns(binding()));
}

/**
 * The source that `changes` goes on with, which the database owns from here on, so that it does not end with others'; opened where there is none.
 * Other threads open and close meanwhile.
 */
function sourceFor(database: Writer, options: CheckedSourceOptions): { source: HookSource; isNewOwner: boolean } {
  for (;;) {
    const found = findSource(database, options);
    if (found !== undefined && options.durability === 'log' && found.durability !== 'log') {
      throw badOption(
        `the source "${found.name}" is open with \`durability: "live"\`; close it, or give the one with a log another \`name\``,
      );
    }
    if (found === undefined) {
      try {
        return { source: openHookSource(database, options), isNewOwner: true };
      } catch (error) {
        if (!(error instanceof RowtapError) || error.code !== 'ROWTAP_DUPLICATE_SOURCE' || isTakenByOther(database, options)) throw error;
      }
    } else {
      const isNewOwner = addOwner(found, database);
      if (found.isOpen) return { source: found, isNewOwner };
      if (isNewOwner) removeOwner(found, database);
    }
  }
}

/** Whether the name that the source would have belongs to one of another file. */
function isTakenByOther(database: Writer, { name }: CheckedSourceOptions): boolean {
  // They take the next number.
  if (database.memory && name === undefined) return false;
  const holder = binding().findSource(name ?? basename(database.name));
  return holder !== undefined && holder.hubKey !== binding().hubOf(nativeOf(database)).key;
}

/** The one of that name, or any of the file. */
function findSource(database: Writer, options: CheckedSourceOptions): HookSource | undefined {
  const { key } = binding().hubOf(nativeOf(database));
  if (options.name === undefined) return registry.ofHub(key);
  const named = registry.get(options.name);
  return named?.hubKey === key ? named : undefined;
}

function openHookSource(database: Writer, options: CheckedSourceOptions): HookSource {
  const name = options.name ?? defaultName(database);
  registry.requireFree(name);
  triggerSources.requireFree(name);
  joinWal(database);
  const file = fileOf(database);
  try {
    if (hasPlainName(options.tables)) requireTables(options.tables, listTablesOf(file, new Set([database])) ?? [], 'the database');
    if (options.durability === 'log') {
      logOf(file).open(waitForLockMs(file.hub, new Set([database])));
      file.foreignCommits?.lookNow();
    }
    const { tables, excludeTables, durability, retention } = options;
    const settings: SharedSettings = { tables, excludeTables, durability, retention, isReadonly: database.readonly };
    const source = registry.open(file.hub, name, file.path, JSON.stringify(settings));
    if (options.maxTransactionMemory !== undefined) source.setMaxTransactionMemory(options.maxTransactionMemory);
    // Whom it was opened with.
    ownersOf.get(source)?.add(database);
    return source;
  } catch (error) {
    forgetFile(file);
    throw error;
  }
}

/**
 * A connection that has switched the file to WAL mode opens the WAL when it reads next. Until then each connection of our own would be the last
 * one to close it, and SQLite's count of commits would begin anew behind it, as if others had committed.
 */
function joinWal(database: Writer): void {
  if (database.memory || database.inTransaction || nativeOf(database).isExclusive) return;
  try {
    withoutVerbose(database, () => database.prepare('SELECT 1 FROM sqlite_schema LIMIT 1').get());
  } catch {
    // What keeps it from reading is told by what the source reads itself.
  }
}

/** What every thread has to know of a source. */
interface SharedSettings {
  tables: string[] | undefined;
  excludeTables: string[] | undefined;
  durability: 'live' | 'log';
  retention: Retention;
  isReadonly: boolean;
}

/** This thread's view of a source that is open. */
function viewOf(native: NativeSource): HookSource {
  const { isReadonly, durability = 'live', retention = {}, ...lists } = JSON.parse(native.options) as Partial<SharedSettings>;
  const file = files.get(native.hubKey) ?? addFile(native.hubKey, native.path, binding().hubOfSource(native), isReadonly === true);
  const owners = new Set<Writer>();
  const source = new HookSource({
    native,
    options: { tables: lists.tables, excludeTables: lists.excludeTables, durability },
    hub: file.hub,
    listTables: () => listTablesOf(file, owners),
    open: (opened, subscribeOptions) => openSubscription(file, native, opened, subscribeOptions, owners),
    consume,
    consumers: file.store,
    error: () => file.store.error() ?? file.foreignCommits?.error() ?? file.log?.error(),
    onEnd: (ended) => {
      registry.remove(ended);
      forgetFile(file);
    },
    onClose: (closed) => leaveFile(file, closed),
  });
  ownersOf.set(source, owners);
  if (durability === 'log') file.log?.keepPruned(retention);
  file.sources.add(source);
  return source;
}

/** In-memory databases are told apart by a number. */
function defaultName(database: Writer): string {
  if (!database.memory) return basename(database.name);
  for (let number = 1; ; ++number) {
    const name = number === 1 ? ':memory:' : `:memory:${number}`;
    if (registry.get(name) === undefined) return name;
  }
}

/** The user tables as the first of the source's databases sees them; a thread without one looks for itself. */
function listTablesOf({ path, hub }: CapturedFile<ProgressStore, FileLog>, owners: ReadonlySet<Writer>): string[] | undefined {
  const [database] = owners;
  const openOnlooker = (): Writer => openOnFile(path, hub, { isReadonly: true, timeoutMs: 0 });
  if (database !== undefined) return listTablesSeenBy(database, openOnlooker);
  return path === memoryPath ? undefined : listTablesOnFile(openOnlooker);
}

/** The first source of a file in this thread: LSNs go on above those of earlier lives. */
function fileOf(database: Writer): CapturedFile<ProgressStore, FileLog> {
  const { hub, key, path } = binding().hubOf(nativeOf(database));
  const known = files.get(key);
  if (known !== undefined) return known;
  const file = addFile(key, database.memory ? memoryPath : path, hub, database.readonly);
  try {
    file.store.restoreLsn();
    return file;
  } catch (error) {
    forgetFile(file);
    throw error;
  }
}

function addFile(key: string, path: string, hub: NativeHub, isReadonly: boolean): CapturedFile<ProgressStore, FileLog> {
  const isMemory = path === memoryPath;
  const connect = (timeoutMs: number): LogDatabase => openForWrite(path, hub, isReadonly, timeoutMs);
  const log = isMemory ? undefined : new FileLog({ hub, isReadonly, connect });
  const store = openCheckpoints({
    isMemory,
    hub,
    isReadonly,
    connect: () => connect(checkpointTimeoutMs),
    history: () => log?.history,
    onWritten: () => log?.noteAcknowledged(),
  });
  const onGone = (error: RowtapError): void => file.fail(error);
  const tell = (): boolean => log?.tellForeignCommits() ?? true;
  const foreignCommits = isMemory
    ? undefined
    : new ForeignCommits({ path, hub, connect: () => openForReading(path, hub, 0), tell, onGone });
  const file = new CapturedFile<ProgressStore, FileLog>({ key, path, isReadonly, hub, store, log, foreignCommits });
  files.set(key, file);
  return file;
}

function logOf(file: CapturedFile<ProgressStore, FileLog>): FileLog {
  if (file.log !== undefined) return file.log;
  throw badOption('`durability: "log"` keeps its log in the database file, and an in-memory database has none; leave it out for "live"');
}

/** For what rowtap writes for itself. */
function openForWrite(path: string, hub: NativeHub, isReadonly: boolean, timeoutMs: number): LogDatabase {
  const connection = openOnFile(path, hub, { isReadonly, timeoutMs });
  return {
    prepare: (sql) => connection.prepare(sql),
    exec: (sql) => connection.exec(sql),
    claim: () => hub.witness(nativeOf(connection)),
    close: () => connection.close(),
  };
}

async function leaveFile(file: CapturedFile<ProgressStore, FileLog>, source: HookSource): Promise<void> {
  file.sources.delete(source);
  if (file.sources.size > 0) return;
  file.log?.close();
  await file.store.close();
}

/**
 * Where only ended sources are left of a file, nothing here holds it any more: subscriptions that nobody will ever read can go with their garbage,
 * and a new file in its place (the system may give it the same inode) is not mistaken for it.
 */
function forgetFile(file: CapturedFile<ProgressStore, FileLog>): void {
  if (file.openSource() !== undefined) return;
  if (files.get(file.key) === file) files.delete(file.key);
  file.foreignCommits?.end();
}

/**
 * A position, what was missed before it, and the rows as of it, in this order: the consumer's state is read, the reader is placed (with the
 * snapshot's read transaction, while no commit is in doubt), and only then is anything built on them. What fails on the way closes the rest.
 */
function openSubscription(
  file: CapturedFile<ProgressStore, FileLog>,
  native: NativeSource,
  source: HookSource,
  options: CheckedSubscribeOptions,
  owners: ReadonlySet<Writer>,
): StreamSubscription {
  const { consumer } = options;
  const lists = makeTableFilter(options);
  const acceptsTable = (name: string): boolean => source.filter.accepts(name) && lists.accepts(name);
  const selection: Selection = {
    acceptsTable,
    opMask: maskOf(options.ops),
    isSkippingUnchanged: options.skipUnchanged,
    isEverything: source.filter.isEverything && lists.isEverything && maskOf(options.ops) === everyOp && !options.skipUnchanged,
  };
  const onCorrupt = (error: RowtapError, table: string): void => source.reportCorruptRow(error, table);
  const common = { source: source.name, catalog: file.catalog, integers: options.integers, onCorrupt };
  const openSnapshot = (database: Writer, lsn: number): Snapshot =>
    new Snapshot({
      ...common,
      lsn,
      timeMs: Date.now(),
      database,
      openRows: (table) => binding().openSnapshotRows(nativeOf(database), file.hub, table),
      heldWalBytes: () => nativeOf(database).heldWalBytes(),
      acceptsTable,
      onProgress: options.onProgress,
    });
  const takeAnyPlace =
    source.durability === 'log'
      ? (stored: StoredProgress | undefined, how: CheckedSubscribeOptions) => takeLogPlace(file, native, how, stored, owners)
      : (stored: StoredProgress | undefined, how: CheckedSubscribeOptions) => takePlace(file, native, how, stored, owners);
  const decoder: DecoderOptions = { ...common, selection };
  const beginAgain = (): Restart => {
    const { lsn, reader, snapshot } = takeAnyPlace(undefined, { ...options, snapshot: 'always' });
    return { lsn, stream: { reader, drain: new Drain(reader, decoder) }, bootstrap: openSnapshot(snapshot as Writer, lsn) };
  };
  let opened: OpenedConsumer | undefined;
  let place: Place | undefined;
  file.foreignCommits?.start();
  try {
    opened = consumer === undefined ? unnamedConsumer : file.store.open(consumer);
    place = takeAnyPlace(opened.stored, options);
    const { reader, snapshot, gap, lsn } = place;
    const bootstrap = snapshot && openSnapshot(snapshot, lsn);
    const isOnlySnapshot = options.snapshot === 'only';
    if (isOnlySnapshot) reader.close();
    opened.begin(lsn);
    if (gap !== undefined) source.countGap();
    return new StreamSubscription({
      consumer,
      startLsn: lsn,
      events: gap === undefined ? [] : [gapEvent(source.name, lsn, Date.now(), gap)],
      bootstrap,
      stream: isOnlySnapshot ? undefined : { reader, drain: new Drain(reader, { ...decoder, resumeAfter: opened.stored?.partial }) },
      integers: options.integers,
      acceptsTable,
      beginAgain: options.snapshot === 'when-needed' && !isOnlySnapshot ? beginAgain : undefined,
      progress: opened.progress,
      ack: options.ack,
      maxBuffered: options.maxBuffered,
      signal: options.signal,
      turns: theTurns(),
      openTransaction: () => openTransactionOf(databasesOf(file)),
      sourceLsn: () => source.lsn,
      failure: () => source.failure,
      onClose: (subscription) => {
        file.foreignCommits?.stop();
        source.forget(subscription);
      },
    });
  } catch (error) {
    file.foreignCommits?.stop();
    place?.reader.close();
    place?.snapshot?.close();
    void opened?.progress.close();
    throw error;
  }
}

interface Place {
  lsn: number;
  reader: StreamReader;
  /** Its read transaction is open, as of `lsn`. */
  snapshot: Writer | undefined;
  gap: GapEvent['reason'] | undefined;
}

function takePlace(
  file: CapturedFile<ProgressStore, FileLog>,
  native: NativeSource,
  options: CheckedSubscribeOptions,
  stored: StoredProgress | undefined,
  owners: ReadonlySet<Writer>,
): Place {
  for (;;) {
    const currentLsn = file.hub.lsn();
    const { gap, isSnapshotDue } = resume(options.snapshot, stored, currentLsn);
    const snapshot = isSnapshotDue ? openSnapshotConnection(file, owners) : undefined;
    let reader: NativeReader;
    try {
      reader = file.hub.openReader(options.maxBuffered, snapshot === undefined ? null : nativeOf(snapshot), null);
    } catch (error) {
      snapshot?.close();
      throw fromNative(error);
    }
    const lsn = reader.startLsn;
    // Another thread may have committed in between, which a consumer would then have missed: decided anew.
    if (lsn === currentLsn || stored === undefined) {
      native.attach(reader, options.consumer ?? '');
      return { lsn, reader, snapshot, gap };
    }
    reader.close();
    snapshot?.close();
  }
}

/**
 * The same where a log is kept: the reader begins at the consumer's position, be it far behind; a snapshot is as of the newest entry that its
 * read transaction sees.
 */
function takeLogPlace(
  file: CapturedFile<ProgressStore, FileLog>,
  native: NativeSource,
  options: CheckedSubscribeOptions,
  stored: StoredProgress | undefined,
  owners: ReadonlySet<Writer>,
): Place {
  const log = logOf(file);
  const { path, hub } = file;
  const timeoutMs = waitForLockMs(hub, owners);
  const connection = openForReading(path, hub, timeoutMs);
  let live: NativeReader | undefined;
  let snapshot: Writer | undefined;
  try {
    const history = log.history ?? log.open(timeoutMs);
    live = openLogged(hub, options, undefined, connection);
    const { gap, isSnapshotDue } = resumeFromLog(options.snapshot, stored, { history, tailLsn: live.logLsn });
    if (gap === 'history-changed' && stored !== undefined) {
      // What comes from now on is to be found behind what the consumer has acknowledged.
      hub.raiseLsn(stored.lsn + 1);
      log.lift();
    }
    if (gap !== undefined || isSnapshotDue) {
      live.close();
      snapshot = isSnapshotDue ? openSnapshotConnection(file, owners) : undefined;
      live = openLogged(hub, options, snapshot, connection);
    }
    const isResuming = stored !== undefined && gap === undefined && !isSnapshotDue;
    const position = isResuming ? stored.lsn : live.logLsn;
    const reader = new LogReader(
      {
        hub,
        maxBuffered: options.maxBuffered,
        connect: () => openForReading(path, hub, 0),
        openReplay: (opened, from) => binding().openLogReplay(opened.native, hub, from),
        restore: (lsn) => log.restore(lsn),
        lift: () => log.lift(),
        attach: (each) => native.attach(each, options.consumer ?? ''),
        wait: log.newWait((delayMs) => setTimeout(() => theTurns().request(), delayMs).unref()),
      },
      { position, live },
    );
    return { lsn: position, reader, snapshot, gap };
  } catch (error) {
    live?.close();
    snapshot?.close();
    throw fromNative(error);
  } finally {
    connection.close();
  }
}

/** Throws ROWTAP_BUSY where the log has just been removed. */
function openLogged(hub: NativeHub, options: CheckedSubscribeOptions, snapshot: Writer | undefined, log: LogConnection): NativeReader {
  const reader = hub.openReader(options.maxBuffered, snapshot === undefined ? null : nativeOf(snapshot), log.native);
  if (reader.logLsn >= 0) return reader;
  reader.close();
  throw new RowtapError('ROWTAP_BUSY', { detail: 'the log of this database has been removed; open its source anew' });
}

function openForReading(path: string, hub: NativeHub, timeoutMs: number): LogConnection {
  const connection = openOnFile(path, hub, { isReadonly: true, timeoutMs });
  return { native: nativeOf(connection), close: () => connection.close() };
}

function openSnapshotConnection({ path, hub, isReadonly }: CapturedFile<ProgressStore, FileLog>, owners: ReadonlySet<Writer>): Writer {
  const isMemory = path === memoryPath;
  if (isMemory && owners.size === 0) {
    throw badOption(
      "the rows of an in-memory database can be read only in the thread of its Database; subscribe there, or with snapshot 'never'",
    );
  }
  const snapshot = isMemory ? openUncaptured(path) : openOnFile(path, hub, { isReadonly: true, timeoutMs: waitForLockMs(hub, owners) });
  try {
    const isWritten = owners.size === 0 ? !isReadonly : [...owners].some((database) => !database.readonly);
    if (!isMemory && isWritten) requireWal(snapshot);
    return snapshot;
  } catch (error) {
    snapshot.close();
    throw error;
  }
}

/** Somebody else's lock is waited for, but not this thread's own, which would be waiting for oneself. */
function waitForLockMs(hub: NativeHub, owners: ReadonlySet<Writer>): number {
  const isOwnLock = hub.isThreadInTransaction() || [...owners].some((database) => nativeOf(database).isExclusive);
  return isOwnLock ? 0 : lockTimeoutMs;
}

function gapEvent(source: string, lsn: number, time: number, reason: GapEvent['reason']): GapEvent {
  return { source, lsn, index: 0, time, op: 'gap', reason, table: null, before: null, after: null };
}
