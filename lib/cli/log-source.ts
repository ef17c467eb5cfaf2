import { resolve } from 'node:path';
import type { Source } from '../model/source.js';
import { type Database, openSource } from '../rowtap.js';
import { chooseEngine, type Engine, keptLogs } from './kept-log.js';
import { openDatabase } from './open-database.js';

/**
 * Entries are kept as long as that, as far as these commands go: how long they are needed is known to the application, whose source prunes them, and
 * to `rowtap-admin prune`.
 */
export const keepAll = { maxAgeMs: Number.MAX_SAFE_INTEGER };

export interface OpenedLog {
  source: Source;
  close(): Promise<void>;
}

/** Opens the source that reads the log which the database keeps. Throws a CommandError where it keeps none, and what `openSource` throws. */
export async function openLogSource(path: string, options: { engine: Engine | undefined; isReadonly: boolean }): Promise<OpenedLog> {
  const database = openDatabase(path, options);
  try {
    const engine = chooseEngine(path, keptLogs(database), options.engine);
    return openWith(path, database, engine);
  } catch (error) {
    database.close();
    throw error;
  }
}

function openWith(path: string, database: Database, engine: Engine): OpenedLog {
  if (engine === 'hook') {
    const source = openSource(database, { durability: 'log', ...(database.readonly ? {} : { retention: keepAll }) });
    return { source, close: () => source.close().finally(() => database.close()) };
  }
  database.close();
  const source = openSource(resolve(path), { engine: 'trigger', retention: keepAll });
  return { source, close: () => source.close() };
}
