import { afterAll, describe, expect, test } from 'vitest';
import { UserProject } from '../support/documented-program.js';
import { codeBlocks, listDocuments, readDocument } from '../support/markdown.js';

const project = new UserProject();
afterAll(() => project.remove());

const guides = listDocuments().filter((path) => path.startsWith('docs/guides/'));

describe.each(guides)('every code block of %s works as printed', (path) => {
  const blocks = codeBlocks(readDocument(path));
  const programs = blocks.map((block, at) => ({ ...block, at })).filter(({ language }) => language === 'js' || language === 'ts');

  test.each(programs)('the program in line $line', ({ language, code, line, at }) => {
    const printed = blocks[at + 1];
    expect(printed?.language, 'what it prints stands in a block of text behind it').toBe('text');
    expect(project.run(language, code, `${path.replaceAll('/', '-')}-${line}`)).toBe(printed?.code);
  });

  test('there is no block of another kind', () => {
    expect(blocks.filter(({ language }) => !['js', 'ts', 'text'].includes(language))).toEqual([]);
    expect(programs.length).toBeGreaterThan(0);
  });
});
