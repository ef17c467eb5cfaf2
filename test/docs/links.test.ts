import { existsSync, statSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, test } from 'vitest';
import { anchors, listDocuments, projectRoot, readDocument, withoutCodeBlocks } from '../support/markdown.js';

function internalLinks(markdown: string): string[] {
  const text = withoutCodeBlocks(markdown).replace(/`[^`\n]*`/g, '');
  return Array.from(text.matchAll(/\]\(([^)\s]+)\)/g), ([, link]) => link ?? '').filter((link) => !/^[a-z]+:/.test(link));
}

/** What is wrong with a link in the document at `from`; undefined where it leads somewhere. */
function complaint(from: string, link: string): string | undefined {
  const [path = '', anchor] = link.split('#');
  const target = path === '' ? from : normalize(join(dirname(from), path));
  if (!existsSync(join(projectRoot, target))) return `${link}: no such file`;
  if (anchor === undefined || !statSync(join(projectRoot, target)).isFile()) return undefined;
  return anchors(readDocument(target)).has(anchor) ? undefined : `${link}: no such heading`;
}

describe('every link inside the project leads somewhere', () => {
  test.each(listDocuments())('%s', (path) => {
    const complaints = internalLinks(readDocument(path)).map((link) => complaint(path, link));
    expect(complaints.filter((each) => each !== undefined)).toEqual([]);
  });
});

test('the check notices what is not there', () => {
  expect(internalLinks('[a](docs/a.md#b) `[c](d)` [e](https://example.com)')).toEqual(['docs/a.md#b']);
  expect(complaint('README.md', 'docs/nowhere.md')).toContain('no such file');
  expect(complaint('README.md', 'docs/architecture.md#nothing-of-the-kind')).toContain('no such heading');
  expect(complaint('README.md', 'docs/architecture.md#layers')).toBeUndefined();
});
