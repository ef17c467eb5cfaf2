import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { runCompiler } from '../support/compile.js';
import { codeBlocks, projectRoot, readDocument } from '../support/markdown.js';

const blocks = codeBlocks(readDocument('README.md'));
const project = mkdtempSync(join(tmpdir(), 'rowtap-readme-'));
mkdirSync(join(project, 'node_modules'));
symlinkSync(projectRoot, join(project, 'node_modules/rowtap'), 'dir');
symlinkSync(join(projectRoot, 'node_modules/@types'), join(project, 'node_modules/@types'), 'dir');

afterAll(() => {
  rmSync(project, { recursive: true, force: true });
});

/** Compiled where it is TypeScript, then run as a program of a user, in a folder of its own. Gives what it printed. */
function run(language: string, code: string, name: string): string {
  const folder = join(project, name);
  mkdirSync(folder);
  if (language === 'ts') compile(folder, code);
  else writeFileSync(join(folder, 'block.mjs'), code);
  return execFileSync(process.execPath, ['block.mjs'], { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

function compile(folder: string, code: string): void {
  writeFileSync(join(folder, 'block.mts'), code);
  runCompiler(['--strict', '--module', 'nodenext', '--target', 'es2022', '--types', 'node', 'block.mts'], folder);
}

describe('every code block of the README works as printed', () => {
  const programs = blocks.map((block, at) => ({ ...block, at })).filter(({ language }) => language === 'js' || language === 'ts');

  test.each(programs)('the program in line $line', ({ language, code, at }) => {
    const printed = blocks[at + 1];
    expect(printed?.language, 'what it prints stands in a block of text behind it').toBe('text');
    expect(run(language, code, `block-${at}`)).toBe(printed?.code);
  });

  test('commands are those of the Makefile', () => {
    const commands = blocks.filter(({ language }) => language === 'sh').flatMap(({ code }) => code.trim().split('\n'));
    const targets = commands.map((command) => /^make (\w+)\s+#/.exec(command)?.[1]);
    expect(targets).toEqual(['demo', 'test']);
    const makefile = readDocument('Makefile');
    for (const target of targets) expect(makefile).toMatch(new RegExp(`^${target}:`, 'm'));
  });

  test('there is no block of another kind', () => {
    const others = blocks.filter(({ language }) => !['js', 'ts', 'sh', 'text'].includes(language));
    expect(others).toEqual([]);
  });
});
