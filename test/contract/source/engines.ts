/**
 * The two engines, with one face for tests: a file, a database that writes it, its source, and readings of that. What an engine may do
 * otherwise than the other stands here, in words, and nowhere else (docs/guides/changes-by-other-programs.md, "What differs from hooks").
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Change,
  channelSignal,
  Database,
  installTriggers,
  openSource,
  type Source,
  type SourceOptions,
  type SubscribeOptions,
  type Subscription,
} from 'rowtap';
import { onTestFinished } from 'vitest';
import { brief } from '../../support/captured.js';

export interface Engine {
  name: 'hook' | 'trigger';
  /** A change that a trigger or a foreign key has made, as this engine words it: triggers do not know it from others. */
  indirect(text: string): string;
  /** What a foreign key does to the children of a row, and the row's own change: triggers of the children run first. */
  cascade(parent: string, children: string[]): string[];
  /** What a REPLACE deletes without `PRAGMA recursive_triggers`: no trigger is run for it. */
  silentlyReplaced(deletes: string[]): string[];
  /** A snapshot begins while nobody writes: its place has to be written down, so an open transaction of the same thread is in its way. */
  locksForSnapshot: boolean;
  /** Who makes a database ready for this engine, after its tables were made and whenever they have changed. */
  prepare(db: Database): void;
  /** Gives what says that a commit was made; hooks need nobody to say it. */
  open(db: Database, options: SourceOptions): { source: Source; committed(): void };
}

const hookEngine: Engine = {
  name: 'hook',
  indirect: (text) => `indirect ${text}`,
  cascade: (parent, children) => [parent, ...children],
  silentlyReplaced: (deletes) => deletes,
  locksForSnapshot: false,
  prepare: () => {},
  open: (db, options) => ({ source: openSource(db, { durability: 'log', ...options }), committed: () => {} }),
};

const triggerEngine: Engine = {
  name: 'trigger',
  indirect: (text) => text,
  cascade: (parent, children) => [...children, parent],
  silentlyReplaced: () => [],
  locksForSnapshot: true,
  prepare: (db) => void installTriggers(db),
  open: (db, options) => {
    // What is committed between two looks is one transaction: with a look behind each commit, each has an LSN of its own.
    const signal = channelSignal();
    return { source: openSource(db, { engine: 'trigger', wake: signal, ...options }), committed: () => signal.wake() };
  },
};

export const engines: readonly Engine[] = [hookEngine, triggerEngine];

export interface RunOptions extends SourceOptions {
  /** Run before anybody listens. */
  before?: string;
  journalMode?: 'wal' | 'delete';
  encoding?: 'UTF-8' | 'UTF-16le' | 'UTF-16be';
}

const marker = 'test_marker';

