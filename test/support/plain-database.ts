import { closeSync, existsSync, openSync } from 'node:fs';
import type { Database } from 'rowtap';
import { openUncaptured } from '../../lib/writer/database.js';

/** The same SQLite without capture: what an application has that knows nothing of rowtap. Made where it is not there yet; waits for no lock. */
export function openPlain(path: string): Database {
  // Not while this process has it open: closing it would drop the locks.
  if (!existsSync(path)) closeSync(openSync(path, 'a'));
  return openUncaptured(path, { timeoutMs: 0 }) as Database;
}
