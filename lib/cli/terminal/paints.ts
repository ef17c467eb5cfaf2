/** Wraps a text in the codes of one colour. */
export type Paint = (text: string) => string;

export interface Paints {
  dim: Paint;
  red: Paint;
  green: Paint;
  yellow: Paint;
  cyan: Paint;
}

const plain: Paint = (text) => text;
const code =
  (begin: number, end: number): Paint =>
  (text) =>
    `\x1b[${begin}m${text}\x1b[${end}m`;

const coloured: Paints = { dim: code(2, 22), red: code(31, 39), green: code(32, 39), yellow: code(33, 39), cyan: code(36, 39) };
const uncoloured: Paints = { dim: plain, red: plain, green: plain, yellow: plain, cyan: plain };

/** Colours, on a terminal that has them and whose user has not set NO_COLOR (https://no-color.org). */
export function paintsFor(stream: { isTTY?: boolean }): Paints {
  return isTerminal(stream) && (process.env.NO_COLOR ?? '') === '' ? coloured : uncoloured;
}

/** Whether lines can be drawn again in place there. */
export function isTerminal(stream: { isTTY?: boolean }): boolean {
  return stream.isTTY === true && process.env.TERM !== 'dumb';
}
