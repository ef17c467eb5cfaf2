import type { SqlValue } from 'rowtap';

const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

export function formatCount(count: number): string {
  return whole.format(count);
}

export function formatSeconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}

/** One line, without control characters: what is in a database must not steer the terminal. */
export function formatValue(value: SqlValue): string {
  if (value === null) return 'NULL';
  if (value instanceof Uint8Array) return `blob of ${formatCount(value.byteLength)} bytes`;
  // Longer ones are cut anyway, and a text may have a gigabyte.
  return String(value)
    .slice(0, 400)
    .replace(/\p{Cc}/gu, (character) => controlPicture(character.charCodeAt(0)));
}

function controlPicture(charCode: number): string {
  if (charCode < 32) return String.fromCharCode(0x2400 + charCode);
  return charCode === 127 ? '\u2421' : '\ufffd';
}

const wide = /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u;
const invisible = /[\p{Mn}\p{Me}\p{Cf}]/u;

/** How many columns of a terminal a text takes. */
export function displayWidth(text: string): number {
  let width = 0;
  for (const character of text) width += characterWidth(character);
  return width;
}

/** Cut, with an ellipsis, or filled up with spaces, to exactly this width. */
export function fit(text: string, width: number, align: 'left' | 'right' = 'left'): string {
  const cut = displayWidth(text) > width ? cutTo(text, width) : text;
  const space = ' '.repeat(Math.max(0, width - displayWidth(cut)));
  return align === 'left' ? cut + space : space + cut;
}

function cutTo(text: string, width: number): string {
  let cut = '';
  let room = width - 1;
  for (const character of text) {
    room -= characterWidth(character);
    if (room < 0) break;
    cut += character;
  }
  return width > 0 ? `${cut}…` : '';
}

function characterWidth(character: string): number {
  if (invisible.test(character)) return 0;
  return wide.test(character) ? 2 : 1;
}
