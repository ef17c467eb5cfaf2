import type { ConsumerInfo } from '../model/source.js';
import type { StoredConsumer } from './consumer-rows.js';
import { holderOf, type LeaseTerms } from './lease.js';

/** What is told of a consumer. `isUsedHere`: by a subscription of this process, whatever stands in the row. */
export function consumerInfo(
  row: StoredConsumer,
  terms: Pick<LeaseTerms, 'fateOf' | 'owner'>,
  isUsedHere: boolean,
  nowMs: number,
): ConsumerInfo {
  const owner = isUsedHere ? terms.owner : holderOf(row.lease, terms, nowMs);
  return {
    consumer: row.consumer,
    lsn: row.checkpoint.lsn,
    updatedAt: row.updatedMs,
    isActive: owner !== undefined,
    ...(owner === undefined ? {} : { owner: { host: owner.host, pid: owner.pid } }),
  };
}