/** An engine on a file of its own; everything is closed, and the file removed, when the test has finished. */
export function run(engine: Engine, options: RunOptions = {}): Run {
  const { before = '', journalMode = 'wal', encoding = 'UTF-8', ...source } = options;
  const folder = mkdtempSync(join(tmpdir(), 'rowtap-contract-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'test.db');
  const db = new Database(path);
  db.exec(
    `PRAGMA encoding = '${encoding}'; PRAGMA journal_mode = ${journalMode}; PRAGMA synchronous = OFF; CREATE TABLE ${marker} (n INTEGER PRIMARY KEY AUTOINCREMENT, step); ${before}`,
  );
  engine.prepare(db);
  db.close();
  return new Run(engine, path, source);
}

/** From the opening of the file to its closing; `restart` begins another one on the same file. */
export class Run {
  readonly engine: Engine;
  readonly path: string;
  readonly #options: SourceOptions;
  #db!: Database;
  #source!: Source;
  #committed!: () => void;

  constructor(engine: Engine, path: string, options: SourceOptions) {
    this.engine = engine;
    this.path = path;
    this.#options = options;
    this.#open();
    onTestFinished(() => this.close());
  }

  get db(): Database {
    return this.#db;
  }

  get source(): Source {
    return this.#source;
  }

  /** Runs each statement by itself. Those outside of BEGIN are a commit each. */
  exec(...statements: string[]): void {
    for (const sql of statements) {
      this.#db.exec(sql);
      this.#committed();
    }
  }

  /** The statement must fail. Gives the code of its error. */
  fails(sql: string): string {
    try {
      this.#db.exec(sql);
    } catch (error) {
      return String((error as { code?: unknown }).code ?? error);
    } finally {
      this.#committed();
    }
    throw new Error(`no error was thrown: ${sql}`);
  }

  /** Changes tables, in one transaction with what the engine has to be told of it. */
  reshape(...statements: string[]): void {
    this.#db.transaction(() => {
      this.engine.prepare(this.#db);
      for (const sql of statements) {
        this.#db.exec(sql);
        this.engine.prepare(this.#db);
      }
    })();
    this.#committed();
  }

  /** Says that something was committed elsewhere, as a signal would. */
  look(): void {
    this.#committed();
  }

  read(options: SubscribeOptions = {}): Reading {
    const tables = options.tables === undefined ? {} : { tables: [...options.tables, marker] };
    return new Reading(this.source.subscribe({ snapshot: 'never', ...options, ...tables }), () => this.#mark());
  }

  async restart(options: { between?: (path: string) => void } = {}): Promise<void> {
    await this.close();
    options.between?.(this.path);
    this.#open();
  }

  async close(): Promise<void> {
    await this.#source.close();
    if (this.#db.open) this.#db.close();
  }

  #open(): void {
    this.#db = new Database(this.path);
    this.#db.exec('PRAGMA synchronous = OFF');
    const { source, committed } = this.engine.open(this.#db, this.#options);
    this.#source = source;
    this.#committed = committed;
  }

  /** A commit of each kind of change, so that no filter but one of tables leaves all of it out. Gives its number. */
  #mark(): number {
    const number = this.#db.transaction(() => {
      const { lastInsertRowid } = this.#db.prepare(`INSERT INTO ${marker} (step) VALUES (1)`).run();
      this.#db.exec(`UPDATE ${marker} SET step = 2; DELETE FROM ${marker}`);
      return Number(lastInsertRowid);
    })();
    this.#committed();
    return number;
  }
}

/** Reads a subscription as it goes. */
export class Reading {
  readonly subscription: Subscription;
  readonly #mark: () => number;
  readonly #ended: Promise<unknown>;
  #received: Change[] = [];
  #passed = 0;
  #waiting: (() => void) | undefined;
  #isEnded = false;
  #hasRestarted = false;

  constructor(subscription: Subscription, mark: () => number) {
    this.subscription = subscription;
    this.#mark = mark;
    this.#ended = this.#read();
  }

  /** All that has come since the last call, and comes before a commit that is made now. Throws what ended the subscription before that. */
  async changes(): Promise<Change[]> {
    let number = this.#mark();
    while (this.#passed < number && !this.#isEnded) {
      // The snapshot that comes then may be newer than the mark.
      if (this.#hasRestarted) number = this.#mark();
      this.#hasRestarted = false;
      await new Promise<void>((resolve) => (this.#waiting = resolve));
    }
    const received = this.#received;
    this.#received = [];
    const error = this.#isEnded ? await this.#ended : undefined;
    if (error !== undefined) throw error;
    if (this.#passed < number) throw new Error('the subscription has ended before the marker came');
    return received;
  }

  /** The same as brief texts, an array for each LSN. */
  async transactions(): Promise<string[][]> {
    return byLsn(await this.changes());
  }

  /** Resolves with what ended the subscription; undefined where it ended by itself. */
  ended(): Promise<unknown> {
    return this.#ended;
  }

  /** What has come since the last call, when it has ended. */
  async rest(): Promise<Change[]> {
    await this.#ended;
    return this.#received.splice(0);
  }

  async #read(): Promise<unknown> {
    try {
      for await (const change of this.subscription) this.#take(change);
      return undefined;
    } catch (error) {
      return error;
    } finally {
      this.#isEnded = true;
      this.#waiting?.();
    }
  }

  #take(change: Change): void {
    if (change.table !== marker) {
      this.#received.push(change);
      return;
    }
    if (change.op === 'bootstrap') this.#hasRestarted = true;
    else if (!('last' in change) || !change.last) return;
    else this.#passed = Number((change.after ?? change.before)?.['n']);
    this.#waiting?.();
  }
}

export function byLsn(changes: readonly Change[]): string[][] {
  const texts = new Map<number, string[]>();
  for (const change of changes) texts.set(change.lsn, [...(texts.get(change.lsn) ?? []), brief(change)]);
  return [...texts.values()];
}
