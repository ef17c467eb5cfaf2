import { setImmediate as nextTurn } from 'node:timers/promises';
import type { SubscribeOptions } from '../model/options.js';
import type { Source } from '../model/source.js';
import { CommandError } from './command-error.js';
import { linesOf } from './formats/change-format.js';
import type { SinkOptions } from './sink-options.js';
import { openSink } from './sinks/open-sink.js';
import { ReaderGone, StillWaiting } from './sinks/sink.js';
import { StopSignals } from './stop-signals.js';
import { isTerminal, paintsFor } from './terminal/paints.js';
import { SnapshotBar } from './terminal/snapshot-bar.js';
import { safeText } from './terminal/value-text.js';
import { TroubleWatch } from './trouble-watch.js';
import { waitForPosition } from './written-position.js';

export interface HandOver {
  source: Source;
  subscribe: Pick<SubscribeOptions, 'consumer' | 'snapshot' | 'tables' | 'excludeTables'>;
  sink: SinkOptions;
}

/** How it ended: by itself, since nobody reads standard output any more, or by a signal; then with the exit code of that signal. */
export type HandOverEnd = { by: 'end' } | { by: 'reader' } | { by: 'signal'; exitCode: number };

/** Looking opens a connection for a moment. */
const lookMs = 5000;

/**
 * Hands changes to a sink, batch by batch, until they end or a signal asks to stop. The batch that the sink has then is finished and acknowledged, and
 * the position is written, before this resolves. Throws what the source throws, a sink that will not take a batch, and where the position can't be written.
 */
export async function handOver({ source, subscribe, sink: options }: HandOver): Promise<HandOverEnd> {
  const stop = new StopSignals();
  const { stderr } = process;
  const bar = isTerminal(stderr) ? new SnapshotBar(stderr, paintsFor(stderr)) : undefined;
  const tell = (message: string): void => {
    bar?.hide();
    stderr.write(`rowtap: ${safeText(message)}\n`);
  };
  const trouble = new TroubleWatch(() => source.info(), tell);
  // A source keeps no process running.
  const timer = setInterval(() => trouble.look(), lookMs);
  let failure: Error | undefined;
  let unwritten: string | undefined;
  let end: HandOverEnd;
  try {
    const sink = await openSink(options.address, {
      retries: options.retries,
      timeoutMs: options.timeoutMs,
      onRetry: (reason, delayMs) => tell(`${reason}; again in ${(delayMs / 1000).toFixed(1)} s`),
      beforeWrite: () => {
        if (isTerminal(process.stdout)) bar?.hide();
      },
    });
    try {
      await source.consume(
        async (changes, { signal }) => {
          try {
            await sink.write(linesOf(changes, options.format), signal);
          } catch (error) {
            // After a signal the loop takes it for the way in which the sink has stopped.
            failure = error as Error;
            throw error;
          }
          // Where a sink takes everything at once, the loop would otherwise never come to the signals.
          await nextTurn();
        },
        {
          ...subscribe,
          maxBatchSize: options.batchSize,
          retry: { attempts: 1 },
          signal: stop.signal,
          ...(bar === undefined ? {} : { onProgress: bar.update }),
        },
      );
      if (failure instanceof StillWaiting) tell(`${failure.message}; the last batch is not acknowledged`);
      else if (failure !== undefined) throw failure;
      end = stop.exitCode === undefined ? { by: 'end' } : { by: 'signal', exitCode: stop.exitCode };
    } finally {
      await sink.close();
    }
  } catch (error) {
    if (!(error instanceof ReaderGone)) throw error;
    end = { by: 'reader' };
  } finally {
    clearInterval(timer);
    bar?.end();
    if (subscribe.consumer !== undefined) unwritten = await waitForPosition(source);
    stop.close();
  }
  if (unwritten === undefined) return end;
  throw new CommandError(
    `the last position of consumer "${subscribe.consumer}" could not be written, and what came last will come again: ${unwritten}`,
  );
}
