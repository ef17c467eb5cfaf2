/** Who is measured, each with a database of its own. All talk through the same methods, those that better-sqlite3 has. */
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { type Change, Database, installTriggers, openSource, type SourceOptions, type SqlValue, type Subscription } from 'rowtap';
import type { Beside, Workload } from './workloads.js';

const require = createRequire(import.meta.url);
const packageRoot = resolve(import.meta.dirname, '../../..');

export interface BenchStatement {
  run(...parameters: unknown[]): unknown;
  get(...parameters: unknown[]): unknown;
  all(...parameters: unknown[]): unknown[];
  iterate(...parameters: unknown[]): Iterable<unknown>;
  bind(...parameters: unknown[]): BenchStatement;
  pluck(): BenchStatement;
  raw(): BenchStatement;
  expand(): BenchStatement;
  safeIntegers(): BenchStatement;
  columns(): unknown;
}

export interface BenchDatabase {
  prepare(sql: string): BenchStatement;
  transaction(fn: () => void): () => void;
  exec(sql: string): unknown;
  pragma(sql: string, options?: { simple: boolean }): unknown;
  close(): unknown;
}

export interface Contestant {
  name: string;
  /** The addon it loads, where that is not the built one; one thread can have only one. */
  addon?: string;
  open(path: string): BenchDatabase;
  /** Called when the tables are there. */
  begin?(database: BenchDatabase): void;
  /** Gives what it does besides, once in each transaction of a workload. */
  beside?(database: BenchDatabase, workload: Workload): Beside;
  /** Resolves when all changes so far, `count` of them since the last call, have been delivered and read. */
  awaitDelivery?(count: number): Promise<void>;
}

const columns = ['id', 'name', 'note', 'price', 'stock'];

function withTriggers(database: BenchDatabase): void {
  const image = (row: string): string => `json_object(${columns.map((column) => `'${column}', ${row}.${column}`).join(', ')})`;
  database.exec(`
    CREATE TABLE log (id INTEGER PRIMARY KEY, op TEXT, before TEXT, after TEXT);
    CREATE TRIGGER log_insert AFTER INSERT ON item BEGIN INSERT INTO log (op, after) VALUES ('insert', ${image('new')}); END;
    CREATE TRIGGER log_update AFTER UPDATE ON item BEGIN INSERT INTO log (op, before, after) VALUES ('update', ${image('old')}, ${image('new')}); END;
    CREATE TRIGGER log_delete AFTER DELETE ON item BEGIN INSERT INTO log (op, before) VALUES ('delete', ${image('old')}); END;
  `);
}

/** Reads every field of every row, as a real consumer would. */
class Reader {
  #subscription: Subscription | undefined;
  #iterator: AsyncIterator<Change> | undefined;
  sum = 0;

  begin(database: BenchDatabase, options?: SourceOptions): void {
    this.#subscription = (database as unknown as Database).changes(options);
    this.#iterator = this.#subscription[Symbol.asyncIterator]();
  }

  async read(count: number): Promise<void> {
    for (let left = count; left > 0; left--) {
      const { value } = (await this.#iterator?.next()) as IteratorYieldResult<Change>;
      if (value.before !== null) this.#touch(value.before);
      if (value.after !== null) this.#touch(value.after);
    }
  }

  #touch(row: Record<string, SqlValue>): void {
    this.sum +=
      (row.id as number) + (row.name as string).length + (row.note as string).length + (row.price as number) + (row.stock as number);
  }
}

const openOurs = (path: string): BenchDatabase => new Database(path);

function openBetterSqlite3(path: string): BenchDatabase {
  const BetterSqlite3 = require('better-sqlite3') as new (path: string) => BenchDatabase;
  return new BetterSqlite3(path);
}

const reader = new Reader();
const withoutCapture = resolve(packageRoot, 'build/no-capture/rowtap_no_capture.node');

/** Nothing is pruned while it is measured: the triggers' log is not either. */
const keepAll = 24 * 60 * 60 * 1000;

function withSource(options: SourceOptions): (database: BenchDatabase) => void {
  return (database) => {
    openSource(database as unknown as Database, options);
  };
}

const plain: Contestant = { name: 'rowtap, capture not compiled in', addon: withoutCapture, open: openOurs };
const triggers: Contestant = {
  name: 'triggers writing JSON, capture not compiled in',
  addon: withoutCapture,
  open: openOurs,
  begin: withTriggers,
};

const betterSqlite3: Contestant = { name: 'better-sqlite3', open: openBetterSqlite3 };
const unwatched: Contestant = { name: 'rowtap, no subscriber', open: openOurs };

/** What capture costs: ratios to the first. */
export const capturing: Contestant[] = [
  plain,
  // The same once more: how far two equal things lie apart in this run.
  { ...plain, name: 'the same again (control)' },
  unwatched,
  {
    name: 'rowtap, one subscriber',
    open: openOurs,
    begin: (database) => reader.begin(database),
    awaitDelivery: (count) => reader.read(count),
  },
  betterSqlite3,
  triggers,
  {
    name: "the trigger engine's triggers, no subscriber",
    addon: withoutCapture,
    open: openOurs,
    begin: (database) => void installTriggers(database),
  },
  {
    name: 'the trigger engine, one subscriber',
    open: openOurs,
    begin: (database) => {
      installTriggers(database);
      reader.begin(database, { engine: 'trigger' });
    },
    awaitDelivery: (count) => reader.read(count),
  },
];

const framed: Contestant = { ...plain, name: 'no capture, BEGIN and COMMIT around it', beside: () => () => {} };

/**
 * The least that a log in the same transaction can cost: one prepared INSERT more, of a blob as large as the log's entry. It holds the call from
 * JavaScript, the binding of the blob, SQLite's bytecode, the b-tree and the pages; no capture, nothing that is packed or compressed, no key of the log's.
 */
const floor: Contestant = {
  ...plain,
  name: 'the same, and one INSERT of a blob (floor)',
  beside(database, { entryBytes }) {
    database.exec('CREATE TABLE floor (id INTEGER PRIMARY KEY, entry BLOB)');
    const insert = database.prepare('INSERT INTO floor (entry) VALUES (?)');
    const entry = Buffer.alloc(entryBytes, 'entry');
    return () => void insert.run(entry);
  },
};

const live: Contestant = { name: "durability 'live', no subscriber", open: openOurs, begin: withSource({ durability: 'live' }) };

/** What the log costs: what is added to `live` by `log`, to `plain` by `triggers`, and to `framed` by `floor`. */
export const logging = {
  live,
  control: { ...live, name: 'the same again (control)' },
  log: {
    name: "durability 'log', no subscriber",
    open: openOurs,
    begin: withSource({ durability: 'log', retention: { maxAgeMs: keepAll } }),
  },
  plain,
  triggers,
  framed,
  floor,
} satisfies Record<string, Contestant>;

/** How fast the writer is, capture installed: ratios to the first. */
export const writing = {
  betterSqlite3,
  control: { ...betterSqlite3, name: 'the same again (control)' },
  ours: unwatched,
} satisfies Record<string, Contestant>;
