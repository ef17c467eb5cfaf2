import type { NativeHub } from '../binding/native.js';
import { Catalog } from '../decode/catalog.js';
import type { RowtapError } from '../errors/rowtap-error.js';
import type { ForeignCommits } from './foreign-commits.js';
import type { HookSource } from './hook-source.js';

/** The path of what is no file: no other connection can open it. */
export const memoryPath = ':memory:';

export interface CapturedFileParts<Store, Log> {
  /** Equal for the same file, however its path was spelt. */
  key: string;
  /** Absolute; ":memory:" for what is no file. */
  path: string;
  isReadonly: boolean;
  hub: NativeHub;
  store: Store;
  /** What keeps the file's log; undefined for what is no file. */
  log: Log | undefined;
  /** Undefined for what is no file. */
  foreignCommits: ForeignCommits | undefined;
}

/** What the sources of one database file have in common in this thread, for as long as one of them is open, or has something left to deliver. */
export class CapturedFile<Store, Log> {
  readonly key: string;
  readonly path: string;
  readonly isReadonly: boolean;
  readonly hub: NativeHub;
  readonly catalog: Catalog;
  readonly store: Store;
  readonly log: Log | undefined;
  readonly foreignCommits: ForeignCommits | undefined;
  readonly sources = new Set<HookSource>();

  constructor({ key, path, isReadonly, hub, store, log, foreignCommits }: CapturedFileParts<Store, Log>) {
    this.key = key;
    this.path = path;
    this.isReadonly = isReadonly;
    this.hub = hub;
    this.catalog = new Catalog((tableId) => hub.describe(tableId));
    this.store = store;
    this.log = log;
    this.foreignCommits = foreignCommits;
  }

  /** Its sources end, in every thread, and say why. */
  fail(error: RowtapError): void {
    for (const source of this.sources) source.fail(error);
  }

  openSource(): HookSource | undefined {
    return [...this.sources].find((source) => source.isOpen);
  }
}
