import { openCheckpoints } from '../checkpoint/checkpoints.js';
import type { ProgressStore } from '../delivery/progress.js';
import { badOption, type RowtapError } from '../errors/rowtap-error.js';
import type { LogDatabase } from '../log/database.js';
import { FileLog } from '../log/file-log.js';
import { CapturedFile, memoryPath } from '../sources/captured-file.js';
import { ForeignCommits } from '../sources/foreign-commits.js';
import type { HookSource } from '../sources/hook-source.js';
import type { Database as Writer } from '../writer/database.js';
import { type OpenedFile, openForReading, openForWriting, waitForLockMs } from './connections.js';

/** A file that is captured by hooks, with what it keeps of consumers and its log. */
export type HookFile = CapturedFile<ProgressStore, FileLog>;

/** How long a checkpoint may hold up the thread for somebody else's lock. */
const checkpointTimeoutMs = 5;

/** `key` is the hub's. Nothing is read or written yet. */
export function makeFile(key: string, opened: OpenedFile): HookFile {
  const { path, hub, isReadonly } = opened;
  const isMemory = path === memoryPath;
  const connect = (timeoutMs: number): LogDatabase => openForWriting(opened, timeoutMs);
  const log = isMemory ? undefined : new FileLog({ hub, isReadonly, connect });
  const store = openCheckpoints({
    isMemory,
    hub,
    isReadonly,
    connect: () => connect(checkpointTimeoutMs),
    history: () => log?.history,
    onWritten: () => log?.noteAcknowledged(),
  });
  const onGone = (error: RowtapError): void => file.fail(error);
  const tell = (): boolean => log?.tellForeignCommits() ?? true;
  const foreignCommits = isMemory ? undefined : new ForeignCommits({ path, hub, connect: () => openForReading(opened, 0), tell, onGone });
  const file: HookFile = new CapturedFile({ key, path, isReadonly, hub, store, log, foreignCommits });
  return file;
}

/** The log is there when it returns, and what others have committed before is known. `owners` as in `waitForLockMs`; throws as `FileLog.open`. */
export function openLog(file: HookFile, owners: ReadonlySet<Writer>): void {
  logOf(file).open(waitForLockMs(file.hub, owners));
  file.foreignCommits?.lookNow();
}

/** Throws ROWTAP_BAD_OPTION for what is no file. */
export function logOf(file: HookFile): FileLog {
  if (file.log !== undefined) return file.log;
  throw badOption('`durability: "log"` keeps its log in the database file, and an in-memory database has none; leave it out for "live"');
}

/** `source` has ended, and its last subscription is closed. What the file's last source leaves is written. */
export async function leaveFile(file: HookFile, source: HookSource): Promise<void> {
  file.sources.delete(source);
  if (file.sources.size > 0) return;
  file.log?.close();
  await file.store.close();
}
