/** How long acknowledgements are gathered before they are written together. */
export const gatherMs = 100;

const maxRetryMs = 5000;

/** How long to wait after `failures` failed writes in a row. No jitter: one connection in one process tries. */
export function retryDelayMs(failures: number): number {
  return Math.min(gatherMs * 2 ** Math.min(Math.max(failures - 1, 0), 16), maxRetryMs);
}
