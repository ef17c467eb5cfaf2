import { type NativeHub, type NativeReader, ReaderState } from '../binding/native.js';
import { fromNative } from '../errors/from-native.js';
import type { Turns } from './turns.js';

/** What may wait to be read of commits that are only to be noticed; it is closed at the first of them. */
const signalBytes = 64 * 1024;

/** Calls `wake` when something is committed, until it is closed. Undefined while a transaction is open that can't be captured any more. */
export function openCommitSignal(hub: NativeHub, turns: Turns, wake: () => void): { close(): void } | undefined {
  let reader: NativeReader;
  try {
    reader = hub.openReader(signalBytes, null, null);
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ROWTAP_BUSY') return undefined;
    throw fromNative(error);
  }
  const parked = {
    tryAgain: (): void => {
      if (reader.buffered()[0] > 0 || reader.state() !== ReaderState.open) wake();
    },
  };
  turns.park(parked);
  return {
    close: () => {
      turns.unpark(parked);
      reader.close();
    },
  };
}
