import { Database } from 'rowtap';
import { expect, test } from 'vitest';
import { capture } from '../support/captured.js';

test.each(['CREATE TABLE t (id INTEGER PRIMARY KEY)', 'CREATE TABLE t (id PRIMARY KEY) WITHOUT ROWID'])(
  'DELETE without WHERE gives every row: %s',
  async (sql) => {
    const captured = capture({ before: `${sql}; INSERT INTO t VALUES (1), (2), (3)` });
    captured.db.exec('DELETE FROM t');
    expect(await captured.transactions()).toEqual([['delete t (1)', 'delete t (2)', 'delete t (3)']]);
  },
);

test('also by a statement that was prepared before anybody listened', async () => {
  const captured = capture({ before: 'CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1), (2)' });
  const db = new Database(captured.path);
  const removeAll = db.prepare('DELETE FROM t');
  await captured.subscription.close();
  const second = db.changes();
  removeAll.run();
  const ids: unknown[] = [];
  for await (const change of second) {
    ids.push(change.before?.['id']);
    if ('last' in change && change.last) break;
  }
  expect(ids).toEqual([1, 2]);
  db.close();
});
