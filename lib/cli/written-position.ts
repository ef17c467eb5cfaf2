import { setTimeout as wait } from 'node:timers/promises';
import type { Source } from '../model/source.js';

const lookMs = 100;
const patienceMs = 10_000;

/** What a source says while positions are not on the disk. */
const unwrittenCodes = ['ROWTAP_BUSY', 'ROWTAP_CHECKPOINT_FAILED'];

/**
 * A consumer's last position is written when its subscription is closed, or, where another program has the database locked, later, as long as the source
 * is open: waits until it is. Gives what stands in the way where that takes too long.
 */
export async function waitForPosition(source: Pick<Source, 'info'>): Promise<string | undefined> {
  const deadlineMs = performance.now() + patienceMs;
  for (;;) {
    const { error } = source.info();
    if (error === undefined || !unwrittenCodes.includes(error.code)) return undefined;
    if (performance.now() > deadlineMs) return error.message;
    await wait(lookMs);
  }
}
