import type { ReadValue } from './result-page.js';

/** Makes one row of the values that begin at an index of the result page. */
export type RowReader = (index: number, tagsAt: number, heap: string | undefined, boxed: readonly unknown[]) => unknown;

/** How rows look. An object (`flat`), the first value, a list of the values, or an object for each table with its columns in it. */
export type RowMode = 'flat' | 'pluck' | 'raw' | 'expand';

/** A reader that can be had at once. */
export function plainRowReader(mode: 'flat' | 'raw', names: readonly string[], value: ReadValue): RowReader {
  if (mode === 'raw') {
    return (index, tagsAt, heap, boxed) => {
      const row: unknown[] = [];
      for (let column = 0; column < names.length; column++) row.push(value(index + column, tagsAt, heap, boxed));
      return row;
    };
  }
  return (index, tagsAt, heap, boxed) => {
    const row: Record<string, unknown> = {};
    for (let column = 0; column < names.length; column++) put(row, names[column] as string, value(index + column, tagsAt, heap, boxed));
    return row;
  };
}

/** `tables` are those that the columns come from, null for an expression, which stands under "$". */
export function expandingRowReader(names: readonly string[], tables: ReadonlyArray<string | null>, value: ReadValue): RowReader {
  return (index, tagsAt, heap, boxed) => {
    const row: Record<string, Record<string, unknown>> = {};
    for (let column = 0; column < names.length; column++) {
      const table = tables[column] ?? '$';
      if (!Object.hasOwn(row, table)) put(row, table, {});
      put(row[table] as Record<string, unknown>, names[column] as string, value(index + column, tagsAt, heap, boxed));
    }
    return row;
  };
}

function put(row: Record<string, unknown>, name: string, value: unknown): void {
  // By assignment this one name would set the prototype instead.
  if (name === '__proto__') Object.defineProperty(row, name, { value, writable: true, enumerable: true, configurable: true });
  else row[name] = value;
}

const mostColumns = 200;
let isAllowed = true;

/** In brackets "__proto__" is a name like any other. The others go without: V8 then knows the object's shape before it is made. */
const property = (name: string, value: string): string =>
  name === '__proto__' ? `["__proto__"]: ${value}` : `${JSON.stringify(name)}: ${value}`;

const literal = (names: readonly string[], values: readonly string[]): string =>
  `{ ${names.map((name, at) => property(name, values[at] as string)).join(', ')} }`;

/**
 * A faster reader, for the price of compiling it: the row is one literal. Undefined where there is none to be had: too many columns, or a
 * program that forbids code generation from strings. `tables` as for `expandingRowReader`, for that mode.
 */
export function generatedRowReader(
  mode: 'flat' | 'raw' | 'expand',
  names: readonly string[],
  value: ReadValue,
  tables: ReadonlyArray<string | null> = [],
): RowReader | undefined {
  if (!isAllowed || names.length > mostColumns) return undefined;
  const values = names.map((_, column) => `value(index + ${column}, tagsAt, heap, boxed)`);
  let row: string;
  if (mode === 'raw') row = `[${values.join(', ')}]`;
  else if (mode === 'flat') row = `(${literal(names, values)})`;
  else row = `(${literalOfTables(names, values, tables)})`;
  try {
    // oxlint-disable-next-line no-new-func, typescript/no-implied-eval -- names go in as JSON strings only
    const make = new Function('value', `return (index, tagsAt, heap, boxed) => ${row};`) as (value: ReadValue) => RowReader;
    return make(value);
  } catch {
    isAllowed = false;
    return undefined;
  }
}

function literalOfTables(names: readonly string[], values: readonly string[], tables: ReadonlyArray<string | null>): string {
  const columnsOf = new Map<string, number[]>();
  for (const column of names.keys()) {
    const table = tables[column] ?? '$';
    const columns = columnsOf.get(table);
    if (columns === undefined) columnsOf.set(table, [column]);
    else columns.push(column);
  }
  const objects = Array.from(columnsOf.values(), (columns) =>
    literal(
      columns.map((column) => names[column] as string),
      columns.map((column) => values[column] as string),
    ),
  );
  return literal([...columnsOf.keys()], objects);
}
