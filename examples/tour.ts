/**
 * Shows what is in a SQLite database: `make demo DB=path/to/any.db`. The rows come as a snapshot (snapshot: 'only'), so this is also how a
 * program bootstraps from a database that it only reads.
 */
import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Change, Database, RowtapError, SqliteError, type SqlValue } from 'rowtap';
import { Screen } from './terminal/screen.js';
import { SnapshotProgressBar } from './terminal/snapshot-progress.js';
import { formatCount, formatValue } from './terminal/text.js';
import { formatTable } from './terminal/text-table.js';

const shownRows = 4;

interface TableSample {
  rows: number;
  first: Record<string, SqlValue>[];
}

async function readSamples(db: Database, screen: Screen): Promise<Map<string, TableSample>> {
  const progress = new SnapshotProgressBar(screen);
  const samples = new Map<string, TableSample>();
  for await (const change of db.changes({ snapshot: 'only', onProgress: progress.update })) take(samples, change);
  progress.end();
  return samples;
}

function take(samples: Map<string, TableSample>, change: Change): void {
  if (change.op === 'bootstrap') {
    samples.set(change.table, { rows: 0, first: [] });
  } else if (change.op === 'snapshot') {
    const sample = samples.get(change.table) as TableSample;
    sample.rows++;
    if (sample.first.length < shownRows) sample.first.push(change.after as Record<string, SqlValue>);
  }
}

function showTable(screen: Screen, name: string, { rows, first }: TableSample): void {
  screen.line();
  screen.line(`${screen.bold(formatValue(name))} ${screen.dim(`· ${formatCount(rows)} ${rows === 1 ? 'row' : 'rows'}`)}`);
  const [model] = first;
  if (model === undefined) return;
  const names = Object.keys(model);
  const isNumber = (column: string): boolean => first.every((row) => typeof row[column] === 'number' || row[column] === null);
  const columns = names.map((column) => ({ title: formatValue(column), align: isNumber(column) ? ('right' as const) : ('left' as const) }));
  const cells = first.map((row) => names.map((column) => formatValue(row[column] as SqlValue)));
  const [titles = '', ...lines] = formatTable(columns, cells, screen.columns - 2);
  screen.line(`  ${screen.cyan(titles)}`);
  for (const line of lines) screen.line(`  ${line}`);
  if (rows > first.length) screen.line(`  ${screen.dim('…')}`);
}

async function show(path: string): Promise<void> {
  const screen = new Screen();
  const db = new Database(path, { readonly: true, fileMustExist: true });
  try {
    screen.line(screen.bold(path));
    const samples = await readSamples(db, screen);
    if (samples.size === 0) screen.line('This database has no tables.');
    for (const [name, sample] of samples) showTable(screen, name, sample);
  } finally {
    db.close();
  }
}

/** What stands in the way, said in one line; undefined for what only its stack explains. */
function explain(error: unknown, path: string): string | undefined {
  if (error instanceof SqliteError) {
    return error.code === 'SQLITE_NOTADB' ? `${path} is not a SQLite database` : `${path} can't be read: ${error.message} (${error.code})`;
  }
  return error instanceof RowtapError ? error.message : undefined;
}

/** Looked at without opening it: a descriptor on a database file that is closed drops every lock that this process has on it. */
function whyNotAFile(path: string): string | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return `${path}: no such file`;
  return found.isDirectory() ? `${path} is a directory, not a database file` : undefined;
}

const given = process.argv[2];
if (given === undefined || given === '') {
  process.stderr.write('Name a database file: make demo DB=path/to/any.db\n');
  process.exitCode = 1;
} else {
  const path = resolve(given);
  try {
    const obstacle = whyNotAFile(path);
    if (obstacle === undefined) await show(path);
    else fail(obstacle);
  } catch (error) {
    const explanation = explain(error, path);
    if (explanation === undefined) throw error;
    fail(explanation);
  }
}

function fail(reason: string): void {
  process.stderr.write(`${reason}\n`);
  process.exitCode = 1;
}
