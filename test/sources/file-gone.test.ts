import { copyFileSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Change, Database, getSource, listSources, openSource } from 'rowtap';
import { expect, onTestFinished, test } from 'vitest';

const gone = { name: 'RowtapError', code: 'ROWTAP_FILE_GONE', retryable: false };

function setUp() {
  const folder = mkdtempSync(join(tmpdir(), 'rowtap-gone-'));
  const path = join(folder, 'shop.db');
  const open = (file = path): Database => {
    const db = new Database(file);
    onTestFinished(() => void db.close());
    db.pragma('journal_mode = WAL');
    db.exec('CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY)');
    return db;
  };
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return { folder, path, db: open(), open };
}

const ways: [string, (path: string, folder: string) => void][] = [
  ['deleted', (path) => [path, `${path}-wal`, `${path}-shm`].forEach((file) => rmSync(file))],
  ['renamed', (path, folder) => renameSync(path, join(folder, 'elsewhere.db'))],
  [
    'replaced',
    (path, folder) => {
      copyFileSync(path, join(folder, 'copy.db'));
      renameSync(join(folder, 'copy.db'), path);
    },
  ],
];

test.each(ways)('a file that is %s fails its source: what was committed is delivered, then the error', async (_, act) => {
  const { folder, path, db } = setUp();
  const source = openSource(db);
  const subscription = source.subscribe();
  const seen: Change[] = [];
  const reading = (async () => {
    for await (const change of subscription) seen.push(change);
  })();
  db.exec('INSERT INTO t VALUES (1)');
  act(path, folder);
  db.exec('INSERT INTO t VALUES (2)');
  await expect(reading).rejects.toMatchObject(gone);
  expect(seen.map((change) => change.after?.['id'])).toEqual([1, 2]);
  expect(source.info()).toMatchObject({ state: 'failed', error: { code: 'ROWTAP_FILE_GONE', message: expect.stringContaining(path) } });
  expect(() => source.subscribe()).toThrow(expect.objectContaining(gone));
  expect(() => db.changes()).toThrow(expect.objectContaining(gone));
  expect(listSources()).toEqual([]);
  await source.close();
});

test('a new database in its place has a new source, of the same name', async () => {
  const { path, db, open } = setUp();
  const first = openSource(db);
  const reading = (async () => {
    for await (const _ of first.subscribe());
  })();
  for (const file of [path, `${path}-wal`, `${path}-shm`]) rmSync(file);
  const again = open();
  await expect(reading).rejects.toMatchObject(gone);
  const iterator = again.changes({ snapshot: 'initial' })[Symbol.asyncIterator]();
  again.exec('INSERT INTO t VALUES (7)');
  db.exec('INSERT INTO t VALUES (8)');
  expect(await iterator.next()).toMatchObject({ value: { op: 'bootstrap' } });
  expect(await iterator.next()).toMatchObject({ value: { op: 'insert', after: { id: 7 } } });
  expect(getSource('shop.db')?.info()).toMatchObject({ state: 'running', transactions: 1 });
  await iterator.return?.();
});

test('positions of consumers are never written to the file in its place', async () => {
  const { folder, path, db } = setUp();
  const subscription = db.changes({ consumer: 'c', snapshot: 'never', ack: 'manual' });
  const iterator = subscription[Symbol.asyncIterator]();
  db.exec('INSERT INTO t VALUES (1)');
  const { value } = (await iterator.next()) as { value: Change };
  const other = new Database(join(folder, 'other.db'));
  other.exec('CREATE TABLE theirs (id)');
  other.close();
  // A WAL that stayed would be taken for the new file's (https://www.sqlite.org/howtocorrupt.html).
  for (const file of [`${path}-wal`, `${path}-shm`]) rmSync(file);
  renameSync(join(folder, 'other.db'), path);
  subscription.ack(value);
  await expect(subscription.flush()).rejects.toMatchObject(gone);
  await expect(iterator.next()).rejects.toMatchObject(gone);
  db.close();
  const found = new Database(path, { readonly: true });
  expect(found.prepare('SELECT name FROM sqlite_schema').pluck().all()).toEqual(['theirs']);
  found.close();
});

test('a consumer that can not begin because the file is gone leaves its name free', () => {
  const { path, db } = setUp();
  const source = openSource(db);
  renameSync(path, `${path}.aside`);
  expect(() => source.subscribe({ consumer: 'c' })).toThrow(expect.objectContaining(gone));
  expect(source.info()).toMatchObject({ state: 'failed', subscriptions: [] });
});
