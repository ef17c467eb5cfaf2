import type { NativeBinding, NativeReader, NativeSource } from '../binding/native.js';
import { resume, resumeFromLog } from '../checkpoint/resume.js';
import type { StoredProgress } from '../delivery/progress.js';
import type { StreamReader } from '../delivery/stream-reader.js';
import type { Turns } from '../delivery/turns.js';
import { fromNative } from '../errors/from-native.js';
import { isBusy } from '../errors/is-busy.js';
import { RowtapError } from '../errors/rowtap-error.js';
import type { LogConnection } from '../log/database.js';
import { LogReader } from '../log/log-reader.js';
import type { GapEvent } from '../model/change.js';
import type { CheckedSubscribeOptions } from '../sources/options.js';
import { nativeOf } from '../sources/own-connection.js';
import type { Database as Writer } from '../writer/database.js';
import { openForReading, openForSnapshot, waitForLockMs } from './connections.js';
import { type HookFile, logOf } from './file.js';

/** What a place is taken in: a source of a file. */
export interface PlaceParts {
  file: HookFile;
  native: NativeSource;
  durability: 'live' | 'log';
  /** The databases of this thread that the source was opened or used through. */
  owners: ReadonlySet<Writer>;
  binding: Pick<NativeBinding, 'openLogReplay'>;
  turns: Turns;
}

interface Beginning<Reader extends StreamReader = StreamReader> {
  reader: Reader;
  /** Its read transaction is open, as of the place where the reader begins. */
  snapshot: Writer | undefined;
}

/** Where a subscription begins. */
export interface Place extends Beginning {
  lsn: number;
  gap: GapEvent['reason'] | undefined;
}

/**
 * `stored` is what is known of the consumer. Throws ROWTAP_BUSY, ROWTAP_BAD_OPTION, ROWTAP_FILE_GONE and what SQLite throws; nothing is open then.
 */
export function takePlace(parts: PlaceParts, options: CheckedSubscribeOptions, stored: StoredProgress | undefined): Place {
  return parts.durability === 'log' ? takeLogPlace(parts, options, stored) : takeLivePlace(parts, options, stored);
}

/** Of what `takePlace` has given, or has not. Twice is fine. */
export function closePlace(place: Beginning | undefined): void {
  place?.reader.close();
  place?.snapshot?.close();
}

function takeLivePlace(parts: PlaceParts, options: CheckedSubscribeOptions, stored: StoredProgress | undefined): Place {
  const { file, native } = parts;
  for (;;) {
    const currentLsn = file.hub.lsn();
    const { gap, isSnapshotDue } = resume(options.snapshot, stored, currentLsn);
    const beginning = begin(parts, options, isSnapshotDue, undefined);
    const { reader } = beginning;
    const lsn = reader.startLsn;
    // Another thread may have committed in between, which a consumer would then have missed: decided anew.
    if (lsn === currentLsn || stored === undefined) {
      native.attach(reader, options.consumer ?? '');
      return { lsn, gap, ...beginning };
    }
    closePlace(beginning);
  }
}

/**
 * The reader begins at the consumer's position, be it far behind; a snapshot is as of the newest entry that its read transaction sees.
 */
function takeLogPlace(parts: PlaceParts, options: CheckedSubscribeOptions, stored: StoredProgress | undefined): Place {
  const { file, native, owners, binding, turns } = parts;
  const { hub } = file;
  const log = logOf(file);
  const timeoutMs = waitForLockMs(hub, owners);
  const connection = openForReading(file, timeoutMs);
  let beginning: Beginning<NativeReader> | undefined;
  try {
    const history = log.history ?? log.open(timeoutMs);
    beginning = begin(parts, options, false, connection);
    const { gap, isSnapshotDue } = resumeFromLog(options.snapshot, stored, { history, tailLsn: beginning.reader.logLsn });
    if (gap === 'history-changed' && stored !== undefined) {
      // What comes from now on is to be found behind what the consumer has acknowledged.
      hub.raiseLsn(stored.lsn + 1);
      log.lift();
    }
    if (gap !== undefined || isSnapshotDue) {
      closePlace(beginning);
      beginning = begin(parts, options, isSnapshotDue, connection);
    }
    const { reader: live, snapshot } = beginning;
    const isResuming = stored !== undefined && gap === undefined && !isSnapshotDue;
    const position = isResuming ? stored.lsn : live.logLsn;
    const reader = new LogReader(
      {
        hub,
        maxBuffered: options.maxBuffered,
        connect: () => openForReading(file, 0),
        openReplay: (opened, from) => binding.openLogReplay(opened.native, hub, from),
        restore: (lsn) => log.restore(lsn),
        lift: () => log.lift(),
        attach: (each) => native.attach(each, options.consumer ?? ''),
        wait: log.newWait((delayMs) => setTimeout(() => turns.request(), delayMs).unref()),
      },
      { position, live },
    );
    return { lsn: position, reader, snapshot, gap };
  } catch (error) {
    closePlace(beginning);
    const reason = fromNative(error);
    if (!isBusy(reason)) throw reason;
    throw new RowtapError(
      'ROWTAP_BUSY',
      { detail: 'the log can not be read while another program has the database locked' },
      { cause: reason },
    );
  } finally {
    connection.close();
  }
}

/** With `log`, throws ROWTAP_BUSY where the log has just been removed. */
function begin(
  { file, owners }: PlaceParts,
  { maxBuffered }: CheckedSubscribeOptions,
  isSnapshotDue: boolean,
  log: LogConnection | undefined,
): Beginning<NativeReader> {
  const snapshot = isSnapshotDue ? openForSnapshot(file, owners) : undefined;
  try {
    const reader = file.hub.openReader(maxBuffered, snapshot === undefined ? null : nativeOf(snapshot), log?.native ?? null);
    if (log === undefined || reader.logLsn >= 0) return { reader, snapshot };
    reader.close();
    throw new RowtapError('ROWTAP_BUSY', { detail: 'the log of this database has been removed; open its source anew' });
  } catch (error) {
    snapshot?.close();
    throw fromNative(error);
  }
}
