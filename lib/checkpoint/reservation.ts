/** LSNs of one block, some seconds' worth of the busiest writer. */
export const reservedLsns = 1_000_000;

/**
 * Up to where LSNs should be reserved now, or undefined where enough is left of the block. A hub that starts later begins above what was
 * reserved, so that no LSN that somebody may have seen comes again, whatever the clock says that LSNs start from. Renewed when half of
 * a block is used.
 */
export function nextReservation(currentLsn: number, reservedLsn: number | undefined): number | undefined {
  if (reservedLsn !== undefined && reservedLsn - currentLsn > reservedLsns / 2) return undefined;
  return currentLsn + reservedLsns;
}
