import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { RowtapError } from 'rowtap';
import { describe, expect, test } from 'vitest';
import { errorCodes, type RowtapErrorCode } from '../../lib/errors/codes.js';
import { fromNative } from '../../lib/errors/from-native.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const codes = Object.keys(errorCodes) as RowtapErrorCode[];
const reference = readFileSync(`${root}/docs/reference/errors.md`, 'utf8');

/** Everything that could make an error, apart from the table itself. */
const sources = ['lib', 'native']
  .flatMap((folder) => readdirSync(`${root}/${folder}`, { recursive: true, encoding: 'utf8' }).map((name) => `${root}/${folder}/${name}`))
  .filter((path) => /\.(ts|cpp)$/.test(path) && !path.endsWith('errors/codes.ts'))
  .map((path) => readFileSync(path, 'utf8'))
  .join('\n');

describe.each(codes)('%s', (code) => {
  const { isRetryable, message, remedy } = errorCodes[code];

  test('is thrown somewhere', () => {
    // A comment that names it does not count; badOption is short for one of them.
    const made = new RegExp(`RowtapError\\('${code}'|"${code}"`).test(sources);
    expect(made || (code === 'ROWTAP_BAD_OPTION' && sources.includes('badOption('))).toBe(true);
  });

  test('stands in the reference, with what to do and whether to try again', () => {
    const section = reference.split(/^## /m).find((part) => part.startsWith(`${code}\n`));
    expect(section).toBeDefined();
    expect(section).toContain(`Retryable: ${isRetryable ? 'yes' : 'no'}.`);
    expect(section).toContain(remedy);
  });

  test('makes an error that says what happened and what to do', () => {
    const places = Array.from(message.matchAll(/\{(\w+)\}/g), ([, name = '']) => name);
    const error = new RowtapError(code, Object.fromEntries(places.map((name) => [name, name === 'lsn' ? 7 : `the ${name}`])));
    expect(error).toMatchObject({ code, retryable: isRetryable, name: 'RowtapError' });
    expect(error.message).not.toMatch(/[{}]/);
    expect(error.message.endsWith(remedy)).toBe(true);
    expect(error.lsn).toBe(places.includes('lsn') ? 7 : undefined);
    expect(error).toBeInstanceOf(Error);
  });
});

test('the reference knows no other codes', () => {
  expect(new Set(Array.from(reference.matchAll(/^## (ROWTAP_\w+)$/gm), ([, code]) => code))).toEqual(new Set(codes));
});

test("native code's errors become RowtapErrors, SQLite's and others stay what they are", () => {
  const native = Object.assign(new Error('a transaction is open'), { code: 'ROWTAP_BUSY' });
  expect(fromNative(native)).toMatchObject({ name: 'RowtapError', code: 'ROWTAP_BUSY', retryable: true, cause: native });
  for (const other of [new TypeError('x'), Object.assign(new Error('x'), { code: 'SQLITE_BUSY' }), 'text', undefined]) {
    expect(fromNative(other)).toBe(other);
  }
});
