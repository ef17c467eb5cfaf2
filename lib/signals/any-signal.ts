import { badOption } from '../errors/rowtap-error.js';
import type { Signal } from '../model/signal.js';

/** Wakes when any of them does. One that fails is disposed of, and it fails itself when none is left. Throws RowtapError ROWTAP_BAD_OPTION without one. */
export function anySignal(...signals: Signal[]): Signal {
  if (signals.length === 0) throw badOption('`anySignal` takes at least one signal');
  const working = new Set(signals);
  let isDisposed = false;
  return {
    start: (wake, fail) => {
      const wakeNow = (): void => {
        if (!isDisposed) wake();
      };
      for (const signal of signals) {
        const lose = (error: Error): void => {
          if (isDisposed || !working.delete(signal)) return;
          void signal[Symbol.asyncDispose]();
          if (working.size === 0) fail(error);
        };
        try {
          signal.start(wakeNow, lose);
        } catch (error) {
          lose(error instanceof Error ? error : new Error(String(error)));
        }
      }
    },
    [Symbol.asyncDispose]: async () => {
      isDisposed = true;
      await Promise.all([...working].map((signal) => signal[Symbol.asyncDispose]()));
    },
  };
}
