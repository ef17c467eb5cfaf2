import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { projectRoot } from '../support/markdown.js';
import { type Executable, pathOf, run } from './typed.js';

const commands: [Executable, string[]][] = [
  ['rowtap', ['tail', 'snapshot', 'verify']],
  ['rowtap-admin', ['install', 'uninstall', 'status', 'drop-consumer', 'prune']],
];
const each = commands.flatMap(([executable, names]) => names.map((name) => [executable, name] as const));
const version = (JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as { version: string }).version;

describe.each(commands)('%s', (executable, names) => {
  test('is a program by itself', () => {
    const { status, stdout } = spawnSync(pathOf(executable), ['--version'], { encoding: 'utf8' });
    expect({ status, stdout }).toEqual({ status: 0, stdout: `${version}\n` });
  });

  test.each([['--help'], ['-h'], ['help']])('%s shows its commands and exit codes', async (word) => {
    const { code, stdout, stderr } = await run(executable, [word]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const name of names) expect(stdout).toMatch(new RegExp(`^  ${name} .*\\.$`, 'm'));
    expect(stdout).toContain('Exit codes:');
  });

  test('without a command says which there are', async () => {
    const { code, stdout, stderr } = await run(executable, []);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(names.join(', '));
    expect(stderr).toContain('--help');
  });

  test('tells what was probably meant by a mistyped command', async () => {
    const name = names[0] as string;
    const { code, stderr } = await run(executable, [name.replace('t', ''), 'x.db']);
    expect(code).toBe(2);
    expect(stderr).toContain(`did you mean ${name}?`);
  });

  test('wants the command first', async () => {
    const { code, stderr } = await run(executable, ['--format', 'json', names[0] as string]);
    expect(code).toBe(2);
    expect(stderr).toContain('the command comes first');
  });
});

test.each(each)('%s %s --help shows its options', async (executable, name) => {
  const shown = await run(executable, [name, '--help']);
  expect(shown).toMatchObject({ code: 0, stderr: '' });
  expect(shown.stdout).toContain(`Usage: ${executable} ${name} FILE`);
  expect((await run(executable, ['help', name])).stdout).toBe(shown.stdout);
});

test.each(each)('%s %s without a file says what it needs', async (executable, name) => {
  const { code, stdout, stderr } = await run(executable, [name]);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toContain(`${name} needs FILE`);
});

test.each<[string[], string]>([
  [['tail', 'x.db', '--tabel', 'products'], 'did you mean --table?'],
  [['tail', 'x.db', '--consmer=a'], 'did you mean --consumer?'],
  [['tail', 'x.db', '--zzzzzz'], 'tail has no option --zzzzzz'],
  [['tail', 'x.db', '-x'], 'tail has no option -x'],
  [['snapshot', 'x.db', '--consumer', 'a'], 'snapshot has no option --consumer'],
  [['tail', 'x.db', '--consumer'], '--consumer needs a value'],
  [['tail', 'x.db', '--consumer='], '--consumer needs a value'],
  [['tail', 'x.db', '--consumer', '--snapshot'], '--consumer needs a value'],
  [['tail', 'x.db', '--consumer', 'a', '--consumer', 'b'], '--consumer is given twice'],
  [['tail', 'x.db', '--snapshot=yes'], '--snapshot takes no value'],
  [['tail', 'x.db', 'y.db'], 'not "y.db" as well'],
  [['tail', ''], 'FILE is empty'],
  [['verify', 'x.db'], 'verify needs OTHER'],
  [['tail', 'x.db', '--format', 'xml'], '--format takes json or text'],
  [['tail', 'x.db', '--engine', 'both'], '--engine takes hook or trigger'],
  [['tail', 'x.db', '--batch-size', '0'], '--batch-size takes a whole number, 1 or more'],
  [['tail', 'x.db', '--batch-size', '1e3'], '--batch-size takes a whole number'],
  [['tail', 'x.db', '--output', 'ftp://host/x'], '--output takes "-", a file, or an address'],
  [['tail', 'x.db', '--output', 'http://:80:80/'], 'is no address'],
  [['tail', 'x.db', '--retries', '3'], '--retries belongs to an --output with http'],
  [['tail', 'x.db', '--output', 'http://127.0.0.1/', '--timeout', '5'], '--timeout takes a time with its unit'],
  [['tail', 'x.db', '--output', 'http://127.0.0.1/', '--format', 'text'], 'an address gets JSON lines'],
])('rowtap %j is refused', async (args, reason) => {
  const { code, stdout, stderr } = await run('rowtap', args);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toContain(reason);
  expect(stderr).not.toContain('    at ');
});

test.each<[string[], string]>([
  [['prune', 'x.db', '--max-age', '7'], '--max-age takes a time with its unit'],
  [['prune', 'x.db', '--max-bytes', 'much'], '--max-bytes takes a number of bytes'],
  [['drop-consumer', 'x.db'], 'drop-consumer needs NAME'],
])('rowtap-admin %j is refused', async (args, reason) => {
  const { code, stderr } = await run('rowtap-admin', args);
  expect(code).toBe(2);
  expect(stderr).toContain(reason);
});
