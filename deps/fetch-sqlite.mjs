/**
 * Puts SQLite's amalgamation into deps/sqlite3/: from the dev dependency that carries it unmodified, or, where that is not installed, from the
 * same version of that package by `npm pack`. A file that is not byte for byte the one expected is refused. Does nothing where both are right.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** SQLite 3.53.4. SHA3-256, the sum that https://www.sqlite.org/download.html publishes too. */
const expectedSums = {
  'sqlite3.c': '67f423e9ebbbdc473cbc4772c872ee6b89f31fde4ed0279a5c25d5f65c043a16',
  'sqlite3.h': '89d0de498b1012938bb78dc18b68fea52e26f7f7b6db6347d126a2e58b86a05c',
};

const deps = dirname(fileURLToPath(import.meta.url));
const target = join(deps, 'sqlite3');
const installed = join(deps, '../node_modules/sqlite-amalgamation-source/src/upstream');

const sumOf = (path) => createHash('sha3-256').update(readFileSync(path)).digest('hex');
const isRight = (path, name) => existsSync(path) && sumOf(path) === expectedSums[name];

function copyChecked(source) {
  mkdirSync(target, { recursive: true });
  for (const [name, sum] of Object.entries(expectedSums)) {
    const found = sumOf(join(source, name));
    if (found !== sum) throw new Error(`${join(source, name)} is not SQLite's ${name}: its SHA3-256 is ${found}, expected was ${sum}`);
    // Written beside and renamed, so that a build that was interrupted here does not leave half a file.
    const partial = join(target, `.${name}.${process.pid}`);
    writeFileSync(partial, readFileSync(join(source, name)));
    renameSync(partial, join(target, name));
  }
}

function fetchByNpmPack() {
  const spec = JSON.parse(readFileSync(join(deps, '../package.json'), 'utf8')).devDependencies['sqlite-amalgamation-source'].replace(
    /^npm:/,
    '',
  );
  const directory = mkdtempSync(join(tmpdir(), 'rowtap-sqlite-'));
  try {
    const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
    const options = { cwd: directory, encoding: 'utf8', shell: process.platform === 'win32' };
    const [{ filename }] = JSON.parse(execFileSync(npm, ['pack', spec, '--json', '--ignore-scripts'], options));
    execFileSync('tar', ['-xzf', filename], { cwd: directory });
    copyChecked(join(directory, 'package/src/upstream'));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

if (!Object.keys(expectedSums).every((name) => isRight(join(target, name), name))) {
  if (existsSync(join(installed, 'sqlite3.c'))) copyChecked(installed);
  else fetchByNpmPack();
}
