import { RowtapError } from '../errors/rowtap-error.js';

/** The names in use, of every database file that this thread has sources of: two sources of one file write to one table. */
const inUse = new Set<string>();

/** Throws RowtapError ROWTAP_DUPLICATE_CONSUMER. The name is taken until the returned function is called; twice is fine. */
export function takeConsumerName(hubKey: string, consumer: string): () => void {
  const key = JSON.stringify([hubKey, consumer]);
  if (inUse.has(key)) throw new RowtapError('ROWTAP_DUPLICATE_CONSUMER', { consumer });
  inUse.add(key);
  let isTaken = true;
  return () => {
    if (isTaken) inUse.delete(key);
    isTaken = false;
  };
}
