import type { IntegerMode, SqlValue } from '../model/value.js';

/**
 * Gives each value of the stream back the storage class it had: a JavaScript number is bound as REAL, so a number that was an INTEGER
 * becomes a bigint.
 *
 * Only in a column without a type does it depend on how the subscription reads integers. With `integers: 'bigint'` a number was a REAL and
 * stays one. Otherwise 5 and 5.0 are the same number, and an INTEGER is written, which SQLite compares as equal (but `5.0 || ''` in a
 * generated column is another text than `5 || ''`). With `integers: 'number'` digits may have been lost before.
 */
export class ValueBinder {
  #areIntegersBigint = false;

  /** What comes from now on was read that way. */
  expect(integers: IntegerMode): void {
    this.#areIntegersBigint = integers === 'bigint';
  }

  bind(value: SqlValue, isRealColumn: boolean): unknown {
    if (typeof value === 'number') {
      if (isRealColumn || this.#areIntegersBigint || !Number.isSafeInteger(value) || Object.is(value, -0)) return value;
      return BigInt(value);
    }
    // Where nobody has told: a bigint that a number could have held tells.
    if (typeof value === 'bigint' && !this.#areIntegersBigint) {
      this.#areIntegersBigint = value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER;
    }
    return value;
  }
}
