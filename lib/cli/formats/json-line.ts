import type { Change } from '../../model/change.js';
import type { SqlValue } from '../../model/value.js';

type Row = Record<string, SqlValue>;

/**
 * A change as one line of JSON, its members as the API has them. What JSON has no exact form for is an object with one member that says what it
 * is, which no value of SQLite's can be: {"base64": "…"} a blob, {"integer": "…"} an integer beyond 2^53, {"real": "Infinity"} (or "-Infinity").
 */
export function jsonLine(change: Change): string {
  const members =
    'key' in change ? { ...change, key: rowJson(change.key), before: rowJson(change.before), after: rowJson(change.after) } : change;
  // A terminal could take them for commands; JSON.stringify leaves these in.
  return JSON.stringify(members).replace(/[\u007f-\u009f]/g, (character) => `\\u00${character.charCodeAt(0).toString(16)}`);
}

function rowJson(row: Row | null): unknown {
  if (row === null) return null;
  // By entries: an assignment to a column named __proto__ would be lost.
  return Object.fromEntries(Object.entries(row).map(([column, value]) => [column, valueJson(value)]));
}

function valueJson(value: SqlValue): unknown {
  if (typeof value === 'bigint') return { integer: String(value) };
  if (typeof value === 'number') return Number.isFinite(value) ? value : { real: String(value) };
  if (value instanceof Uint8Array) return { base64: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64') };
  return value;
}
