import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { FrameBuffer } from '../../lib/decode/frame-buffer.js';
import { frameLayout } from '../../lib/decode/frames.js';
import { canGenerateCode, makeTableReader } from '../../lib/decode/reader.js';
import { describeTable, encodeFrame, encodeRecord } from './frame-encoder.js';

const table = describeTable('t', [{ name: 'id', affinity: 'integer' }, { name: 'price', affinity: 'real' }, '__proto__', 'blob'], {
  rowidColumn: 0,
  key: [0],
});
const record = encodeRecord([null, 5n, 'text', Buffer.from('bytes')]);
const frame = encodeFrame({ op: frameLayout.opInsert, tableId: 1, rowidAfter: 7n, after: record });

// Of what `make test` has compiled: the child understands no TypeScript.
const program = `
  const compiled = ${JSON.stringify(new URL('../../dist/decode/', import.meta.url).href)};
  const { FrameBuffer } = await import(compiled + 'frame-buffer.js');
  const { canGenerateCode, makeTableReader } = await import(compiled + 'reader.js');
  const frames = new FrameBuffer();
  const frame = Buffer.from(${JSON.stringify(frame.toString('hex'))}, 'hex');
  frames.fill((target) => { target.set(frame); return frame.length; });
  const reader = makeTableReader(${JSON.stringify(table)}, 'auto');
  const row = reader.image(frames, null, ${frameLayout.headerSize}, ${record.length}, ${frameLayout.offsetRowidAfter});
  console.log(JSON.stringify({ canGenerate: canGenerateCode(), entries: Object.entries(row), key: reader.key(row) }));
`;

test('where no code may be made from strings, rows read the same', () => {
  const flags = ['--disallow-code-generation-from-strings', '--input-type=module', '--eval', program];
  const output = execFileSync(process.execPath, flags, { encoding: 'utf8', cwd: fileURLToPath(new URL('.', import.meta.url)) });
  const frames = new FrameBuffer();
  frames.fill((target) => {
    target.set(frame);
    return frame.length;
  });
  const reader = makeTableReader(table, 'auto');
  const row = reader.image(frames, null, frameLayout.headerSize, record.length, frameLayout.offsetRowidAfter);
  expect(canGenerateCode()).toBe(true);
  const here = { canGenerate: false, entries: Object.entries(row), key: reader.key(row) };
  expect(JSON.parse(output)).toEqual(JSON.parse(JSON.stringify(here)));
});
