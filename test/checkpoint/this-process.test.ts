import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { fateOf, newOwner } from '../../lib/checkpoint/this-process.js';

const canTellStarts = existsSync('/proc/self/stat');

test('an owner in this process is here, and each is another', () => {
  const owner = newOwner();
  expect(fateOf(owner)).toBe('here');
  expect(newOwner()).toEqual({ ...owner, token: expect.not.stringMatching(owner.token) });
});

test('one of another host may be there or not', () => {
  expect(fateOf({ ...newOwner(), host: 'elsewhere' })).toBe('unknown');
  expect(fateOf({ ...newOwner(), host: 'elsewhere', pid: spawnSync(process.execPath, ['--version']).pid })).toBe('unknown');
});

test('a process is gone as soon as it has been killed, before its number is free too', async () => {
  const child = spawn(process.execPath, ['--eval', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  await once(child, 'spawn');
  const owner = { ...newOwner(), pid: child.pid as number, started: '' };
  expect(fateOf(owner)).toBe('unknown');
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(fateOf(owner)).toBe('gone');
});

test.runIf(canTellStarts)('another process that has got the same number is not it', () => {
  const owner = newOwner();
  expect(fateOf({ ...owner, started: 'before' })).toBe('gone');
  expect(fateOf({ ...owner, pid: process.ppid, started: owner.started })).toBe('gone');
  expect(fateOf({ ...owner, pid: process.ppid, started: '' })).toBe('unknown');
});
