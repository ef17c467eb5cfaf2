import { createHash } from 'node:crypto';
import type { SqlValue } from '../model/value.js';

/** Counts equal rows by their whole content: +1 for a row of one side, -1 for one of the other. Rows that cancel out take no memory. */
export class RowCounter {
  readonly #counts = new Map<string, number>();

  add(row: readonly SqlValue[], difference: 1 | -1): void {
    const identity = identify(row);
    const count = (this.#counts.get(identity) ?? 0) + difference;
    if (count === 0) this.#counts.delete(identity);
    else this.#counts.set(identity, count);
  }

  /** How many rows were left of the one side, and of the other. */
  totals(): { surplus: number; deficit: number } {
    let surplus = 0;
    let deficit = 0;
    for (const count of this.#counts.values()) {
      if (count > 0) surplus += count;
      else deficit -= count;
    }
    return { surplus, deficit };
  }
}

/** Equal for equal rows, INTEGER and REAL of the same value included. Long rows by their SHA-256. */
function identify(row: readonly SqlValue[]): string {
  let identity = '';
  for (const value of row) identity += identifyValue(value);
  return identity.length <= 128 ? identity : createHash('sha256').update(identity).digest('base64');
}

/** Begins with its type, and says where it ends. */
function identifyValue(value: SqlValue): string {
  if (value === null) return 'z;';
  if (typeof value === 'string') return `t${value.length}:${value}`;
  if (typeof value === 'bigint') return `n${value};`;
  if (typeof value === 'number') return Number.isInteger(value) ? `n${BigInt(value)};` : `r${value};`;
  return `b${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')};`;
}
