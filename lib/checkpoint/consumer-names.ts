import type { NativeHub } from '../binding/native.js';
import { RowtapError } from '../errors/rowtap-error.js';

/** Throws RowtapError ROWTAP_DUPLICATE_CONSUMER. The name is taken until the returned function is called; twice is fine. */
export function takeConsumerName(hub: Pick<NativeHub, 'takeConsumer' | 'freeConsumer'>, consumer: string): () => void {
  if (!hub.takeConsumer(consumer)) throw new RowtapError('ROWTAP_DUPLICATE_CONSUMER', { consumer });
  let isTaken = true;
  return () => {
    if (isTaken) hub.freeConsumer(consumer);
    isTaken = false;
  };
}
