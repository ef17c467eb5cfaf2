import { afterAll, describe, expect, test } from 'vitest';
import { UserProject } from '../support/documented-program.js';
import { codeBlocks, readDocument } from '../support/markdown.js';

const blocks = codeBlocks(readDocument('README.md'));
const project = new UserProject();

afterAll(() => project.remove());

describe('every code block of the README works as printed', () => {
  const programs = blocks.map((block, at) => ({ ...block, at })).filter(({ language }) => language === 'js' || language === 'ts');

  test.each(programs)('the program in line $line', ({ language, code, at }) => {
    const printed = blocks[at + 1];
    expect(printed?.language, 'what it prints stands in a block of text behind it').toBe('text');
    expect(project.run(language, code, `block-${at}`)).toBe(printed?.code);
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
