import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { codeSpans, listDocuments, projectRoot, readDocument } from '../support/markdown.js';

const topFolders = /^(?:\.ci|bench|deps|docs|examples|lib|native|scripts|test)\//;

describe('documents name only files that exist', () => {
  test.each(listDocuments())('%s', (path) => {
    const named = codeSpans(readDocument(path)).filter((span) => topFolders.test(span) && !/[*{<]/.test(span));
    expect(named.filter((file) => !existsSync(join(projectRoot, file)))).toEqual([]);
  });
});

describe('docs/architecture.md', () => {
  const spans = codeSpans(readDocument('docs/architecture.md'));

  test('has every folder of lib and native', () => {
    const folders = ['lib', 'native'].flatMap((base) =>
      readdirSync(join(projectRoot, base), { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map((entry) => `${base}/${entry.name}`),
    );
    expect(folders.filter((folder) => !spans.includes(folder))).toEqual([]);
  });

  test('names only classes and functions that the sources have', () => {
    const sources = ['lib', 'native']
      .flatMap((base) =>
        readdirSync(join(projectRoot, base), { recursive: true, encoding: 'utf8' }).map((name) => join(projectRoot, base, name)),
      )
      .filter((file) => /\.(?:ts|h|c|cpp)$/.test(file))
      .map((file) => readFileSync(file, 'utf8'))
      .join('\n');
    const words = spans.flatMap((span) => /^[A-Z]\w*[a-z]\w*(?:\.\w+\(\))?$/.exec(span)?.[0].match(/\w+/g) ?? []);
    expect(words.length).toBeGreaterThan(15);
    expect(words.filter((word) => !new RegExp(`\\b${word}\\b`).test(sources))).toEqual([]);
  });
});

test('docs/reference/guarantees.md has every test of a promise', () => {
  const spans = codeSpans(readDocument('docs/reference/guarantees.md'));
  const promises = readdirSync(join(projectRoot, 'test/promises')).filter((name) => name.endsWith('.test.ts'));
  expect(promises.filter((name) => !spans.includes(`test/promises/${name}`))).toEqual([]);
});
