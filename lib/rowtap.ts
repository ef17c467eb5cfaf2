/**
 * The composition root: the public functions and classes, and what is open in this thread: the sources by name, who owns them, the files that
 * they are of, the turns in which their subscriptions read.
 */
import { basename } from 'node:path';
import type { NativeBinding, NativeSource } from './binding/native.js';
import { Catchup as CatchupOn } from './catchup/catchup.js';
import type { CatchupConfig } from './catchup/config.js';
import { smallestPosition } from './catchup/position-table.js';
import { openCommitSignal } from './delivery/commit-signal.js';
import { consume } from './delivery/consume.js';
import { Turns } from './delivery/turns.js';
import { badOption, RowtapError } from './errors/rowtap-error.js';
import { SqliteError as SqliteErrorClass } from './errors/sqlite-error.js';
import { openForWriting, waitForLockMs } from './hook/connections.js';
import { type HookFile, leaveFile, openLog } from './hook/file.js';
import { HookFiles } from './hook/files.js';
import { joinWal } from './hook/join-wal.js';
import { openSubscription, type SubscribeParts } from './hook/subscribe.js';
import { pruneAll } from './log/prune-all.js';
import type { Retention, SourceOptions, SubscribeOptions } from './model/options.js';
import type { Source, SourceInfo, Subscription } from './model/source.js';
import type { AnyTables } from './model/value.js';
import { HookSource } from './sources/hook-source.js';
import { type CheckedSourceOptions, checkSourceOptions, checkSubscribeOptions, splitChangesOptions } from './sources/options.js';
import { nativeOf } from './sources/own-connection.js';
import { SourceRegistry } from './sources/registry.js';
import { hasPlainName, requireTables } from './sources/table-filter.js';
import { listTablesOf } from './sources/table-list.js';
import type { TriggerConnection } from './triggers/connection.js';
import { TriggerSources } from './triggers/trigger-sources.js';
import { connectionOf, databaseBehind, Database as Writer } from './writer/database.js';
import { makeMembersEnumerable } from './writer/enumerable-members.js';
import { writerBinding } from './writer/native-binding.js';
import type { DatabaseOptions } from './writer/options.js';
import type {
  ColumnDefinition as WriterColumnDefinition,
  RunResult as WriterRunResult,
  Statement as WriterStatement,
} from './writer/statement.js';

const registry = new SourceRegistry<HookSource>(binding, viewOf);
const files = new HookFiles(binding);
/** The databases of this thread that a source was opened or used through; it ends with the last of them, in whatever thread. */
const ownersOf = new WeakMap<HookSource, Set<Writer>>();
let turns: Turns | undefined;
const triggerSources = new TriggerSources(theTurns);

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
    const database = databaseBehind(this) ?? this;
    requireOpen(database);
    if (sourceOptions.engine === 'trigger')
      return triggerSources.reuse(database, sourceOptions, requireFreeName).subscribe<Tables>(given.subscribe);
    const { source, isNewOwner } = sourceFor(database, sourceOptions);
    try {
      const subscription = source.subscribe<Tables>(given.subscribe);
      if (sourceOptions.maxTransactionMemory !== undefined) source.setMaxTransactionMemory(sourceOptions.maxTransactionMemory);
      return subscription;
    } catch (error) {
      if (isNewOwner) removeOwner(source, database);
      throw error;
    }
  }

  /**
   * Rolls back what is open and closes its statements. Sources opened through it, unless another database uses them as well, deliver what was
   * committed and end. Twice is fine. Throws a TypeError while an iterator is open.
   */
  override close(): this {
    const database = databaseBehind(this) ?? this;
    const wasOpen = database.open;
    super.close();
    if (wasOpen) for (const source of registry.seen()) removeOwner(source, database);
    return this;
  }
}

/** One connection to a SQLite database, with the API of better-sqlite3's. What it commits is captured, from the moment it opens. */
export type Database = CapturingDatabase;
/** The types that TypeScript programs know by these names from better-sqlite3. */
export declare namespace Database {
  export type Database = CapturingDatabase;
  export type Options = DatabaseOptions;
  export type Statement<BindParameters extends unknown[] | {} = unknown[], Result = unknown> = BindParameters extends unknown[]
    ? WriterStatement<BindParameters, Result>
    : WriterStatement<[BindParameters], Result>;
  export type RunResult = WriterRunResult;
  export type ColumnDefinition = WriterColumnDefinition;
  export type SqliteError = SqliteErrorClass;
}
type DatabaseFunction = typeof CapturingDatabase &
  ((path?: string | Buffer | null, options?: DatabaseOptions | null) => CapturingDatabase) & {
    readonly SqliteError: typeof SqliteErrorClass;
  };
