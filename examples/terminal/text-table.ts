import { displayWidth, fit } from './text.js';

export interface TextColumn {
  title: string;
  align?: 'left' | 'right';
}

const gap = 2;
const leastWidth = 10;

/** Lines, the titles first, none wider than `width`. Wide columns are cut; columns for which no room is left are left out. */
export function formatTable(columns: readonly TextColumn[], rows: ReadonlyArray<readonly string[]>, width: number): string[] {
  const natural = columns.map(({ title }, at) => Math.max(displayWidth(title), ...rows.map((row) => displayWidth(row[at] ?? ''))));
  const shown = countFitting(natural, width);
  const widths = shrink(natural.slice(0, shown), width);
  const more = columns.length - shown;
  const line = (cells: readonly string[], tail: string): string =>
    widths
      .map((cellWidth, at) => fit(cells[at] ?? '', cellWidth, columns[at]?.align))
      .concat(tail === '' ? [] : [tail])
      .join(' '.repeat(gap))
      .trimEnd();
  const titles = columns.map(({ title }) => title);
  return [line(titles, more > 0 ? `+${more}` : ''), ...rows.map((row) => line(row, more > 0 ? '…' : ''))];
}

/** As many as fit when each is as narrow as it may be. */
function countFitting(natural: readonly number[], width: number): number {
  const least = (count: number): number => natural.slice(0, count).reduce((sum, each) => sum + Math.min(each, leastWidth) + gap, 0);
  let count = natural.length;
  while (count > 1 && least(count) > width - (count < natural.length ? 4 : 0)) count--;
  return count;
}

/** Takes from the widest until all fit. */
function shrink(natural: readonly number[], width: number): number[] {
  const widths = [...natural];
  const room = width - gap * widths.length - 4;
  for (let excess = widths.reduce((sum, each) => sum + each, 0) - room; excess > 0; excess--) {
    const widest = widths.indexOf(Math.max(...widths));
    if ((widths[widest] as number) <= 1) break;
    widths[widest] = (widths[widest] as number) - 1;
  }
  return widths;
}
