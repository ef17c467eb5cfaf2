import { badOption } from '../errors/rowtap-error.js';
import type { Signal } from '../model/signal.js';

/** Wakes again and again. Throws RowtapError ROWTAP_BAD_OPTION for anything but 1 to 2147483647 milliseconds. */
export function timerSignal(intervalMs: number): Signal {
  // Timers know no longer ones (https://nodejs.org/api/timers.html#settimeoutcallback-delay-args).
  if (!Number.isInteger(intervalMs) || intervalMs < 1 || intervalMs > 2 ** 31 - 1) {
    throw badOption('`timerSignal` takes a number of milliseconds, from 1 to 2147483647');
  }
  let timer: NodeJS.Timeout | undefined;
  return {
    start: (wake) => {
      timer = setInterval(wake, intervalMs).unref();
    },
    [Symbol.asyncDispose]: () => {
      clearInterval(timer);
      return Promise.resolve();
    },
  };
}
