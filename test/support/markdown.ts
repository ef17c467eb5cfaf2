import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const projectRoot = fileURLToPath(new URL('../..', import.meta.url));

export function readDocument(path: string): string {
  return readFileSync(join(projectRoot, path), 'utf8');
}

/** The project's documents, by their paths from its root. */
export function listDocuments(): string[] {
  const inFolder = (folder: string): string[] =>
    readdirSync(join(projectRoot, folder), { withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith('.md'))
      .map((entry) => join(folder, entry.name));
  return [...inFolder('.'), ...inFolder('docs'), ...inFolder('docs/guides'), ...inFolder('docs/reference')];
}

export interface CodeBlock {
  language: string;
  code: string;
  /** Where it begins. */
  line: number;
}

export function codeBlocks(markdown: string): CodeBlock[] {
  return Array.from(markdown.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm), ({ 1: language = '', 2: code = '', index }) => ({
    language,
    code,
    line: markdown.slice(0, index).split('\n').length,
  }));
}

/** What stands in backticks within the text, code blocks left out. */
export function codeSpans(markdown: string): string[] {
  return Array.from(withoutCodeBlocks(markdown).matchAll(/`([^`\n]+)`/g), ([, span]) => span ?? '');
}

export function withoutCodeBlocks(markdown: string): string {
  return markdown.replace(/^```[\s\S]*?^```$/gm, '');
}

/** The anchors that GitHub makes of the headings. */
export function anchors(markdown: string): Set<string> {
  return new Set(
    Array.from(withoutCodeBlocks(markdown).matchAll(/^#+ (.+)$/gm), ([, heading]) =>
      (heading ?? '')
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}
