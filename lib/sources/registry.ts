import { RowtapError } from '../errors/rowtap-error.js';
import type { Source } from '../model/source.js';

/** The open sources of this thread, by name. */
export class SourceRegistry<S extends Source> {
  readonly #sources = new Map<string, S>();

  get(name: string): S | undefined {
    return this.#sources.get(name);
  }

  all(): S[] {
    return [...this.#sources.values()];
  }

  /** Throws ROWTAP_DUPLICATE_SOURCE. */
  requireFree(name: string): void {
    if (this.#sources.has(name)) throw new RowtapError('ROWTAP_DUPLICATE_SOURCE', { name });
  }

  add(source: S): void {
    this.requireFree(source.name);
    this.#sources.set(source.name, source);
  }

  remove(source: S): void {
    if (this.#sources.get(source.name) === source) this.#sources.delete(source.name);
  }
}
