import { RowtapError } from '../errors/rowtap-error.js';
import type { ConsumeOptions, SubscribeOptions } from '../model/options.js';
import type { ConsumeHandler, ConsumerInfo, Subscription } from '../model/source.js';
import type { AnyTables } from '../model/value.js';
import type { SourceSubscription } from './source-subscription.js';
import {
  type CheckedConsumeOptions,
  type CheckedSubscribeOptions,
  checkConsumeHandler,
  checkConsumeOptions,
  checkConsumerName,
  checkSubscribeOptions,
} from './options.js';

/**
 * What is asked of a source, whichever its engine: it must be open, then what was given is checked, and only then something is done. An engine
 * says how.
 */
export abstract class SourceCalls {
  abstract readonly name: string;
  abstract get isOpen(): boolean;

  /** Why it could not go on, where it has ended by that. */
  get failure(): RowtapError | undefined {
    return undefined;
  }

  subscribe<Tables = AnyTables>(options?: SubscribeOptions): Subscription<Tables> {
    this.#requireOpen();
    return this.openSubscription(checkSubscribeOptions(options)) as unknown as Subscription<Tables>;
  }

  /** The subscription is placed before it returns its promise. */
  async consume(handler: ConsumeHandler, options: ConsumeOptions): Promise<void> {
    this.#requireOpen();
    checkConsumeHandler(handler);
    const checked = checkConsumeOptions(options);
    await this.handOver(this.openSubscription(checked.subscribe), handler, checked);
  }

  consumers(): ConsumerInfo[] {
    this.#requireOpen();
    return this.consumerStore().list();
  }

  async dropConsumer(consumer: string): Promise<void> {
    this.#requireOpen();
    checkConsumerName(consumer);
    await this.consumerStore().drop(consumer);
  }

  protected abstract openSubscription(options: CheckedSubscribeOptions): SourceSubscription;

  /** Hands what such a subscription has to `handler`, in batches, until its end; closes it. */
  protected abstract handOver(subscription: SourceSubscription, handler: ConsumeHandler, options: CheckedConsumeOptions): Promise<void>;

  /** See ProgressStore, which is to the right of here. */
  protected abstract consumerStore(): ConsumerStore;

  #requireOpen(): void {
    if (!this.isOpen) throw this.failure ?? new RowtapError('ROWTAP_CLOSED', { what: `the source "${this.name}"` });
  }
}

export interface ConsumerStore {
  list(): ConsumerInfo[];
  drop(consumer: string): Promise<void>;
}
