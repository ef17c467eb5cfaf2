import { RowtapError } from '../errors/rowtap-error.js';

export interface TableLists {
  tables?: readonly string[] | undefined;
  excludeTables?: readonly string[] | undefined;
}

/** Says whether a table belongs to a source or a subscription. `isEverything`: there is no list. */
export interface TableFilter {
  accepts: (name: string) => boolean;
  isEverything: boolean;
}

/**
 * Lists of names and glob patterns: `*` any characters, `?` one, `[abc]`, `[a-z]`, `[^abc]` one of (none of) those. A table is in when a name or
 * pattern of `tables` fits (or there is no such list) and none of `excludeTables` does. Letters are compared as SQLite compares names:
 * without regard to case, in ASCII only. A table whose own name holds such characters is also found by its plain name.
 */
export function makeTableFilter({ tables, excludeTables }: TableLists): TableFilter {
  const isAllowed = tables === undefined ? () => true : makeMatcher(tables);
  const isExcluded = excludeTables === undefined ? () => false : makeMatcher(excludeTables);
  return { accepts: (name) => isAllowed(name) && !isExcluded(name), isEverything: tables === undefined && excludeTables === undefined };
}

/**
 * Every plain name of an allow list must be a table that is there; a pattern may match later. `scope` says whose tables `existing` are.
 * Throws ROWTAP_NO_SUCH_TABLE.
 */
export function requireTables(tables: readonly string[] | undefined, existing: readonly string[], scope: string): void {
  for (const name of tables ?? []) {
    if (isPattern(name) || existing.some((table) => foldCase(table) === foldCase(name))) continue;
    throw new RowtapError('ROWTAP_NO_SUCH_TABLE', { table: name, scope, tables: existing.length === 0 ? 'none' : existing.join(', ') });
  }
}

/** Whether a list names a table plainly, so that it can be wrong. */
export function hasPlainName(tables: readonly string[] | undefined): boolean {
  return tables?.some((name) => !isPattern(name)) ?? false;
}

function isPattern(name: string): boolean {
  return /[*?[]/.test(name);
}

function makeMatcher(list: readonly string[]): (name: string) => boolean {
  const names = new Set(list.map(foldCase));
  const patterns = list.filter(isPattern).map((pattern) => new RegExp(`^${patternSource(foldCase(pattern))}$`, 'su'));
  return (name) => {
    const folded = foldCase(name);
    return names.has(folded) || patterns.some((pattern) => pattern.test(folded));
  };
}

function foldCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

/** As a regular expression. A `[` that is never closed stands for itself. */
function patternSource(pattern: string): string {
  return pattern.replace(/\[(\^?)(\]?[^\]]*)\]|[^]/gu, (part, negation: string | undefined, set: string | undefined) => {
    if (set !== undefined && set !== '') return `[${negation}${set.replace(/[\\\]^[&~|]/g, '\\$&')}]`;
    if (part === '*') return '.*';
    if (part === '?') return '.';
    return part.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
  });
}
