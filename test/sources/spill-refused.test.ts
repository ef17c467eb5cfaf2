import { openSource } from 'rowtap';
import { afterEach, beforeAll, expect, test } from 'vitest';
import { newDatabase } from '../snapshot/database-file.js';
import { clearFaults, failFile, installFaultVfs, resultCode } from '../support/fault-vfs.js';

beforeAll(installFaultVfs);
afterEach(clearFaults);

const schema = 'CREATE TABLE t (id INTEGER PRIMARY KEY, body)';
/** Four times of what may stay in memory. */
const insertMuch =
  "INSERT INTO t (body) SELECT hex(zeroblob(500)) FROM json_each('[' || rtrim(replace(hex(zeroblob(512)), '0', '1,'), ',') || ']')";
const rows = 1024;

test('a full disk while spilling: the changes stay in memory and come whole, the source is degraded until there is room', async () => {
  const db = newDatabase(schema);
  const source = openSource(db, { maxTransactionMemory: 256 * 1024 });
  const changes = source.subscribe()[Symbol.asyncIterator]();
  const readAll = async (): Promise<void> => {
    for (let row = 0; row < rows; row++) expect((await changes.next()).value).toMatchObject({ op: 'insert', last: row === rows - 1 });
  };
  failFile({ file: 'temp', operation: 'write', code: resultCode.full, isPersistent: true });
  db.exec(insertMuch);
  expect(source.info()).toMatchObject({ state: 'degraded', error: { code: 'ROWTAP_SPILL_REFUSED' }, spilled: 0 });
  clearFaults();
  db.exec(insertMuch);
  expect(source.info()).toMatchObject({ state: 'running' });
  expect(source.info().spilled).toBeGreaterThan(0);
  await readAll();
  await readAll();
  await changes.return?.();
});

test('reading on makes room too', async () => {
  const db = newDatabase(schema);
  const source = openSource(db, { maxTransactionMemory: 256 * 1024 });
  const changes = source.subscribe()[Symbol.asyncIterator]();
  failFile({ file: 'temp', operation: 'open', code: resultCode.cannotOpen, isPersistent: true });
  db.exec(insertMuch);
  expect(source.info()).toMatchObject({ state: 'degraded', error: { code: 'ROWTAP_SPILL_REFUSED' } });
  for (let row = 0; row < rows; row++) await changes.next();
  void changes.next();
  expect(source.info()).toMatchObject({ state: 'running' });
  await changes.return?.();
});

test('a temporary file that can not be read back ends its subscriptions, and a new one begins with a snapshot', async () => {
  const db = newDatabase(schema);
  const source = openSource(db, { maxTransactionMemory: 256 * 1024 });
  const subscription = source.subscribe();
  db.exec(insertMuch);
  failFile({ file: 'temp', operation: 'read', code: resultCode.ioerrRead, isPersistent: true });
  const reading = (async () => {
    for await (const _ of subscription);
  })();
  await expect(reading).rejects.toMatchObject({ code: 'ROWTAP_CAPTURE_LOST', retryable: true });
  clearFaults();
  let seen = 0;
  for await (const change of source.subscribe({ snapshot: 'only' })) if (change.op === 'snapshot') seen++;
  expect(seen).toBe(rows);
  expect(source.info()).toMatchObject({ state: 'running', subscriptions: [] });
});
