import { createRequire } from 'node:module';
import { expect, test } from 'vitest';
import type { NativeBinding } from '../../lib/binding/native.js';
import { frameLayout } from '../../lib/decode/frames.js';

test('both sides of the boundary have the same frames in mind', () => {
  const addon = process.env.ROWTAP_ADDON;
  if (addon === undefined) throw new Error('Run the tests by `make test`, which builds the addon and says where it is.');
  const native = (createRequire(import.meta.url)(addon) as NativeBinding).frameLayout;
  const withoutPrefix = (name: string): string => name.replace(/^offset(.)/, (_, first: string) => first.toLowerCase());
  expect(Object.fromEntries(Object.entries(frameLayout).map(([name, value]) => [withoutPrefix(name), value]))).toEqual(native);
});