/** Works with `new` and without. A function, because a class can't be called; of subclasses it makes instances by `new.target`. */
export const Database = function Database(...given: ConstructorParameters<typeof CapturingDatabase>): CapturingDatabase {
  return Reflect.construct(CapturingDatabase, given, new.target ?? Database) as CapturingDatabase;
} as unknown as DatabaseFunction;
Object.assign(Database, { prototype: CapturingDatabase.prototype, SqliteError: SqliteErrorClass });
// As many as better-sqlite3's takes.
Object.defineProperty(Database, 'length', { value: 2, configurable: true });
makeMembersEnumerable(CapturingDatabase.prototype);
Object.defineProperty(CapturingDatabase.prototype, 'constructor', { value: Database, configurable: true, writable: true });
Object.defineProperty(CapturingDatabase, 'name', { value: 'Database', configurable: true });

/**
 * Opens the change source of a database: every commit after it returns is captured. With `engine: "trigger"` a path will do, or any connection with
 * better-sqlite3's `prepare` and `exec`. Throws RowtapError ROWTAP_BAD_OPTION, ROWTAP_CLOSED, ROWTAP_NO_SUCH_TABLE, ROWTAP_DUPLICATE_SOURCE or
 * ROWTAP_NOT_INSTALLED.
 */
export function openSource(database: Database | TriggerConnection | string, options?: SourceOptions): Source {
  const checked = checkSourceOptions(options);
  const own = databaseBehind(database);
  if (checked.engine === 'trigger') {
    if (own !== undefined) requireOpen(own);
    return triggerSources.open(own ?? database, checked, requireFreeName);
  }
  if (typeof database === 'string') {
    throw badOption('`openSource` needs an open Database to capture by hooks, not a path: `openSource(new Database(path))`');
  }
  requireWriter(own, 'openSource');
  requireOpen(own);
  return openHookSource(own, checked);
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

/**
 * Deletes what the retention lets go of the log that the hook engine keeps in that file, for whoever has no source open on it. Throws ROWTAP_BUSY
 * while a transaction is open on it here, and SqliteError where the database is locked or can't be written.
 */
export function pruneLog(database: Database, retention: Retention): Promise<{ rows: number }> {
  const { hub, path } = binding().hubOf(nativeOf(database));
  const timeoutMs = waitForLockMs(hub, new Set([database]));
  return pruneAll({ hub, retention, connect: () => openForWriting({ path, hub, isReadonly: database.readonly }, timeoutMs) });
}

function requireWriter(database: unknown, what: string): asserts database is Writer {
  if (databaseBehind(database) === undefined)
    throw badOption(`\`${what}\` takes a Database of rowtap's, opened with \`new Database(path)\``);
}

function requireOpen(database: Writer): void {
  if (!database.open) throw new RowtapError('ROWTAP_CLOSED', { what: 'the database' });
}

/** Those of this thread through which some source of the file was opened or used. */
function databasesOf({ sources }: HookFile): Set<Writer> {
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
  return files.openSource(database, (file) => {
    const owner = new Set([database]);
    if (hasPlainName(options.tables)) requireTables(options.tables, listTablesOf(file, owner) ?? [], 'the database');
    if (options.durability === 'log') openLog(file, owner);
    const { tables, excludeTables, durability, retention } = options;
    const settings: SharedSettings = { tables, excludeTables, durability, retention, isReadonly: database.readonly };
    const source = registry.open(file.hub, name, file.path, JSON.stringify(settings));
    if (options.maxTransactionMemory !== undefined) source.setMaxTransactionMemory(options.maxTransactionMemory);
    // Whom it was opened with.
    ownersOf.get(source)?.add(database);
    return source;
  });
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
  const file = files.ofSource(native, isReadonly === true);
  const owners = new Set<Writer>();
  // The turns are made with the first subscription.
  const partsNow = (): SubscribeParts => ({
    file,
    native,
    durability,
    owners,
    databases: () => databasesOf(file),
    binding: binding(),
    turns: theTurns(),
  });
  const source = new HookSource({
    native,
    options: { tables: lists.tables, excludeTables: lists.excludeTables, durability },
    hub: file.hub,
    listTables: () => listTablesOf(file, owners),
    open: (opened, subscribeOptions) => openSubscription(partsNow(), opened, subscribeOptions),
    consume,
    consumers: file.store,
    error: () => file.store.error() ?? file.foreignCommits?.error() ?? file.log?.error(),
    onEnd: (ended) => {
      registry.remove(ended);
      files.forget(file);
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
