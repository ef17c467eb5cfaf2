import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** The environment of a user, who has no test addon to choose and no sanitizer to preload. */
const { ROWTAP_ADDON: _addon, LD_PRELOAD: _preload, NODE_OPTIONS: _options, ...env } = process.env;

const project = mkdtempSync(join(tmpdir(), 'rowtap-bundled-'));
/** Where no package is. */
const elsewhere = mkdtempSync(join(tmpdir(), 'rowtap-elsewhere-'));
const addon = join(elsewhere, 'rowtap.node');

const use = `
  const options = process.argv[2] === undefined ? {} : { nativeBinding: process.argv[2] };
  const follow = async () => {
    const db = new Database(':memory:', options);
    db.exec('CREATE TABLE t (a)');
    const changes = openSource(db).subscribe({ snapshot: 'never' });
    db.exec("INSERT INTO t VALUES ('pear')");
    for await (const { op, after } of changes) {
      console.log(op, after.a);
      break;
    }
    db.close();
  };
  follow().catch(({ name, code, message }) => console.log(name, code, message));
`;

beforeAll(() => {
  const installed = join(project, 'node_modules/rowtap');
  for (const name of ['dist', 'package.json']) cpSync(join(root, name), join(installed, name), { recursive: true });
  cpSync(join(root, 'node_modules/node-gyp-build'), join(project, 'node_modules/node-gyp-build'), { recursive: true });
  const prebuilds = join(installed, `prebuilds/${process.platform}-${process.arch}`);
  mkdirSync(prebuilds, { recursive: true });
  copyFileSync(join(root, 'build/Release/rowtap.node'), join(prebuilds, 'rowtap.node'));
  copyFileSync(join(root, 'build/Release/rowtap.node'), addon);
  writeFileSync(join(project, 'package.json'), '{ "name": "application", "type": "module" }');
  writeFileSync(join(project, 'app.mjs'), `import { Database, openSource } from 'rowtap';${use}`);
  writeFileSync(join(project, 'app.cjs'), `const Database = require('rowtap'); const { openSource } = Database;${use}`);
});

afterAll(() => {
  for (const folder of [project, elsewhere]) rmSync(folder, { recursive: true, force: true });
});

function bundle(input: string, output: string, ...options: string[]): string {
  const format = output.endsWith('.cjs') ? 'cjs' : 'esm';
  execFileSync(
    process.execPath,
    [join(root, 'node_modules/rolldown/bin/cli.mjs'), input, '--file', output, '--format', format, '--platform', 'node', ...options],
    { cwd: project, env, stdio: 'pipe' },
  );
  return join(project, output);
}

function run(file: string, ...parameters: string[]): string {
  const { stdout, stderr } = spawnSync(process.execPath, [file, ...parameters], { cwd: elsewhere, env, encoding: 'utf8' });
  return stdout + stderr;
}

describe.each([
  ['app.mjs', 'out/app.mjs'],
  ['app.mjs', 'out/app.cjs'],
  ['app.cjs', 'out/app-from-cjs.cjs'],
  ['app.cjs', 'out/app-from-cjs.mjs'],
])('%s bundled as %s', (input, output) => {
  test('works with rowtap as external', () => {
    expect(run(bundle(input, output, '--external', 'rowtap'))).toBe('insert pear\n');
  });

  test.each([[[]], [['--minify']]])('says what to do where rowtap was bundled too, and works with nativeBinding: %j', (options) => {
    const built = bundle(input, output, ...options);
    const moved = join(elsewhere, output.replace('/', '-'));
    copyFileSync(built, moved);
    for (const file of [built, moved]) {
      const said = run(file);
      expect(said).toMatch(/^RowtapError ROWTAP_NO_ADDON rowtap's addon was not found: /);
      expect(said).toContain('mark it as external');
      expect(said).toContain('`nativeBinding`');
      expect(run(file, addon)).toBe('insert pear\n');
    }
  });
});

test('a bundler that leaves nothing of import.meta.url, as esbuild for CommonJS, makes no difference', () => {
  const file = bundle('app.mjs', 'out/plain.cjs', '--transform.define', 'import.meta.url:undefined');
  expect(run(file)).toMatch(/^RowtapError ROWTAP_NO_ADDON .*mark it as external/);
  expect(run(file, addon)).toBe('insert pear\n');
});

test("another package's addon is not taken for rowtap's", () => {
  const file = bundle('app.mjs', 'out/server/app.mjs');
  mkdirSync(join(project, 'build/Release'), { recursive: true });
  writeFileSync(join(project, 'build/Release/other.node'), '');
  expect(run(file)).toMatch(/^RowtapError ROWTAP_NO_ADDON .*is not the package rowtap/);
});

test('a package in which nothing was built for this platform says so', () => {
  const installed = join(project, 'node_modules/rowtap/prebuilds');
  expect(existsSync(installed)).toBe(true);
  rmSync(installed, { recursive: true });
  expect(run(join(project, 'app.mjs'))).toMatch(/^RowtapError ROWTAP_NO_ADDON .*No native build was found for platform=.*`make build`/);
});
