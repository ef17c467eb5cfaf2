import type { NativeHub } from '../binding/native.js';
import { Catalog } from '../decode/catalog.js';
import type { HookSource } from './hook-source.js';

/** What the sources of one database file have in common, for as long as one of them is open, or has something left to deliver. */
export class CapturedFile<Store> {
  /** Equal for the same file, however its path was spelt. */
  readonly key: string;
  /** Absolute, or as it was given where it is a URI; ":memory:" for what is no file. */
  readonly path: string;
  readonly hub: NativeHub;
  readonly catalog: Catalog;
  readonly store: Store;
  readonly sources = new Set<HookSource>();

  constructor(key: string, path: string, hub: NativeHub, store: Store) {
    this.key = key;
    this.path = path;
    this.hub = hub;
    this.catalog = new Catalog((tableId) => hub.describe(tableId));
    this.store = store;
  }

  openSource(): HookSource | undefined {
    return [...this.sources].find((source) => source.isOpen);
  }
}
