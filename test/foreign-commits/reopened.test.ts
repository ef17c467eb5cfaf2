import { type Change, Database } from 'rowtap';
import { expect, onTestFinished, test } from 'vitest';
import { newDatabase } from '../snapshot/database-file.js';
import { brief } from '../support/captured.js';

test('positions that are written after the last database was closed are ours, for a database that was opened since', async () => {
  const first = newDatabase('CREATE TABLE t (id INTEGER PRIMARY KEY)');
  const old = first.changes({ consumer: 'c', snapshot: 'never', ack: 'manual' });
  const iterator = old[Symbol.asyncIterator]();
  first.exec('INSERT INTO t VALUES (1)');
  const { value: change } = (await iterator.next()) as { value: Change };
  old.ack(change);
  first.close();

  const second = new Database(first.name);
  onTestFinished(() => void second.close());
  const seen: Change[] = [];
  const subscription = second.changes();
  const reading = (async () => {
    for await (const change of subscription) if (seen.push(change) === 2) return;
  })();
  second.exec('INSERT INTO t VALUES (2)');
  expect(await iterator.next()).toMatchObject({ done: true });
  expect(second.prepare('SELECT lsn FROM _rowtap_checkpoints').pluck().all()).toEqual([change.lsn]);
  second.exec('INSERT INTO t VALUES (3)');
  await reading;
  expect(seen.map(brief)).toEqual(['insert t (2)', 'insert t (3)']);
});
