import type { RowtapError } from 'rowtap';
import { expect, test } from 'vitest';
import { capture, turns } from '../support/captured.js';
import { blobWrite } from '../support/fault-vfs.js';
import { nativeConnectionOf } from '../support/native-connection.js';

test('incremental blob writing is never delivered as a delete: the subscription ends and says so', async () => {
  const captured = capture({ before: "CREATE TABLE t (id INTEGER PRIMARY KEY, a); INSERT INTO t VALUES (1, x'0000')" });
  captured.db.exec("INSERT INTO t VALUES (2, x'11')");
  expect(await captured.transactions()).toEqual([["insert t (2, x'11')"]]);
  blobWrite(nativeConnectionOf(captured.db), 't', 'a', 1, Buffer.from([255]));
  await turns();
  captured.db.exec("INSERT INTO t VALUES (3, x'22')");
  const error = await captured.ended();
  expect((error as RowtapError).code).toBe('ROWTAP_CAPTURE_LOST');
});
