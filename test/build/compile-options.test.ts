import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Database } from 'rowtap';
import { afterAll, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Every option of native/sqlite/options.h by name, without "SQLITE_", and its value. */
const options = new Map(
  Array.from(
    readFileSync(`${root}/native/sqlite/options.h`, 'utf8').matchAll(/^#define (SQLITE_\w+) (.+)$/gm),
    ([, name = '', value = '']) => [name.replace(/^SQLITE_/, ''), value],
  ),
);

/** SQLite does not tell about these. */
const untold = new Set(['ENABLE_DESERIALIZE', 'ENABLE_JSON1', 'TRACE_SIZE_LIMIT']);

const db = new Database(':memory:');
afterAll(() => {
  db.close();
});
const told = (db.pragma('compile_options') as { compile_options: string }[]).map((row) => row.compile_options);

test('SQLite was compiled with every option of the list', () => {
  const expected = [...options]
    .filter(([name]) => !untold.has(name))
    // An option that is merely on or off is told by its name alone.
    .filter(([name, value]) => !told.includes(name) && !told.includes(`${name}=${value}`))
    .map(([name, value]) => `${name}=${value}`);
  expect(expected).toEqual([]);
});

test('SQLite was compiled with no other option that adds or omits something', () => {
  const unexpected = told.filter(
    (option) => /^(?:ENABLE|OMIT|DISABLE|LIKE|USE|SOUNDEX)/.test(option) && !options.has(option.replace(/=.*/, '')),
  );
  expect(unexpected).toEqual([]);
});

test('the list is that of better-sqlite3 and the preupdate hook', () => {
  const gypi = readFileSync(`${root}/node_modules/better-sqlite3/deps/defines.gypi`, 'utf8');
  const theirs = Array.from(gypi.matchAll(/'(\w+)(?:=([^']*))?'(?=,)/g), ([, name = '', value = '1']) => `${name}=${value}`);
  const ours = Array.from(
    readFileSync(`${root}/native/sqlite/options.h`, 'utf8').matchAll(/^#define (\w+) (.+)$/gm),
    ([, name, value]) => `${name}=${value}`,
  );
  expect(theirs.length).toBeGreaterThan(30);
  expect(ours.toSorted()).toEqual([...theirs, 'SQLITE_ENABLE_PREUPDATE_HOOK=1'].toSorted());
});

test('every option stands below its reason', () => {
  const lines = readFileSync(`${root}/native/sqlite/options.h`, 'utf8').split('\n');
  const isReason = (line: string | undefined): boolean => line !== undefined && /^\/\/ \S/.test(line);
  const bare = lines.filter((line, at) => {
    if (!line.startsWith('#define SQLITE_')) return false;
    // One reason may stand above several options; an empty line ends it.
    let above = at - 1;
    while (/^#(?:define|ifndef)/.test(lines[above] ?? '')) above--;
    return !isReason(lines[above]) && !(lines[above] === '' && isReason(lines[above - 1]));
  });
  expect(bare).toEqual([]);
});
