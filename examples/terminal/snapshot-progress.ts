import type { SnapshotProgress } from 'rowtap';
import type { Screen } from './screen.js';
import { fit, formatCount, formatSeconds } from './text.js';

const redrawnEveryMs = 40;
const barWidth = 32;

/** A bar that fills while a snapshot is read: give `update` to `onProgress`, and call `end` after the last row. */
export class SnapshotProgressBar {
  readonly #screen: Screen;
  readonly #startedAt = performance.now();
  #drawnAt = 0;
  #newest: SnapshotProgress | undefined;

  constructor(screen: Screen) {
    this.#screen = screen;
  }

  readonly update = (progress: SnapshotProgress): void => {
    this.#newest = progress;
    const now = performance.now();
    if (now - this.#drawnAt < redrawnEveryMs) return;
    this.#drawnAt = now;
    this.#screen.draw([this.#bar(progress)]);
  };

  end(): void {
    const progress = this.#newest;
    if (progress === undefined) return;
    this.#screen.draw([this.#bar(progress)]);
    this.#screen.keep();
    const took = formatSeconds(performance.now() - this.#startedAt);
    this.#screen.line(`snapshot: ${formatCount(progress.rows)} rows of ${progress.tables} tables in ${took}`);
  }

  #bar({ table, rows, totalRows, tablesDone, tables }: SnapshotProgress): string {
    const { cyan, dim } = this.#screen;
    const filled = Math.round(barWidth * (totalRows === 0 ? 1 : Math.min(1, rows / totalRows)));
    const bar = cyan('█'.repeat(filled)) + dim('░'.repeat(barWidth - filled));
    const counts = `${formatCount(rows)} of ${formatCount(totalRows)} rows, ${tablesDone} of ${tables} tables`;
    return `snapshot ${bar} ${fit(`${counts}  ${table}`, Math.max(20, this.#screen.columns - barWidth - 12))}`;
  }
}
