import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fromNative } from '../errors/from-native.js';
import { RowtapError } from '../errors/rowtap-error.js';
import type { NativeBinding } from './native.js';

/** Bundlers that make CommonJS of this may have nothing to put here. */
const here = import.meta.url as string | undefined;

const require = createRequire(here ?? join(process.cwd(), 'bundle.cjs'));

/**
 * The addon: the file at `path`, or the one that the environment variable ROWTAP_ADDON names (tests and sanitizers use it), or the one built
 * or shipped for this platform. Throws RowtapError ROWTAP_NO_ADDON where there is none, ROWTAP_NO_PREUPDATE_HOOK where its SQLite can't be captured,
 * and what Node throws where the file can't be loaded.
 */
export function loadBinding(path?: string): NativeBinding {
  const chosen = path ?? process.env.ROWTAP_ADDON;
  const file = chosen !== undefined && chosen !== '' ? resolve(chosen) : addonOfPackage();
  try {
    return require(file) as NativeBinding;
  } catch (error) {
    throw fromNative(error);
  }
}

function addonOfPackage(): string {
  if (here === undefined) throw new RowtapError('ROWTAP_NO_ADDON', { detail: 'this code is not in its package' });
  const file = fileURLToPath(here);
  // Two levels up from lib/binding and from dist/binding alike.
  const root = resolve(dirname(file), '../..');
  try {
    // Where the code was bundled, the folder is anybody's, and could hold another addon.
    const { name } = require(join(root, 'package.json')) as { name?: unknown };
    if (name !== 'rowtap') throw new Error(`${root} is not the package rowtap`);
    return (require('node-gyp-build') as { path(root: string): string }).path(root);
  } catch (error) {
    const [detail = ''] = error instanceof Error ? error.message.split('\n') : [];
    throw new RowtapError('ROWTAP_NO_ADDON', { detail: `${detail} (looked for by ${file})` }, { cause: error });
  }
}
