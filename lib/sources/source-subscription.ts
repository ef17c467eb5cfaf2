import type { Change } from '../model/change.js';
import type { Position } from '../model/options.js';
import type { Subscription, SubscriptionInfo } from '../model/source.js';

/** What a source asks of its subscriptions. */
export interface SourceSubscription extends Subscription {
  readonly isClosed: boolean;
  info(): SubscriptionInfo;
  /** What was published is still handed over, then comes the end. */
  end(): void;
  nextChanges(most: number): Promise<Change[]>;
  ackOutside(position: Position): void;
  whenClosed(call: () => void): void;
}
