import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { UnfinishedFiles } from './test/support/unfinished-files.js';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  resolve: { alias: [{ find: /^rowtap$/, replacement: here('./lib/index.ts') }] },
  test: {
    // What tries every point of failure takes minutes: `make stress`.
    include: [process.env.ROWTAP_STRESS === undefined ? 'test/!(stress)/**/*.test.ts' : 'test/stress/**/*.test.ts'],
    // Each file in a process of its own: a crash of the addon costs one file, and one test's open sources are not another's.
    pool: 'forks',
    // Another addon (a sanitizer's) is chosen from outside.
    env: { ROWTAP_ADDON: process.env.ROWTAP_ADDON ?? here('./build/testing/rowtap_testing.node') },
    reporters: ['default', new UnfinishedFiles()],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    coverage: { provider: 'v8', include: ['lib/**/*.ts'] },
  },
});
