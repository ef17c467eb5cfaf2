/** The log's reader by itself, with what it reads from made by hand: what it does where the log can't be read just now. */
import { expect, test } from 'vitest';
import type { NativeLogReplay, NativeReader } from '../../lib/binding/native.js';
import { ReaderState, ReplayStatus } from '../../lib/binding/native.js';
import { SqliteError } from '../../lib/errors/sqlite-error.js';
import { LogReader } from '../../lib/log/log-reader.js';

const busy = new SqliteError('database is locked', 'SQLITE_BUSY');

/** A reader that has so many bytes to give, and is in that state afterwards. */
function native(bytes: number, state: number, lsn = 5): NativeReader & { give(bytes: number): void; isClosed: boolean } {
  let waiting = bytes;
  return {
    startLsn: lsn,
    logLsn: lsn,
    lsn,
    isClosed: false,
    read: () => (waiting-- > 0 ? 1 : 0),
    give(more) {
      waiting = more;
    },
    batch: () => undefined,
    skipBatch: () => {},
    state: () => state,
    end: () => {},
    buffered: () => [Math.max(waiting, 0), Math.max(waiting, 0)],
    close() {
      this.isClosed = true;
    },
  };
}

function reader(live: NativeReader) {
  const seen = {
    waits: 0,
    isWaiting: false,
    opened: 0,
    closed: 0,
    isBusy: true,
    statuses: [] as number[],
    isPlaceBusy: false,
    isRestored: false,
  };
  const fed = native(0, ReaderState.open);
  const next = native(0, ReaderState.open, 9);
  const replay: NativeLogReplay = {
    position: 9,
    corruptLsn: 7,
    hasHistoryChanged: false,
    fill: () => {
      const status = seen.statuses.shift() ?? ReplayStatus.end;
      if (status === ReplayStatus.more) fed.give(1);
      return status;
    },
    close: () => {},
  };
  const hub = {
    openReader: () => {
      if (seen.isPlaceBusy) throw busy;
      return next;
    },
    openFedReader: () => fed,
  };
  const connect = () => {
    if (seen.isBusy) throw busy;
    ++seen.opened;
    return { native: {} as never, close: () => void ++seen.closed };
  };
  const parts = {
    hub,
    maxBuffered: 1,
    connect,
    openReplay: () => replay,
    restore: () => seen.isRestored,
    lift: () => {},
    attach: () => {},
    wait: {
      again() {
        ++seen.waits;
        seen.isWaiting = true;
      },
      over() {
        seen.isWaiting = false;
      },
    },
  };
  return { seen, next, log: new LogReader(parts, { position: 5, live }) };
}

const target = new Uint8Array(8);

test('behind, and the log is locked: it stays open, waits, and reads on then', () => {
  const { seen, next, log } = reader(native(1, ReaderState.behind));
  expect(log.read(target)).toBe(1);
  expect([log.read(target), log.state(), seen.waits]).toEqual([0, ReaderState.open, 1]);
  expect([log.read(target), log.state(), seen.waits]).toEqual([0, ReaderState.open, 2]);
  seen.isBusy = false;
  seen.statuses.push(ReplayStatus.more, ReplayStatus.busy);
  expect([log.read(target), log.isReplaying]).toEqual([1, true]);
  expect([log.read(target), log.state(), seen.waits]).toEqual([0, ReaderState.open, 3]);
  seen.isPlaceBusy = true;
  expect([log.read(target), log.state(), seen.waits]).toEqual([0, ReaderState.open, 4]);
  seen.isPlaceBusy = false;
  next.give(1);
  expect([log.read(target), log.isReplaying, seen.opened, seen.closed, seen.isWaiting]).toEqual([1, false, 1, 1, false]);
  log.close();
  expect([next.isClosed, log.state(), log.read(target)]).toEqual([true, ReaderState.closed, 0]);
});

test('the log is removed: it waits until there is one again, and reads on in that with what it has open', () => {
  const { seen, next, log } = reader(native(0, ReaderState.behind));
  seen.isBusy = false;
  seen.statuses.push(ReplayStatus.noLog, ReplayStatus.noLog, ReplayStatus.more);
  expect([log.read(target), log.state(), seen.waits, seen.isWaiting]).toEqual([0, ReaderState.open, 1, true]);
  seen.isRestored = true;
  expect([log.read(target), seen.isWaiting, seen.opened, seen.closed]).toEqual([1, false, 1, 0]);
  next.give(1);
  expect([log.read(target), log.isReplaying, seen.opened, seen.closed]).toEqual([1, false, 1, 1]);
  log.close();
});

test('what stands before a damaged entry is read, and then it says which one', () => {
  const { seen, log } = reader(native(0, ReaderState.behind));
  seen.isBusy = false;
  seen.statuses.push(ReplayStatus.more, ReplayStatus.corrupt);
  expect(log.read(target)).toBe(1);
  expect(() => log.read(target)).toThrow(expect.objectContaining({ code: 'ROWTAP_CORRUPT_LOG', lsn: 7 }) as Error);
  log.close();
  expect(seen.closed).toBe(1);
});
