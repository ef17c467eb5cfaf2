import type { Signal } from '../model/signal.js';

/** Wakes when its `wake` is called: by whoever hears in another way of what was committed. Before the start, and behind the end, that does nothing. */
export function channelSignal(): Signal & { wake(): void } {
  let wakeNow: (() => void) | undefined;
  return {
    start: (wake) => {
      wakeNow = wake;
    },
    wake: () => wakeNow?.(),
    [Symbol.asyncDispose]: () => {
      wakeNow = undefined;
      return Promise.resolve();
    },
  };
}
