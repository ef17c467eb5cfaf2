import type { Change } from '../model/change.js';
import type { ConsumeHandler } from '../model/source.js';
import { pause } from './pause.js';
import { type RetryPolicy, retryDelayMs } from './retry-policy.js';
import type { StreamSubscription } from './subscription.js';

/** What the loop asks of its subscription, whose acknowledgement is "manual". */
export type BatchReader = Pick<StreamSubscription, 'nextChanges' | 'whenClosed' | 'isClosed' | 'ackOutside' | 'close'>;

export interface ConsumeParts {
  maxBatchSize: number;
  retry: RetryPolicy;
  /** Not the subscription's: it stays open until the handler that runs has returned, so that this batch can be acknowledged. */
  signal: AbortSignal | undefined;
}

/**
 * Hands everything the subscription has to `handler`, and acknowledges each batch when its handler has returned: one batch is read, handled, as
 * often as it takes, and acknowledged, and only then the next one is read. Closes the subscription in the end.
 *
 * Ends when the subscription does, and when it is stopped: by its signal, or because the subscription was closed from outside. Throws what the
 * subscription throws, and what the handler threw at its last attempt.
 */
export async function consume(subscription: BatchReader, handler: ConsumeHandler, parts: ConsumeParts): Promise<void> {
  const { maxBatchSize, retry, signal } = parts;
  const stop = new AbortController();
  let isHandling = false;
  const onAbort = (): void => {
    stop.abort(signal?.reason);
    if (!isHandling) void subscription.close();
  };
  subscription.whenClosed(() => stop.abort());
  signal?.addEventListener('abort', onAbort);
  if (signal?.aborted === true) onAbort();
  try {
    for (;;) {
      const changes = await subscription.nextChanges(maxBatchSize);
      // The handler may take out of the array what it is done with.
      const last = changes.at(-1);
      // What was read and then stopped, before a handler saw it, is left unacknowledged.
      if (last === undefined || stop.signal.aborted) return;
      isHandling = true;
      const isDone = await handle(changes, handler, retry, stop.signal);
      isHandling = false;
      if (isDone && !subscription.isClosed) subscription.ackOutside(last);
      if (stop.signal.aborted) return;
    }
  } finally {
    signal?.removeEventListener('abort', onAbort);
    await subscription.close();
  }
}

/** Whether the handler returned at last; false where it was stopped before. Throws what its last attempt threw. */
async function handle(changes: Change[], handler: ConsumeHandler, retry: RetryPolicy, signal: AbortSignal): Promise<boolean> {
  for (let attempt = 1; ; ++attempt) {
    try {
      await handler(changes, { attempt, signal });
      return true;
    } catch (error) {
      // What a handler throws that was told to stop is how it stopped.
      if (signal.aborted) return false;
      if (attempt >= retry.attempts) throw error;
    }
    await pause(retryDelayMs(retry, attempt, Math.random()), signal);
    if (signal.aborted) return false;
  }
}
