import type { SnapshotProgress } from '../../model/options.js';
import type { Paints } from './paints.js';
import { countedText, countText, safeText } from './value-text.js';

const redrawnEveryMs = 50;
const barWidth = 24;

/** A line at the bottom of a terminal that fills while a snapshot is read. What else is written there takes its place: `hide` first. */
export class SnapshotBar {
  readonly #terminal: NodeJS.WriteStream;
  readonly #paints: Paints;
  readonly #startedMs = performance.now();
  #newest: SnapshotProgress | undefined;
  #drawnMs = 0;
  #isShown = false;
  #hasEnded = false;

  constructor(terminal: NodeJS.WriteStream, paints: Paints) {
    this.#terminal = terminal;
    this.#paints = paints;
  }

  readonly update = (progress: SnapshotProgress): void => {
    this.#newest = progress;
    const nowMs = performance.now();
    if (this.#hasEnded || (this.#isShown && nowMs - this.#drawnMs < redrawnEveryMs)) return;
    this.#drawnMs = nowMs;
    this.#isShown = true;
    // Without automatic wrapping: a line that is too long for the window must not become two.
    this.#terminal.write(`\x1b[?7l\r\x1b[K${this.#line(progress)}\x1b[?7h`);
  };

  readonly hide = (): void => {
    if (!this.#isShown) return;
    this.#isShown = false;
    this.#terminal.write('\r\x1b[K');
  };

  /** Leaves a line about the whole, if all rows were read. Twice is fine. */
  end(): void {
    this.hide();
    const progress = this.#newest;
    if (this.#hasEnded || progress === undefined || progress.tablesDone < progress.tables) return;
    this.#hasEnded = true;
    const seconds = ((performance.now() - this.#startedMs) / 1000).toFixed(2);
    this.#terminal.write(`snapshot: ${countedText(progress.rows, 'row')} of ${countedText(progress.tables, 'table')} in ${seconds} s\n`);
  }

  #line({ table, rows, totalRows, tablesDone, tables }: SnapshotProgress): string {
    const { cyan, dim } = this.#paints;
    const filled = Math.round(barWidth * (totalRows === 0 ? 1 : Math.min(1, rows / totalRows)));
    const bar = cyan('█'.repeat(filled)) + dim('░'.repeat(barWidth - filled));
    return `snapshot ${bar} ${countText(rows)} of ${countedText(totalRows, 'row')}, ${tablesDone} of ${countedText(tables, 'table')}  ${safeText(table)}`;
  }
}
