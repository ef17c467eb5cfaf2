import type { NativeHub } from '../binding/native.js';
import { badOption, RowtapError } from '../errors/rowtap-error.js';

export type ConsumerNames = Pick<NativeHub, 'takeConsumer' | 'freeConsumer'>;

/** Throws RowtapError ROWTAP_DUPLICATE_CONSUMER. The name is taken until the returned function is called; twice is fine. */
export function takeConsumerName(hub: ConsumerNames, consumer: string): () => void {
  if (!hub.takeConsumer(consumer)) throw new RowtapError('ROWTAP_DUPLICATE_CONSUMER', { consumer, holder: 'another subscription' });
  let isTaken = true;
  return () => {
    if (isTaken) hub.freeConsumer(consumer);
    isTaken = false;
  };
}

/** By a subscription of this process, in whatever thread. */
export function isConsumerUsed(hub: ConsumerNames, consumer: string): boolean {
  const isFree = hub.takeConsumer(consumer);
  if (isFree) hub.freeConsumer(consumer);
  return !isFree;
}

/** Of a consumer that is to be dropped. */
export function noSuchConsumer(consumer: string): RowtapError {
  return badOption(`\`dropConsumer\`: there is no consumer "${consumer}"; \`consumers()\` lists those that there are`);
}
