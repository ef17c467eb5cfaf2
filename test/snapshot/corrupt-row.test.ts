import { expect, it } from 'vitest';
import type { NativeSnapshotRows } from '../../lib/binding/native.js';
import { Catalog } from '../../lib/decode/catalog.js';
import { FrameBuffer } from '../../lib/decode/frame-buffer.js';
import { frameLayout } from '../../lib/decode/frames.js';
import type { Change } from '../../lib/model/change.js';
import { readRows } from '../../lib/snapshot/row-decoder.js';
import { describeTable, encodeFrame, encodeRecord } from '../decode/frame-encoder.js';

it('announces a row that can not be decoded in its place, and hands over the others', () => {
  const table = describeTable('t', ['id', 'text']);
  const frames = [encodeRecord([1n, 'one']), Buffer.from([200, 200, 200]), encodeRecord([3n, 'three'])].map((after) =>
    encodeFrame({ op: frameLayout.opRow, tableId: 1, after }),
  );
  const rows: NativeSnapshotRows = {
    tableId: 1,
    read: (target) => frames.splice(0).reduce((at, frame) => at + frame.copy(target, at), 0),
    close() {},
  };
  const reported: unknown[] = [];
  const context = {
    table: 't',
    tableId: 1,
    position: { source: 's', lsn: 7, time: 9 },
    catalog: new Catalog(() => JSON.stringify(table)),
    integers: 'auto' as const,
    onCorrupt: (error: Error, name: string) => reported.push([(error as { code?: string }).code, name]),
  };
  const out: Change[] = [];
  expect(readRows(rows, new FrameBuffer(), context, 4, out)).toBe(3);
  expect(readRows(rows, new FrameBuffer(), context, 7, out)).toBe(0);
  const row = { source: 's', lsn: 7, time: 9, op: 'snapshot', table: 't', key: null, before: null, indirect: false, last: false };
  expect(out).toEqual([
    { ...row, index: 4, after: { id: 1, text: 'one' } },
    { source: 's', lsn: 7, index: 5, time: 9, op: 'gap', reason: 'history-changed', table: null, before: null, after: null },
    { ...row, index: 6, after: { id: 3, text: 'three' } },
  ]);
  expect(reported).toEqual([['ROWTAP_CORRUPT_ROW', 't']]);
});
