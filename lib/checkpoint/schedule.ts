/** How long acknowledgements are gathered, at least, before they are written together. */
export const gatherMs = 100;

/** A write opens a connection, which takes the longer the more tables there are: this share of the thread's time at most. */
const maxShare = 0.05;

/** How long acknowledgements are gathered where the last write took `lastWriteMs`. */
export function gatherDelayMs(lastWriteMs: number): number {
  return Math.max(gatherMs, lastWriteMs / maxShare);
}

const maxRetryMs = 5000;

/** How long to wait after `failures` failed writes in a row. No jitter: one connection in one process tries. */
export function retryDelayMs(failures: number): number {
  return Math.min(gatherMs * 2 ** Math.min(Math.max(failures - 1, 0), 16), maxRetryMs);
}
