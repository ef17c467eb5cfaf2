import type { Database } from 'rowtap';
import type { NativeConnection } from '../../lib/binding/native.js';
import { connectionOf } from '../../lib/writer/database.js';

/** What the addon itself holds of a database, for the few things that no method of the library does. */
export function nativeConnectionOf(db: Database): NativeConnection {
  return connectionOf(db).native;
}
