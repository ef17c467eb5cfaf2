import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { projectRoot } from './markdown.js';

/** Builds test/support/nested-sql.c for the file that calls it, and removes it when its tests have ended. The path of the shared library. */
export function buildExtension(): string {
  const folder = mkdtempSync(join(tmpdir(), 'rowtap-extension-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'nestedsql.so');
  const { LD_PRELOAD: _preload, ...env } = process.env;
  const include = join(projectRoot, 'deps/sqlite3');
  execFileSync('cc', ['-shared', '-fPIC', '-I', include, join(projectRoot, 'test/support/nested-sql.c'), '-o', path], { env });
  return path;
}
