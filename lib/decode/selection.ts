import type { RowOp } from '../model/options.js';
import { frameLayout } from './frames.js';

/** Which changes of which tables are decoded at all. */
export interface Selection {
  acceptsTable(name: string): boolean;
  /** A bit for each frame op of a row change: `1 << op`. */
  opMask: number;
  /** Leave out updates whose record and rowid stay the same, byte for byte. */
  isSkippingUnchanged: boolean;
  /** Nothing is left out. */
  isEverything: boolean;
}

const opOfName: Record<RowOp, number> = { insert: frameLayout.opInsert, update: frameLayout.opUpdate, delete: frameLayout.opDelete };

export function maskOf(ops: readonly RowOp[]): number {
  return ops.reduce((mask, op) => mask | (1 << opOfName[op]), 0);
}

export const everyOp: number = maskOf(['insert', 'update', 'delete']);
