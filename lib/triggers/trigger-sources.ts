import { basename } from 'node:path';
import type { Turns } from '../delivery/turns.js';
import { RowtapError } from '../errors/rowtap-error.js';
import type { CheckedSourceOptions } from '../sources/options.js';
import { targetOf } from './target.js';
import { TriggerSource } from './trigger-source.js';

/** The open sources of the trigger engine in this thread, by name. */
export class TriggerSources {
  readonly #turns: () => Turns;
  readonly #sources = new Map<string, TriggerSource>();

  constructor(turns: () => Turns) {
    this.#turns = turns;
  }

  get(name: string): TriggerSource | undefined {
    return this.#sources.get(name);
  }

  all(): TriggerSource[] {
    return [...this.#sources.values()];
  }

  /** Throws ROWTAP_DUPLICATE_SOURCE. */
  requireFree(name: string): void {
    if (this.#sources.has(name)) throw new RowtapError('ROWTAP_DUPLICATE_SOURCE', { name });
  }

  /** `requireFree` is asked for the names of other sources. Throws as `openSource`. */
  open(database: unknown, options: CheckedSourceOptions, requireFree: (name: string) => void): TriggerSource {
    const target = targetOf(database, 'openSource');
    const name = options.name ?? basename(target.path);
    this.requireFree(name);
    requireFree(name);
    const onClose = (closed: TriggerSource): void => {
      if (this.#sources.get(closed.name) === closed) this.#sources.delete(closed.name);
    };
    const source = new TriggerSource({ name, target, options, turns: this.#turns(), onClose });
    this.#sources.set(name, source);
    return source;
  }

  /** The source that `changes` goes on with: the one of that name, or any of the file; opened where there is none. */
  reuse(database: unknown, options: CheckedSourceOptions, requireFree: (name: string) => void): TriggerSource {
    const { path } = targetOf(database, 'changes');
    const isMeant = (source: TriggerSource): boolean =>
      source.path === path && source.isOpen && (options.name === undefined || source.name === options.name);
    return this.all().find(isMeant) ?? this.open(database, options, requireFree);
  }
}
