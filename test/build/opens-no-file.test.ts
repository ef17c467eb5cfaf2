import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

function sourcesIn(folder: string, extension: string): { file: string; source: string }[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(extension))
    .map((name) => ({ file: relative(root, join(root, folder, name)), source: readFileSync(join(root, folder, name), 'utf8') }));
}

/** Reads files, and none but those that the system makes up. */
const isOfSystem = (source: string): boolean =>
  source.includes("import { readFileSync } from 'node:fs'") && !/readFileSync\((?!`\/proc\/\$\{pid\}\/stat`|'\/proc\/)/.test(source);

// A descriptor of a database file, opened and closed by anybody but SQLite, drops the locks of every connection of the process
// (https://www.sqlite.org/howtocorrupt.html#_posix_advisory_locks_canceled_by_a_separate_thread_doing_close_).
/** What no descriptor of a database file is closed by: a directory can be watched; a sink opens what it has found to be no database. */
const exceptions = new Map([
  ['lib/signals/file-signal.ts', ['type FSWatcher', 'watch']],
  ['lib/cli/sinks/file-sink.ts', ['type FileHandle', 'open', 'stat']],
]);

test('of node:fs the library uses nothing that opens a file', () => {
  const taken = sourcesIn('lib', '.ts').flatMap(({ file, source }) =>
    Array.from(source.matchAll(/(?:import\s+([^;]*?)\s+from|import\(|require\()\s*'(?:node:)?fs(?:\/promises)?'/g), ([, names]) => ({
      file,
      source,
      names,
    })),
  );
  expect(taken.length).toBeGreaterThan(0);
  const system = [...taken.keys()].filter((at) => isOfSystem((taken[at] as { source: string }).source));
  expect(system.map((at) => taken[at]?.file)).toEqual(['lib/checkpoint/this-process.ts']);
  for (const { file, names } of taken.filter((_, at) => !system.includes(at))) {
    const used = /^{([^}]*)}$/
      .exec(names ?? '')?.[1]
      ?.split(',')
      .map((name) => name.trim())
      .filter((name) => name !== '');
    const allowed = exceptions.get(file) ?? ['existsSync', 'statSync'];
    expect(allowed, file).toEqual(expect.arrayContaining(used ?? [`all of it: ${names}`]));
  }
});

test('of the system native code uses nothing that opens a file', () => {
  const sources = ['sqlite', 'capture', 'node'].flatMap((folder) =>
    ['.h', '.cpp', '.c'].flatMap((extension) => sourcesIn(`native/${folder}`, extension)),
  );
  expect(sources.length).toBeGreaterThan(0);
  const opens = /#include <(?:fstream|fcntl\.h|cstdio|stdio\.h|filesystem)>|\b(?:fopen|open64|openat|creat|mmap)\s*\(|[^_\w.>:]open\s*\(/;
  const found = sources.filter(({ source }) => opens.test(source.replaceAll(/\/\/.*|"[^"\n]*"/g, ''))).map(({ file }) => file);
  expect(found).toEqual([]);
});
