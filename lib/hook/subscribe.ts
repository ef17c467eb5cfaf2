import type { NativeBinding } from '../binding/native.js';
import type { DecoderOptions } from '../decode/change-decoder.js';
import { everyOp, maskOf, type Selection } from '../decode/selection.js';
import { openTransactionOf } from '../delivery/application-transaction.js';
import { Drain } from '../delivery/drain.js';
import { noProgress, type OpenedConsumer } from '../delivery/progress.js';
import { StreamSubscription } from '../delivery/subscription.js';
import type { Restart } from '../delivery/supply.js';
import type { RowtapError } from '../errors/rowtap-error.js';
import type { GapEvent } from '../model/change.js';
import { Snapshot } from '../snapshot/snapshot.js';
import type { HookSource } from '../sources/hook-source.js';
import type { CheckedSubscribeOptions } from '../sources/options.js';
import { nativeOf } from '../sources/own-connection.js';
import { makeTableFilter } from '../sources/table-filter.js';
import type { Database as Writer } from '../writer/database.js';
import { joinWal } from './join-wal.js';
import { closePlace, type Place, type PlaceParts, takePlace } from './place.js';

export interface SubscribeParts extends PlaceParts {
  binding: Pick<NativeBinding, 'openLogReplay' | 'openSnapshotRows'>;
  /** Those of this thread through which some source of the file was opened or used: `ack` may be called in a transaction of theirs. */
  databases: () => Iterable<Writer>;
}

/** A subscription without a consumer's name. */
const unnamedConsumer: OpenedConsumer = { stored: undefined, progress: noProgress, begin: () => {} };

/**
 * A position, what was missed before it, and the rows as of it, in this order: the consumer's state is read, the reader is placed (with the
 * snapshot's read transaction, while no commit is in doubt), and only then is anything built on them. What fails on the way closes the rest.
 */
export function openSubscription(parts: SubscribeParts, source: HookSource, options: CheckedSubscribeOptions): StreamSubscription {
  const { file, binding, turns, databases } = parts;
  const { consumer } = options;
  const selection = selectionOf(source, options);
  const onCorrupt = (error: RowtapError, table: string): void => source.reportCorruptRow(error, table);
  const common = { source: source.name, catalog: file.catalog, integers: options.integers, onCorrupt };
  const openSnapshot = (database: Writer, lsn: number): Snapshot =>
    new Snapshot({
      ...common,
      lsn,
      timeMs: Date.now(),
      database,
      openRows: (table) => binding.openSnapshotRows(nativeOf(database), file.hub, table),
      heldWalBytes: () => nativeOf(database).heldWalBytes(),
      acceptsTable: (name) => selection.acceptsTable(name),
      onProgress: options.onProgress,
    });
  const decoder: DecoderOptions = { ...common, selection };
  const beginAgain = (): Restart => {
    const { lsn, reader, snapshot } = takePlace(parts, { ...options, snapshot: 'always' }, undefined);
    return { lsn, stream: { reader, drain: new Drain(reader, decoder) }, bootstrap: openSnapshot(snapshot as Writer, lsn) };
  };
  let opened: OpenedConsumer | undefined;
  let place: Place | undefined;
  // Since its source was opened, one of them may have switched the file to WAL mode.
  for (const database of databases()) joinWal(database);
  file.foreignCommits?.start();
  try {
    opened = consumer === undefined ? unnamedConsumer : file.store.open(consumer);
    place = takePlace(parts, options, opened.stored);
    const { reader, snapshot, gap, lsn } = place;
    const bootstrap = snapshot && openSnapshot(snapshot, lsn);
    const isOnlySnapshot = options.snapshot === 'only';
    if (isOnlySnapshot) reader.close();
    opened.begin(lsn);
    if (gap !== undefined) source.countGap();
    return new StreamSubscription({
      consumer,
      startLsn: lsn,
      events: gap === undefined ? [] : [gapEvent(source.name, lsn, Date.now(), gap)],
      bootstrap,
      stream: isOnlySnapshot ? undefined : { reader, drain: new Drain(reader, { ...decoder, resumeAfter: opened.stored?.partial }) },
      integers: options.integers,
      acceptsTable: (name) => selection.acceptsTable(name),
      beginAgain: options.snapshot === 'when-needed' && !isOnlySnapshot ? beginAgain : undefined,
      progress: opened.progress,
      ack: options.ack,
      maxBuffered: options.maxBuffered,
      signal: options.signal,
      turns,
      openTransaction: () => openTransactionOf(databases()),
      sourceLsn: () => source.lsn,
      failure: () => source.failure,
      onClose: (subscription) => {
        file.foreignCommits?.stop();
        source.forget(subscription);
      },
    });
  } catch (error) {
    file.foreignCommits?.stop();
    closePlace(place);
    void opened?.progress.close();
    throw error;
  }
}

function selectionOf(source: HookSource, options: CheckedSubscribeOptions): Selection {
  const lists = makeTableFilter(options);
  const opMask = maskOf(options.ops);
  return {
    acceptsTable: (name) => source.filter.accepts(name) && lists.accepts(name),
    opMask,
    isSkippingUnchanged: options.skipUnchanged,
    isEverything: source.filter.isEverything && lists.isEverything && opMask === everyOp && !options.skipUnchanged,
  };
}

function gapEvent(source: string, lsn: number, time: number, reason: GapEvent['reason']): GapEvent {
  return { source, lsn, index: 0, time, op: 'gap', reason, table: null, before: null, after: null };
}
