import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** A file may import from its own folder, and from what stands to the left of it. */
const typescriptLayers =
  'errors model binding writer schema decode signals sources delivery checkpoint log snapshot replica catchup hook triggers rowtap.ts index.ts cli'.split(
    ' ',
  );
const nativeLayers = ['sqlite', 'capture', 'node', 'testing'];

function filesIn(folder: string, extension: RegExp): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => extension.test(name))
    .map((name) => join(root, folder, name));
}

/** The folder under `base` that a file lies in, or the file's own name where it lies in none. */
const partOf = (base: string, file: string): string => relative(join(root, base), file).split('/')[0] ?? '';

function upwardImports(base: string, layers: string[], imports: { from: string; to: string }[]): string[] {
  const rankOf = (part: string): number => layers.indexOf(part);
  return imports
    .filter(({ from, to }) => {
      const [fromPart, toPart] = [partOf(base, from), partOf(base, to)];
      if (fromPart === toPart) return false;
      return rankOf(fromPart) === -1 || rankOf(toPart) === -1 || rankOf(toPart) >= rankOf(fromPart);
    })
    .map(({ from, to }) => `${relative(root, from)} -> ${relative(root, to)}`);
}

function typescriptImports(): { from: string; to: string }[] {
  return filesIn('lib', /\.ts$/).flatMap((from) =>
    Array.from(readFileSync(from, 'utf8').matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g), ([, path]) => ({
      from,
      to: resolve(dirname(from), path ?? '').replace(/\.js$/, '.ts'),
    })),
  );
}

function nativeIncludes(): { from: string; to: string }[] {
  return filesIn('native', /\.(h|c|cpp)$/).flatMap((from) =>
    Array.from(readFileSync(from, 'utf8').matchAll(/#include "([\w/]+\/[\w.]+)"/g), ([, path]) => ({
      from,
      to: join(root, 'native', path ?? ''),
    })),
  );
}

test('no TypeScript file imports from a layer above its own', () => {
  expect(typescriptImports().length).toBeGreaterThan(0);
  expect(upwardImports('lib', typescriptLayers, typescriptImports())).toEqual([]);
});

test('no C++ file includes from a layer above its own', () => {
  // What the test build adds is registered by the addon, in a line of its own under ROWTAP_TESTING.
  const includes = nativeIncludes().filter(({ from, to }) => !(from.endsWith('node/addon.cpp') && partOf('native', to) === 'testing'));
  expect(includes.length).toBeGreaterThan(0);
  expect(upwardImports('native', nativeLayers, includes)).toEqual([]);
});

test('SQLite and capture know nothing of Node', () => {
  const seen = [...filesIn('native/sqlite', /\.(h|c|cpp)$/), ...filesIn('native/capture', /\.(h|c|cpp)$/)].filter((file) =>
    /#include [<"](?:napi|node_api|js_native_api|node\/)/.test(readFileSync(file, 'utf8')),
  );
  expect(seen).toEqual([]);
});

test('only native/sqlite includes the amalgamation', () => {
  const seen = filesIn('native', /\.(h|c|cpp)$/).filter((file) => readFileSync(file, 'utf8').includes('"sqlite3.c"'));
  expect(seen.map((file) => relative(root, file))).toEqual(['native/sqlite/amalgamation.c']);
});

test('what sees the structures of SQLite is one unit: each of its parts is included by it alone, and none is compiled by itself', () => {
  const parts = filesIn('native/sqlite/internals', /./).map((file) => relative(root, file));
  expect(parts.length).toBeGreaterThan(0);
  const included = nativeIncludes().filter(({ to }) => parts.includes(relative(root, to)));
  expect(included.map(({ to }) => relative(root, to)).toSorted()).toEqual(parts.toSorted());
  expect(new Set(included.map(({ from }) => relative(root, from)))).toEqual(new Set(['native/sqlite/amalgamation.c']));
  const compiled = execFileSync(process.execPath, ['scripts/list-sources.cjs', 'native/sqlite'], { cwd: root, encoding: 'utf8' });
  expect(compiled).toBe('native/sqlite/amalgamation.c\n');
});
