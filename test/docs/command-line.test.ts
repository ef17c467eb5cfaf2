import { describe, expect, test } from 'vitest';
import { dropConsumer } from '../../lib/cli/commands/drop-consumer.js';
import { install } from '../../lib/cli/commands/install.js';
import { prune } from '../../lib/cli/commands/prune.js';
import { snapshot } from '../../lib/cli/commands/snapshot.js';
import { status } from '../../lib/cli/commands/status.js';
import { tail } from '../../lib/cli/commands/tail.js';
import { uninstall } from '../../lib/cli/commands/uninstall.js';
import { verify } from '../../lib/cli/commands/verify.js';
import { exitCodes, exitCodesHelp } from '../../lib/cli/exit-codes.js';
import { codeSpans, readDocument } from '../support/markdown.js';

const reference = readDocument('docs/reference/command-line.md');
const spans = codeSpans(reference).join('\n');

const typed = [
  ...[tail, snapshot, verify].map((command) => ({ executable: 'rowtap', ...command })),
  ...[install, uninstall, status, dropConsumer, prune].map((command) => ({ executable: 'rowtap-admin', ...command })),
];

describe.each(typed)('docs/reference/command-line.md has $executable $name', ({ executable, name, operands, options }) => {
  test('as it is typed', () => {
    expect(spans.split('\n')).toContain([executable, name, ...operands].join(' '));
  });

  test('with every option', () => {
    expect(Object.keys(options).filter((option) => !new RegExp(`--${option}\\b`).test(spans))).toEqual([]);
  });
});

test('no other option is named', () => {
  const known = new Set([...typed.flatMap(({ options }) => Object.keys(options)), 'help', 'version']);
  const named = Array.from(spans.matchAll(/--([a-z][a-z-]*)/g), ([, option]) => option ?? '');
  expect(named.filter((option) => !known.has(option))).toEqual([]);
});

test('every exit code stands there, and in the help', () => {
  for (const code of Object.values(exitCodes)) {
    expect(reference.split('## Exit codes')[1]).toMatch(new RegExp(`^\\|[^|]*\\b${code}\\b[^|]*\\|`, 'm'));
    expect(exitCodesHelp).toMatch(new RegExp(`\\b${code}\\b`));
  }
});
