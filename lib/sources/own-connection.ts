import { existsSync } from 'node:fs';
import type { NativeConnection, NativeHub } from '../binding/native.js';
import { RowtapError } from '../errors/rowtap-error.js';
import { connectionOf, openUncaptured, type Database as Writer } from '../writer/database.js';

/**
 * A connection of rowtap's own to the file that a hub is about: what it commits is not captured. Throws ROWTAP_FILE_GONE where there is none at
 * the path any more, or another one.
 */
export function openOnFile(path: string, hub: NativeHub, options: { isReadonly: boolean; timeoutMs?: number }): Writer {
  let connection: Writer;
  try {
    connection = openUncaptured(path, options);
  } catch (error) {
    if (existsSync(path)) throw error;
    throw new RowtapError('ROWTAP_FILE_GONE', { path }, { cause: error });
  }
  if (hub.isOnFile(nativeOf(connection))) return connection;
  connection.close();
  throw new RowtapError('ROWTAP_FILE_GONE', { path });
}

export function nativeOf(database: Writer): NativeConnection {
  return connectionOf(database).native;
}
