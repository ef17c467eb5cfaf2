import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** `make soak` runs the sizes that are promised; `make test` a tenth of them. */
export const scale = process.env.ROWTAP_SOAK === '1' ? 1 : 0.1;

/**
 * Runs `program` (the body of an async function of `Database`, `path` and `scale`, that returns what can be JSON) in a process of its own, so that its
 * memory is its own, and adds how much that process held at the most. The database lies in a folder that is removed afterwards.
 */
export async function runMeasured<Result>(program: string): Promise<Result & { peakBytes: number }> {
  const folder = mkdtempSync(join(tmpdir(), 'rowtap-soak-'));
  const rowtap = new URL('../../dist/index.js', import.meta.url).href;
  const source = `
    const [, rowtap, path, scale] = process.argv;
    const { Database } = await import(rowtap);
    const result = await (async (Database, path, scale) => { ${program} })(Database, path, Number(scale));
    process.stdout.write(JSON.stringify({ ...result, peakBytes: process.resourceUsage().maxRSS * 1024 }));
  `;
  try {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--input-type=module', '-e', source, rowtap, join(folder, 'soak.db'), String(scale)],
      { maxBuffer: 16 * 1024 * 1024 },
    );
    return JSON.parse(stdout) as Result & { peakBytes: number };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
