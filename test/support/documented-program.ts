import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCompiler } from './compile.js';
import { projectRoot } from './markdown.js';

/** What guides use beside rowtap. */
const others = ['drizzle-orm', 'knex', 'kysely', 'typeorm'];

/** Runs programs that stand in documents as a user would, in a project that has rowtap installed. */
export class UserProject {
  readonly #folder = mkdtempSync(join(tmpdir(), 'rowtap-document-'));

  constructor() {
    mkdirSync(join(this.#folder, 'node_modules'));
    symlinkSync(projectRoot, join(this.#folder, 'node_modules/rowtap'), 'dir');
    for (const name of ['@types', ...others])
      symlinkSync(join(projectRoot, 'node_modules', name), join(this.#folder, 'node_modules', name), 'dir');
  }

  /** Compiled where it is TypeScript, then run in a folder of its own. Gives what it printed. */
  run(language: string, code: string, name: string): string {
    const folder = join(this.#folder, name);
    mkdirSync(folder);
    if (language === 'ts') compile(folder, code);
    else writeFileSync(join(folder, 'block.mjs'), code);
    return execFileSync(process.execPath, ['block.mjs'], { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function compile(folder: string, code: string): void {
  writeFileSync(join(folder, 'block.mts'), code);
  runCompiler(['--strict', '--module', 'nodenext', '--target', 'es2022', '--types', 'node', 'block.mts'], folder);
}
