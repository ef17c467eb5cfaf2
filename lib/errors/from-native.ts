import { errorCodes, type RowtapErrorCode } from './codes.js';
import { RowtapError } from './rowtap-error.js';

/** Native code throws plain errors with one of our codes and a `detail` as their message; what it throws otherwise stays as it is. */
export function fromNative(error: unknown, details: Record<string, string | number> = {}): unknown {
  if (!(error instanceof Error) || error instanceof RowtapError) return error;
  const { code } = error as { code?: unknown };
  if (typeof code !== 'string' || !Object.hasOwn(errorCodes, code)) return error;
  return new RowtapError(code as RowtapErrorCode, { detail: error.message, ...details }, { cause: error });
}
