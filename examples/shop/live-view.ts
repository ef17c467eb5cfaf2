import type { Transaction } from 'rowtap';
import type { Screen } from '../terminal/screen.js';
import { fit, formatCount } from '../terminal/text.js';
import { changeLine } from './change-text.js';
import type { Deed } from './shop.js';

const shownChanges = 16;
const redrawnEveryMs = 45;
const titleWidth = 12;

/**
 * What the shop does and what the stream delivers, side by side. On a terminal: the newest changes and the counts, drawn again in place. Elsewhere:
 * every deed and its changes as lines, for as long as `isTelling`.
 */
export class LiveView {
  readonly #screen: Screen;
  readonly #changes: string[] = [];
  readonly #deeds = new Map<string, number>();
  readonly #undone = new Map<Deed['undone'], number>();
  #says = '';
  #transactionCount = 0;
  #changeCount = 0;
  #drawnAt = 0;
  #hasEnded = false;
  isTelling = true;

  constructor(screen: Screen) {
    this.#screen = screen;
  }

  /** Changes delivered, events included. */
  get changeCount(): number {
    return this.#changeCount;
  }

  showDeed({ kind, says, undone }: Deed): void {
    this.#says = says;
    this.#deeds.set(kind, (this.#deeds.get(kind) ?? 0) + 1);
    this.#undone.set(undone, (this.#undone.get(undone) ?? 0) + 1);
    if (this.isTelling && !this.#screen.isTerminal) this.#screen.line(`\nshop: ${says}`);
  }

  showTransaction(transaction: Transaction): void {
    if (this.#hasEnded) return;
    this.#transactionCount++;
    this.#changeCount += transaction.length;
    // Of a large one the first changes are enough to be looked at.
    let shown = 0;
    for (const change of transaction) {
      if (shown === shownChanges) break;
      const line = changeLine(this.#screen, change, shown === 0);
      shown++;
      if (this.#screen.isTerminal) this.#changes.push(line);
      else if (this.isTelling) this.#screen.line(line);
    }
    this.#changes.splice(0, this.#changes.length - shownChanges);
    this.draw(false);
  }

  /** `isDue`: now, however short ago the last time was. */
  draw(isDue: boolean): void {
    const now = performance.now();
    if (!isDue && now - this.#drawnAt < redrawnEveryMs) return;
    this.#drawnAt = now;
    const { dim } = this.#screen;
    const rows = Array.from({ length: shownChanges }, (_, at) => this.#changes[at] ?? '');
    this.#screen.draw([
      '',
      ...this.#paragraph('the shop', [this.#says]),
      '',
      dim('commit      table        key        what changed (↳ by a trigger or a cascade)'),
      ...rows,
      '',
      ...this.#counts(),
    ]);
  }

  end(): void {
    this.draw(true);
    this.#hasEnded = true;
    this.#screen.keep();
    if (!this.#screen.isTerminal) for (const line of ['', ...this.#counts()]) this.#screen.line(line);
  }

  #counts(): string[] {
    const deeds = [...this.#deeds].map(([kind, count]) => `${kind} ${formatCount(count)}`);
    const times = (undone: Deed['undone']): string => formatCount(this.#undone.get(undone) ?? 0);
    const undone = ['a statement', 'a savepoint', 'everything'] as const;
    const names = { 'a statement': 'failed statements', 'a savepoint': 'savepoints', everything: 'whole transactions' };
    return [
      ...this.#paragraph('done', deeds),
      ...this.#paragraph('taken back', [...undone.map((what) => `${names[what]} ${times(what)}`), 'and nothing of these was delivered']),
      ...this.#paragraph('delivered', [`transactions ${formatCount(this.#transactionCount)}`, `changes ${formatCount(this.#changeCount)}`]),
    ];
  }

  /** Parts with commas between, in as many lines as they need, under a title. */
  #paragraph(title: string, parts: readonly string[]): string[] {
    const lines = [''];
    for (const part of parts) {
      const line = lines.at(-1) as string;
      if (line !== '' && line.length + part.length + 2 > this.#screen.columns - titleWidth) lines.push(part);
      else lines[lines.length - 1] = line === '' ? part : `${line}, ${part}`;
    }
    return lines.map((line, at) => `${this.#screen.bold(fit(at === 0 ? title : '', titleWidth))}${line}`);
  }
}
