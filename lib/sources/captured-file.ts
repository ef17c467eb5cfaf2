import type { NativeHub } from '../binding/native.js';
import { Catalog } from '../decode/catalog.js';
import type { RowtapError } from '../errors/rowtap-error.js';
import type { ForeignCommits } from './foreign-commits.js';
import type { HookSource } from './hook-source.js';

/** What the sources of one database file have in common, for as long as one of them is open, or has something left to deliver. */
export class CapturedFile<Store> {
  /** Equal for the same file, however its path was spelt. */
  readonly key: string;
  /** Absolute; ":memory:" for what is no file. */
  readonly path: string;
  readonly hub: NativeHub;
  readonly catalog: Catalog;
  readonly store: Store;
  /** Undefined for what is no file. */
  readonly foreignCommits: ForeignCommits | undefined;
  readonly sources = new Set<HookSource>();

  constructor(key: string, path: string, hub: NativeHub, store: Store, foreignCommits: ForeignCommits | undefined) {
    this.key = key;
    this.path = path;
    this.hub = hub;
    this.catalog = new Catalog((tableId) => hub.describe(tableId));
    this.store = store;
    this.foreignCommits = foreignCommits;
  }

  /** Its sources end, and say why. */
  fail(error: RowtapError): void {
    for (const source of this.sources) source.fail(error);
  }

  openSource(): HookSource | undefined {
    return [...this.sources].find((source) => source.isOpen);
  }
}
