import { RowtapError } from '../errors/rowtap-error.js';
import { type Checkpoint, comparePositions } from './checkpoint.js';

/** Who holds a consumer: one source of one process. */
export interface LeaseOwner {
  host: string;
  pid: number;
  /** Tells the process from others that had, or get, its number, over a restart of the machine too; empty where the system does not say. */
  started: string;
  /** Tells the sources of one process apart. */
  token: string;
}

/** As it stands in the consumer's row. */
export interface StoredLease {
  owner: string | null;
  untilMs: number;
}

/** What is known of an owner: it is in this process, its process has ended, or neither can be said. */
export type OwnerFate = 'here' | 'gone' | 'unknown';

export interface LeaseTerms {
  /** How long a lease lasts that is not renewed. */
  durationMs: number;
  /** How often it is renewed. */
  renewalMs: number;
  owner: LeaseOwner;
  fateOf(owner: LeaseOwner): OwnerFate;
}

export const leaseDurationMs = 30_000;
export const leaseRenewalMs = 10_000;

/** What somebody who writes a consumer's row rests on. */
export interface Claim {
  /** It was ours when it was written last. */
  isHeld: boolean;
  /** The position that its subscription began from, while it is not ours yet; undefined where the consumer was new. */
  basis: Checkpoint | undefined;
}

export function encodeOwner({ host, pid, started, token }: LeaseOwner): string {
  return JSON.stringify({ host, pid, started, token });
}

/** Undefined for what is none: nobody holds the lease then. */
export function decodeOwner(text: string | null): LeaseOwner | undefined {
  try {
    const { host, pid, started, token } = JSON.parse(text ?? '{}') as Partial<LeaseOwner>;
    if (typeof host !== 'string' || !Number.isSafeInteger(pid) || typeof started !== 'string' || typeof token !== 'string')
      return undefined;
    return { host, pid: pid as number, started, token };
  } catch {
    return undefined;
  }
}

/**
 * The other process that has the lease now. In this process the name of a consumer says who uses it, so a lease of its own stands in nobody's
 * way.
 */
export function holderOf(lease: StoredLease, { fateOf }: Pick<LeaseTerms, 'fateOf'>, nowMs: number): LeaseOwner | undefined {
  if (!(lease.untilMs > nowMs)) return undefined;
  const owner = decodeOwner(lease.owner);
  return owner !== undefined && fateOf(owner) === 'unknown' ? owner : undefined;
}

/**
 * Whether the row may be written. A lease that was ours and is not any more has been somebody else's meanwhile, who may have handled the same
 * changes; so it has where the position is another than the one that our subscription began from.
 */
export function mayWrite(
  { checkpoint, lease }: { checkpoint: Checkpoint; lease: StoredLease },
  { isHeld, basis }: Claim,
  terms: LeaseTerms,
  nowMs: number,
): boolean {
  if (lease.owner === encodeOwner(terms.owner)) return true;
  if (isHeld || holderOf(lease, terms, nowMs) !== undefined) return false;
  return basis !== undefined && comparePositions(checkpoint, basis) === 0;
}

/** Whether the lease has to be written anew, if it was written to last until `untilMs`; also where the clock was set back since. */
export function isRenewalDue(untilMs: number, { durationMs, renewalMs }: LeaseTerms, nowMs: number): boolean {
  const leftMs = untilMs - nowMs;
  return leftMs <= durationMs - renewalMs || leftMs > durationMs;
}

/** Why a consumer can't be had, or not any more: ROWTAP_DUPLICATE_CONSUMER. */
export function leasedElsewhere(consumer: string, lease: StoredLease, terms: LeaseTerms, nowMs: number): RowtapError {
  const owner = holderOf(lease, terms, nowMs);
  const holder =
    owner === undefined
      ? 'another subscription, which took it over meanwhile'
      : `another process (${owner.pid} on host ${owner.host}), until ${new Date(lease.untilMs).toISOString()} at least`;
  return new RowtapError('ROWTAP_DUPLICATE_CONSUMER', { consumer, holder });
}
