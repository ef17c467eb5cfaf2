import { createRequire } from 'node:module';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fromNative } from '../errors/from-native.js';
import type { NativeBinding } from './native.js';

const require = createRequire(import.meta.url);

/** Two levels up from lib/binding and from dist/binding alike. */
const packageRoot = resolve(dirname(fileURLToPath(import.meta.url)), '../..');

/**
 * The addon: the file at `path`, or the one that the environment variable ROWTAP_ADDON names (tests and sanitizers use it), or the one built
 * or shipped for this platform. Throws RowtapError ROWTAP_NO_PREUPDATE_HOOK where its SQLite can't be captured, and what Node throws where there is no
 * addon.
 */
export function loadBinding(path?: string): NativeBinding {
  const chosen = path ?? process.env.ROWTAP_ADDON;
  try {
    if (chosen !== undefined && chosen !== '') return require(resolve(chosen)) as NativeBinding;
    const nodeGypBuild = require('node-gyp-build') as (root: string) => unknown;
    return nodeGypBuild(packageRoot) as NativeBinding;
  } catch (error) {
    throw fromNative(error);
  }
}
