import { errorCodes, type RowtapErrorCode } from './codes.js';

/** Everything that is not SQLite's own error. */
export class RowtapError extends Error {
  /** One of the codes in docs/reference/errors.md. */
  declare readonly code: RowtapErrorCode | (string & {});
  /** Whether trying again can help. */
  declare readonly retryable: boolean;
  /** Of the last change handed over, where the error ended a subscription. */
  declare readonly lsn?: number;
  /** Of the row that a `Catchup` stopped at. */
  declare readonly id?: number;

  /** `details` fill the places in the code's message; `lsn` and `id` among them are kept as properties as well. */
  constructor(code: RowtapErrorCode, details: Record<string, string | number> = {}, options?: ErrorOptions) {
    const { message, remedy, isRetryable } = errorCodes[code];
    const text = message.replace(/\{(\w+)\}/g, (place, name: string) => (name in details ? String(details[name]) : place));
    super(`${text}. ${remedy}`, options);
    this.code = code;
    this.retryable = isRetryable;
    if (typeof details['lsn'] === 'number') this.lsn = details['lsn'];
    if (typeof details['id'] === 'number') this.id = details['id'];
  }
}

// On the prototype, as the built-in errors have it, so that it stays out of `Object.keys`.
Object.defineProperty(RowtapError.prototype, 'name', { value: 'RowtapError', configurable: true, writable: true });

/** A plain rule was broken by an argument: `detail` says which, and what to do instead. */
export function badOption(detail: string): RowtapError {
  return new RowtapError('ROWTAP_BAD_OPTION', { detail });
}
