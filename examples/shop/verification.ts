import type { Replica } from 'rowtap';
import type { Screen } from '../terminal/screen.js';
import { formatCount } from '../terminal/text.js';
import { formatTable } from '../terminal/text-table.js';

type Verification = ReturnType<Replica['verify']>;

/** Prints what the comparison found for each table. Returns whether all are equal. */
export function showVerification(screen: Screen, { equal, tables }: Verification): boolean {
  const columns = [{ title: 'table' }, ...['rows', 'missing', 'extra', 'different'].map((title) => ({ title, align: 'right' as const }))];
  const rows = tables.map(({ table, rows, missing, extra, different }) => [table, ...[rows, missing, extra, different].map(formatCount)]);
  const [titles = '', ...lines] = formatTable(columns, rows, screen.columns);
  screen.line();
  screen.line(screen.bold('the replica, compared with the database row by row'));
  screen.line(screen.dim(titles));
  for (const [at, line] of lines.entries()) {
    const table = tables[at];
    const isSame = table !== undefined && table.missing + table.extra + table.different === 0;
    screen.line(isSame ? line : screen.red(line));
  }
  screen.line(equal ? screen.green('equal: every row, in every table') : screen.red('NOT EQUAL'));
  return equal;
}
