import type { Change, RowChange, SqlValue } from 'rowtap';
import type { Paint, Screen } from '../terminal/screen.js';
import { fit, formatValue } from '../terminal/text.js';

type Row = Record<string, SqlValue>;

/** One line for one change: what happened to which row. `isFirst` of its transaction. */
export function changeLine(screen: Screen, change: Change, isFirst: boolean): string {
  const { sign, paint } = mark(screen, change.op);
  const lsn = isFirst ? `…${String(change.lsn).slice(-6)}` : '';
  const isIndirect = 'indirect' in change && change.indirect;
  const start = `${screen.dim(fit(lsn, 9))}${isIndirect ? screen.dim('↳') : ' '} ${paint(sign)} `;
  const [table, key] = [fit(change.table ?? '', 12), fit(keyText(change), 10)];
  return `${start}${table} ${screen.dim(key)} ${paint(fit(whatChanged(change), Math.max(20, screen.columns - 39)).trimEnd())}`;
}

function mark(screen: Screen, op: Change['op']): { sign: string; paint: Paint } {
  switch (op) {
    case 'insert':
    case 'snapshot':
      return { sign: '+', paint: screen.green };
    case 'update':
      return { sign: '~', paint: screen.yellow };
    case 'delete':
      return { sign: '-', paint: screen.red };
    case 'bootstrap':
    case 'schema':
    case 'gap':
      return { sign: '!', paint: screen.cyan };
  }
}

function keyText(change: Change): string {
  if (!('key' in change)) return '';
  return change.key === null
    ? '(no key)'
    : Object.values(change.key as Row)
        .map(formatValue)
        .join(', ');
}

function whatChanged(change: Change): string {
  switch (change.op) {
    case 'insert':
    case 'snapshot':
      return pairs(change.after as Row, change.key);
    case 'delete':
      return pairs(change.before as Row, change.key);
    case 'update':
      return differences(change);
    case 'bootstrap':
      return 'its rows follow';
    case 'schema':
      return `${change.change}: ${change.columns.map(({ name }) => name).join(', ')}`;
    case 'gap':
      return `changes may be missing (${change.reason})`;
  }
}

function differences({ before, after }: RowChange): string {
  const [old, now] = [before as Row, after as Row];
  const changed = Object.keys(now).filter((column) => old[column] !== now[column]);
  return changed.map((column) => `${column} ${formatValue(old[column] as SqlValue)} → ${formatValue(now[column] as SqlValue)}`).join(', ');
}

function pairs(row: Row, without: Row | null = null): string {
  const columns = Object.keys(row).filter((column) => without === null || !(column in without));
  return columns.map((column) => `${column}=${formatValue(row[column] as SqlValue)}`).join(' ');
}
