import { setImmediate } from 'node:timers/promises';

/** Between two batches, so that the program's other work goes on, and whatever aborts the signal. */
export async function otherWork(): Promise<void> {
  await setImmediate();
}
