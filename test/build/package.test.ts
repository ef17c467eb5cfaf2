import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** The environment of a user, who has no test addon to choose and no sanitizer to preload. */
const { ROWTAP_ADDON: _addon, LD_PRELOAD: _preload, NODE_OPTIONS: _options, ...userEnvironment } = process.env;

const project = mkdtempSync(join(tmpdir(), 'rowtap-package-'));
let shipped: string[] = [];

function run(command: string, args: string[]): string {
  return execFileSync(command, args, { cwd: project, env: userEnvironment, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

// As `npm install` of the tarball would lay it out, without asking a registry. The addon is the one that is shipped, or, where no prebuilt
// one was made, the one that was built for this machine, put where the shipped one would be.
beforeAll(() => {
  const packed = execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--loglevel=error', '--pack-destination', project], {
    cwd: root,
    env: userEnvironment,
    encoding: 'utf8',
  });
  const [tarball] = JSON.parse(packed) as [{ filename: string; files: { path: string }[] }];
  shipped = tarball.files.map(({ path }) => path);
  const installed = join(project, 'node_modules/rowtap');
  mkdirSync(installed, { recursive: true });
  run('tar', ['-xzf', join(project, tarball.filename), '--strip-components=1', '-C', installed]);
  cpSync(join(root, 'node_modules/node-gyp-build'), join(project, 'node_modules/node-gyp-build'), { recursive: true });
  const prebuilds = join(installed, `prebuilds/${process.platform}-${process.arch}`);
  if (!existsSync(prebuilds)) cpSync(join(root, 'build/Release/rowtap.node'), join(prebuilds, 'rowtap.node'));
});

afterAll(() => {
  rmSync(project, { recursive: true, force: true });
});

test('everything that is needed to run and to compile is shipped', () => {
  const needed = [
    'package.json README.md LICENSE CHANGELOG.md dist/index.js dist/index.js.map dist/index.d.ts dist/cli/rowtap.js dist/cli/rowtap-admin.js',
    'binding.gyp scripts/list-sources.cjs deps/sqlite3/sqlite3.c deps/sqlite3/sqlite3.h deps/lz4/lz4.c deps/lz4/lz4.h deps/lz4/LICENSE',
    'native/sqlite/amalgamation.c native/sqlite/options.h native/capture/capture.cpp native/node/addon.cpp',
  ];
  expect(needed.flatMap((line) => line.split(' ')).filter((path) => !shipped.includes(path))).toEqual([]);
});

test('nothing else is shipped', () => {
  const expected = [
    /^(?:package\.json|README\.md|LICENSE|CHANGELOG\.md|binding\.gyp|scripts\/list-sources\.cjs)$/,
    /^dist\/[\w/-]+\.(?:js|js\.map|d\.ts)$/,
    /^native\/(?:sqlite|capture|node)\/\w+\.(?:h|c|cpp)$/,
    /^deps\/(?:sqlite3\/sqlite3\.[ch]|lz4\/(?:lz4\.[ch]|LICENSE))$/,
    /^prebuilds\/[\w-]+\/rowtap\.node$/,
  ];
  expect(shipped.filter((path) => !expected.some((pattern) => pattern.test(path)))).toEqual([]);
});

test('what is shipped was made from sources that are still there', () => {
  const orphans = shipped
    .filter((path) => path.startsWith('dist/') && path.endsWith('.js'))
    .filter((path) => !existsSync(join(root, path.replace(/^dist/, 'lib').replace(/\.js$/, '.ts'))));
  expect(orphans, 'run `make clean`').toEqual([]);
});

const use = `
  const db = new Database(':memory:');
  db.exec('CREATE TABLE fruit (id INTEGER PRIMARY KEY, name TEXT)');
  db.prepare('INSERT INTO fruit (name) VALUES (?)').run('pear');
  console.log(JSON.stringify(db.prepare('SELECT * FROM fruit').all()));
  db.close();
`;
const printed = '[{"id":1,"name":"pear"}]\n';

test('a program can import it', () => {
  writeFileSync(
    join(project, 'use.mjs'),
    `import Default, { Database } from 'rowtap'; if (Default !== Database) throw new Error('default'); ${use}`,
  );
  expect(run(process.execPath, ['use.mjs'])).toBe(printed);
});

test('a program can require it', () => {
  writeFileSync(join(project, 'use.cjs'), `const { Database } = require('rowtap'); ${use}`);
  expect(run(process.execPath, ['use.cjs'])).toBe(printed);
});

test('its executables run by the names that npm gives them', () => {
  const { bin } = JSON.parse(readFileSync(join(project, 'node_modules/rowtap/package.json'), 'utf8')) as { bin: Record<string, string> };
  expect(Object.keys(bin)).toEqual(['rowtap', 'rowtap-admin']);
  const links = join(project, 'node_modules/.bin');
  mkdirSync(links, { recursive: true });
  for (const [name, path] of Object.entries(bin)) {
    symlinkSync(join('../rowtap', path), join(links, name));
    // As npm does.
    chmodSync(join(links, name), 0o755);
  }
  writeFileSync(
    join(project, 'make.mjs'),
    "import { Database } from 'rowtap'; new Database('fruit.db').exec(\"CREATE TABLE fruit (name); INSERT INTO fruit VALUES ('pear')\").close();",
  );
  run(process.execPath, ['make.mjs']);
  expect(run(join(links, 'rowtap'), ['snapshot', 'fruit.db'])).toContain('"after":{"name":"pear"}');
  expect(run(join(links, 'rowtap-admin'), ['status', 'fruit.db'])).toContain('tables    fruit\n');
});

test('TypeScript finds its types, imported and required', () => {
  const typed = `import { Database, type Change } from 'rowtap'; const db = new Database(); export const changes: AsyncIterable<Change> = db.changes();`;
  writeFileSync(join(project, 'typed.mts'), typed);
  writeFileSync(join(project, 'typed.cts'), typed);
  const options = [
    '--noEmit',
    '--strict',
    '--module',
    'nodenext',
    '--target',
    'es2022',
    '--types',
    'node',
    '--typeRoots',
    join(root, 'node_modules/@types'),
  ];
  run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), ...options, 'typed.mts', 'typed.cts']);
});
