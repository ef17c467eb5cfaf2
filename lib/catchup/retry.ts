import { type RetryPolicy, retryDelayMs } from '../delivery/retry-policy.js';

/** Locks are held for milliseconds. */
const policy: RetryPolicy = { attempts: Number.POSITIVE_INFINITY, minDelayMs: 3, maxDelayMs: 1000 };

/** How often a row whose own work meets a lock is tried again, one after the other; what this project's statements meet is tried for ever. */
export const mostRowRetries = 8;

/** Failures in a row. */
export class Retries {
  failures = 0;

  nextDelayMs(): number {
    return retryDelayMs(policy, ++this.failures, Math.random());
  }

  reset(): void {
    this.failures = 0;
  }
}
