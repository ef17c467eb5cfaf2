import type { Database } from 'rowtap';
import { imageOf, listRows, type Row, type TableName } from './numbered-transactions.js';

/** What a start finds of the lives before it. */
export interface DatabaseState {
  integrity: string;
  /** Numbers of the committed transactions, in the order of their commits. */
  ledger: number[];
  rows: string[];
  /** The consumer's. */
  checkpoint: { lsn: number; snapshotLsn: number | null } | null;
  reservedLsn: number | null;
}

export const consumer = 'replica';

export function readState(db: Database): DatabaseState {
  const integrity = db.pragma('integrity_check', { simple: true }) as string;
  const rows = (['item', 'pair', 'large', 'ledger'] as const).flatMap((table: TableName) =>
    (db.prepare(`SELECT * FROM ${table}`).all() as Row[]).map((row) => ({ table, image: imageOf(table, row) })),
  );
  const has = (table: string): boolean => db.prepare('SELECT 1 FROM sqlite_schema WHERE name = ?').get(table) !== undefined;
  const checkpoint = has('_rowtap_checkpoints')
    ? db.prepare('SELECT lsn, snapshot_lsn AS snapshotLsn FROM _rowtap_checkpoints WHERE consumer = ?').get(consumer)
    : undefined;
  const reservedLsn = has('_rowtap_meta') ? db.prepare("SELECT value FROM _rowtap_meta WHERE name = 'reserved_lsn'").pluck().get() : null;
  return {
    integrity,
    ledger: db.prepare('SELECT n FROM ledger ORDER BY seq').pluck().all() as number[],
    rows: listRows(rows),
    checkpoint: (checkpoint as DatabaseState['checkpoint'] | undefined) ?? null,
    reservedLsn: (reservedLsn as number | undefined) ?? null,
  };
}
