import type { Change, RowChange } from '../../model/change.js';
import type { SqlValue } from '../../model/value.js';
import type { Paint, Paints } from '../terminal/paints.js';
import { safeText, valueText } from '../terminal/value-text.js';
import type { ChangeFormat } from './change-format.js';

type Row = Record<string, SqlValue>;

/** Lines for people: when, what (+ ~ - and ! for events), which table, which row, and what is in it or has become of it. */
export function readableLines(paints: Paints): ChangeFormat {
  return (change) => {
    const { sign, paint } = markOf(change.op, paints);
    const by = 'indirect' in change && change.indirect ? paints.dim('↳') : ' ';
    const table = change.table === null ? '' : `${safeText(change.table)} `;
    return `${paints.dim(clockText(change.time))} ${by}${paint(sign)} ${table}${paint(whatHappened(change))}`.trimEnd();
  };
}

function markOf(op: Change['op'], { green, yellow, red, cyan, dim }: Paints): { sign: string; paint: Paint } {
  switch (op) {
    case 'snapshot':
      return { sign: '=', paint: dim };
    case 'insert':
      return { sign: '+', paint: green };
    case 'update':
      return { sign: '~', paint: yellow };
    case 'delete':
      return { sign: '-', paint: red };
    case 'bootstrap':
    case 'schema':
    case 'gap':
      return { sign: '!', paint: cyan };
  }
}

/** Of the day, in the user's time zone. */
function clockText(timeMs: number): string {
  const time = new Date(timeMs);
  const digits = (value: number, count = 2): string => String(value).padStart(count, '0');
  return `${digits(time.getHours())}:${digits(time.getMinutes())}:${digits(time.getSeconds())}.${digits(time.getMilliseconds(), 3)}`;
}

function whatHappened(change: Change): string {
  switch (change.op) {
    case 'insert':
    case 'snapshot':
      return rowText(change.after as Row);
    case 'delete':
      return rowText(change.before as Row);
    case 'update':
      return differenceText(change);
    case 'bootstrap':
      return 'its rows follow';
    case 'schema':
      return change.change === 'drop' ? 'dropped' : `${change.change}: ${change.columns.map(({ name }) => safeText(name)).join(', ')}`;
    case 'gap':
      return `changes may be missing here (${change.reason})`;
  }
}

function rowText(row: Row): string {
  return Object.entries(row)
    .map(([column, value]) => `${safeText(column)}=${valueText(value)}`)
    .join(' ');
}

/** The key as it was, and what has another value now. */
function differenceText({ key, before, after }: RowChange): string {
  const [old, now] = [before as Row, after as Row];
  const changed = Object.keys(now).filter((column) => !isSame(old[column], now[column]));
  const differences = changed.map((column) => `${safeText(column)}: ${columnText(old, column)} → ${columnText(now, column)}`);
  return [rowText(key ?? {}), differences.length === 0 ? 'nothing changed' : differences.join(', ')]
    .filter((text) => text !== '')
    .join(' ');
}

function columnText(row: Row, column: string): string {
  const value = row[column];
  return value === undefined ? '(no such column)' : valueText(value);
}

function isSame(a: SqlValue | undefined, b: SqlValue | undefined): boolean {
  return a === b || (a instanceof Uint8Array && b instanceof Uint8Array && Buffer.compare(a, b) === 0);
}
