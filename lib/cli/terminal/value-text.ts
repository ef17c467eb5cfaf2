import type { SqlValue } from '../../model/value.js';

const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
const byteUnits = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];

/** Of one value; what is longer is for JSON lines. */
const maxLength = 200;

export function countText(count: number): string {
  return whole.format(count);
}

/** "1 row", "2 rows". */
export function countedText(count: number, one: string, many = `${one}s`): string {
  return `${countText(count)} ${count === 1 ? one : many}`;
}

export function bytesText(bytes: number): string {
  const power = bytes < 1024 ? 0 : Math.min(byteUnits.length - 1, Math.floor(Math.log2(bytes) / 10));
  return power === 0 ? countedText(bytes, 'byte') : `${(bytes / 1024 ** power).toFixed(1)} ${byteUnits[power]}`;
}

/** One line, cut where it is long. */
export function valueText(value: SqlValue): string {
  if (value === null) return 'NULL';
  if (value instanceof Uint8Array) return `blob of ${countedText(value.byteLength, 'byte')}`;
  if (typeof value !== 'string') return String(value);
  return value.length > maxLength ? `'${safeText(value.slice(0, maxLength))}…'` : `'${safeText(value)}'`;
}

/** What is in a database must not steer the terminal: no control characters, and none that turn the direction of what follows. */
export function safeText(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, (character) => pictureOf(character.charCodeAt(0)));
}

/** https://www.unicode.org/charts/PDF/U2400.pdf */
function pictureOf(charCode: number): string {
  if (charCode < 32) return String.fromCharCode(0x2400 + charCode);
  return charCode === 127 ? '\u2421' : '\ufffd';
}
