import { describe, expect, it } from 'vitest';
import { resume } from '../../lib/checkpoint/resume.js';
import type { SnapshotMode } from '../../lib/model/options.js';

const lsn = 1000;
const caughtUp = { lsn, isSnapshotDone: true, isOfThisLife: true };
const ahead = { ...caughtUp, lsn: lsn + 1 };
const behind = { ...caughtUp, lsn: lsn - 1 };
const fromBefore = { ...caughtUp, isOfThisLife: false };
const unfinished = { ...caughtUp, isSnapshotDone: false };
const unfinishedBehind = { ...behind, isSnapshotDone: false };
const unfinishedFromBefore = { ...fromBefore, isSnapshotDone: false };

const states = { new: undefined, caughtUp, ahead, behind, fromBefore, unfinished, unfinishedBehind, unfinishedFromBefore };

/** The whole table: for each mode and state, `gap` and `rows` as words. */
const expected: Record<SnapshotMode, Record<keyof typeof states, string>> = {
  never: {
    new: '',
    caughtUp: '',
    ahead: '',
    behind: 'gap',
    fromBefore: 'gap',
    unfinished: '',
    unfinishedBehind: 'gap',
    unfinishedFromBefore: 'gap',
  },
  initial: {
    new: 'rows',
    caughtUp: '',
    ahead: '',
    behind: 'gap',
    fromBefore: 'gap',
    unfinished: 'rows',
    unfinishedBehind: 'gap rows',
    unfinishedFromBefore: 'gap rows',
  },
  always: {
    new: 'rows',
    caughtUp: 'rows',
    ahead: 'rows',
    behind: 'gap rows',
    fromBefore: 'gap rows',
    unfinished: 'rows',
    unfinishedBehind: 'gap rows',
    unfinishedFromBefore: 'gap rows',
  },
  'when-needed': {
    new: 'rows',
    caughtUp: '',
    ahead: '',
    behind: 'gap rows',
    fromBefore: 'gap rows',
    unfinished: 'rows',
    unfinishedBehind: 'gap rows',
    unfinishedFromBefore: 'gap rows',
  },
  only: {
    new: 'rows',
    caughtUp: 'rows',
    ahead: 'rows',
    behind: 'gap rows',
    fromBefore: 'gap rows',
    unfinished: 'rows',
    unfinishedBehind: 'gap rows',
    unfinishedFromBefore: 'gap rows',
  },
};

describe('how a consumer begins', () => {
  for (const [mode, row] of Object.entries(expected)) {
    for (const [state, words] of Object.entries(row)) {
      it(`snapshot "${mode}", ${state}: ${words === '' ? 'goes on' : words}`, () => {
        const { gap, isSnapshotDue } = resume(mode as SnapshotMode, states[state as keyof typeof states], lsn);
        expect([gap === 'restart' ? 'gap' : '', isSnapshotDue ? 'rows' : ''].join(' ').trim()).toBe(words);
      });
    }
  }
});
