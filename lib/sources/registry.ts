import type { NativeBinding, NativeHub, NativeSource } from '../binding/native.js';
import { RowtapError } from '../errors/rowtap-error.js';

/** One thread's view of an open source. */
export interface SourceView {
  readonly name: string;
  readonly isOpen: boolean;
  /** To be called whenever it may have ended, in whatever thread. */
  noticeEnd(): void;
}

type SourcesBinding = Pick<NativeBinding, 'openSource' | 'findSource' | 'allSources'>;

/** The open sources of the process, each as the one view that this thread has of it. */
export class SourceRegistry<View extends SourceView> {
  readonly #binding: () => SourcesBinding;
  readonly #makeView: (native: NativeSource) => View;
  readonly #views = new Map<string, View>();

  constructor(binding: () => SourcesBinding, makeView: (native: NativeSource) => View) {
    this.#binding = binding;
    this.#makeView = makeView;
  }

  get(name: string): View | undefined {
    this.#sweep();
    const native = this.#binding().findSource(name);
    return native === undefined ? undefined : this.#viewOf(native);
  }

  all(): View[] {
    this.#sweep();
    return this.#binding()
      .allSources()
      .map((native) => this.#viewOf(native));
  }

  /** The first source that was opened on that file and is open. */
  ofHub(hubKey: string): View | undefined {
    this.#sweep();
    const native = this.#binding()
      .allSources()
      .find((source) => source.hubKey === hubKey);
    return native && this.#viewOf(native);
  }

  /** Those that this thread has seen. */
  seen(): View[] {
    return [...this.#views.values()];
  }

  /** Throws ROWTAP_DUPLICATE_SOURCE. */
  requireFree(name: string): void {
    if (this.#binding().findSource(name) !== undefined) throw new RowtapError('ROWTAP_DUPLICATE_SOURCE', { name });
  }

  /** Throws ROWTAP_DUPLICATE_SOURCE. */
  open(hub: NativeHub, name: string, path: string, options: string): View {
    const native = this.#binding().openSource(hub, name, path, options, Date.now());
    if (native === undefined) throw new RowtapError('ROWTAP_DUPLICATE_SOURCE', { name });
    return this.#viewOf(native);
  }

  /** To be called by a view that has ended. */
  remove(view: View): void {
    if (this.#views.get(view.name) === view) this.#views.delete(view.name);
  }

  /** Those that have ended in another thread let go of what they hold here. */
  #sweep(): void {
    for (const view of this.#views.values()) view.noticeEnd();
  }

  #viewOf(native: NativeSource): View {
    // While one is open its name is nobody else's.
    const known = this.#views.get(native.name);
    if (known?.isOpen === true) return known;
    const view = this.#makeView(native);
    this.#views.set(view.name, view);
    return view;
  }
}
