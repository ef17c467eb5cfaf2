/**
 * Puts the C sources that are not ours into deps/: each from the dev dependency that carries it unmodified, or, where that is not installed,
 * from the same version of that package by `npm pack`. A file that is not byte for byte the one expected is refused. Does nothing where all
 * are right.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const deps = dirname(fileURLToPath(import.meta.url));

const sources = [
  {
    // SQLite 3.53.4, its parser generated with SQLITE_ENABLE_UPDATE_DELETE_LIMIT, which no compiler's option can add later
    // (https://www.sqlite.org/compile.html). In nothing but the parser does it differ from the sqlite3.c that sqlite.org offers, whose
    // SHA3-256 is 67f423e9ebbbdc473cbc4772c872ee6b89f31fde4ed0279a5c25d5f65c043a16; the two headers are the same.
    target: 'sqlite3',
    dependency: 'sqlite-amalgamation-source',
    folder: 'deps/sqlite3',
    sums: {
      'sqlite3.c': '52fde3de869fc0bff701d7bdc6589e7337f77ebf28303abcfc1e531205895193',
      'sqlite3.h': '89d0de498b1012938bb78dc18b68fea52e26f7f7b6db6347d126a2e58b86a05c',
      // For extensions: the tests build one.
      'sqlite3ext.h': '1b7a0ee438bb5c2896d0609c537e917d8057b3340f6ad004d2de44f03e3d3cca',
    },
  },
  {
    // LZ4 1.9.2, https://github.com/lz4/lz4
    target: 'lz4',
    dependency: 'lz4-source',
    folder: 'deps/lz4/lib',
    sums: {
      'lz4.c': 'd17c142db01cefedb31d1d63423e889885ebed95e2ef59c6ea5ef4e73ac4c87d',
      'lz4.h': '54795283c2af83531dd29e5da376462ab9c4bb5eb896044ec5fc467460325c3f',
      LICENSE: '8baf3e65657568ed94b253219de84869a4011016b026c4f40b9799645aaf3bc8',
    },
  },
];

const sumOf = (path) => createHash('sha3-256').update(readFileSync(path)).digest('hex');

function copyChecked({ target, sums }, folder) {
  mkdirSync(join(deps, target), { recursive: true });
  for (const [name, sum] of Object.entries(sums)) {
    const found = sumOf(join(folder, name));
    if (found !== sum)
      throw new Error(`${join(folder, name)} is not the ${name} that belongs here: its SHA3-256 is ${found}, expected was ${sum}`);
    // Written beside and renamed, so that a build that was interrupted here does not leave half a file.
    const partial = join(deps, target, `.${name}.${process.pid}`);
    writeFileSync(partial, readFileSync(join(folder, name)));
    renameSync(partial, join(deps, target, name));
  }
}

function fetchByNpmPack(source) {
  const spec = JSON.parse(readFileSync(join(deps, '../package.json'), 'utf8')).devDependencies[source.dependency].replace(/^npm:/, '');
  const directory = mkdtempSync(join(tmpdir(), `rowtap-${source.target}-`));
  try {
    const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
    const options = { cwd: directory, encoding: 'utf8', shell: process.platform === 'win32' };
    const [{ filename }] = JSON.parse(execFileSync(npm, ['pack', spec, '--json', '--ignore-scripts'], options));
    execFileSync('tar', ['-xzf', filename], { cwd: directory });
    copyChecked(source, join(directory, 'package', source.folder));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

for (const source of sources) {
  const { target, dependency, folder, sums } = source;
  const isRight = (name) => existsSync(join(deps, target, name)) && sumOf(join(deps, target, name)) === sums[name];
  if (Object.keys(sums).every(isRight)) continue;
  const installed = join(deps, '../node_modules', dependency, folder);
  if (existsSync(installed)) copyChecked(source, installed);
  else fetchByNpmPack(source);
}
