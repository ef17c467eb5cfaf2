const { stdout } = process;

/** Wraps a text in the codes of one colour. */
export type Paint = (text: string) => string;

const plain: Paint = (text) => text;
const code =
  (begin: number, end: number): Paint =>
  (text) =>
    `\x1b[${begin}m${text}\x1b[${end}m`;

/**
 * Standard output. On a terminal the newest lines can be drawn again in place, and there are colours unless NO_COLOR is set
 * (https://no-color.org). Everywhere else it gets plain lines, each written once.
 */
export class Screen {
  readonly isTerminal = stdout.isTTY && process.env.TERM !== 'dumb';
  readonly #hasColors = this.isTerminal && (process.env.NO_COLOR ?? '') === '';
  readonly bold = this.#paint(1, 22);
  readonly dim = this.#paint(2, 22);
  readonly red = this.#paint(31, 39);
  readonly green = this.#paint(32, 39);
  readonly yellow = this.#paint(33, 39);
  readonly cyan = this.#paint(36, 39);
  #drawnLines = 0;
  #isCursorHidden = false;

  constructor() {
    // A reader that has gone, as in `make demo | head`.
    stdout.on('error', () => process.exit(1));
  }

  get columns(): number {
    return Math.min(stdout.columns ?? 110, 140);
  }

  line(text = ''): void {
    stdout.write(`${text}\n`);
  }

  /** Draws lines in the place of those that the last call drew. Does nothing where there is no terminal. */
  draw(lines: readonly string[]): void {
    if (!this.isTerminal) return;
    this.#hideCursor();
    const fitting = lines.slice(0, Math.max(1, (stdout.rows ?? 24) - 1));
    const up = this.#drawnLines > 0 ? `\x1b[${this.#drawnLines}A` : '';
    // Without automatic wrapping: a line that is too long for the window must not become two.
    stdout.write(`\x1b[?7l${up}${fitting.map((line) => `\x1b[2K${line}\n`).join('')}\x1b[J\x1b[?7h`);
    this.#drawnLines = fitting.length;
  }

  /** What is drawn stays as it is; the next lines come below it. */
  keep(): void {
    this.#drawnLines = 0;
    if (this.#isCursorHidden) stdout.write('\x1b[?25h');
    this.#isCursorHidden = false;
  }

  #hideCursor(): void {
    if (this.#isCursorHidden) return;
    this.#isCursorHidden = true;
    stdout.write('\x1b[?25l');
    process.once('exit', () => this.keep());
  }

  #paint(begin: number, end: number): Paint {
    return this.#hasColors ? code(begin, end) : plain;
  }
}
