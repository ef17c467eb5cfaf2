import { setImmediate, setTimeout } from 'node:timers/promises';

/** Ends early when the signal is aborted. */
export async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await setTimeout(ms, undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    if (signal?.aborted !== true) throw error;
  }
}

/** Between two batches, so that the program's other work goes on, and whatever aborts the signal. */
export async function otherWork(): Promise<void> {
  await setImmediate();
}
