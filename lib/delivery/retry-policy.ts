/** How a batch whose handler throws is tried again. */
export interface RetryPolicy {
  /** How often the handler is called for one batch at most. Infinity: for ever. */
  attempts: number;
  minDelayMs: number;
  /** Not less than `minDelayMs`. */
  maxDelayMs: number;
}

/** From here on the longest delay that a timer knows is reached, whatever the first one was. */
const mostDoublings = 31;

/**
 * How long to wait after `failures` attempts at one batch, `chance` being from 0 up to 1: never outside of what the policy says. Each failure
 * doubles the delay; half of it is by chance, so that consumers which failed together don't come back together.
 */
export function retryDelayMs({ minDelayMs, maxDelayMs }: RetryPolicy, failures: number, chance: number): number {
  const fullMs = Math.min(minDelayMs * 2 ** Math.min(failures, mostDoublings), maxDelayMs);
  return Math.max(minDelayMs, fullMs / 2 + (fullMs / 2) * chance);
}
