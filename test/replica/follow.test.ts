import { Database, Replica, RowtapError } from 'rowtap';
import { expect, onTestFinished, test } from 'vitest';
import { capture, turns } from '../support/captured.js';

function openReplica(): { target: Database; replica: Replica } {
  const target = new Database(':memory:');
  onTestFinished(() => void target.close());
  return { target, replica: new Replica(target) };
}

const before =
  'CREATE TABLE t (id INTEGER PRIMARY KEY, a); INSERT INTO t VALUES (1, 1); CREATE TABLE other (a); INSERT INTO other VALUES (7)';

test('a subscription to some tables makes a replica of those', async () => {
  const { db } = capture({ before });
  const { target, replica } = openReplica();
  const subscription = db.changes({ snapshot: 'initial', tables: ['t'] });
  const following = replica.follow(subscription);
  await subscription.bootstrapped;
  db.exec('INSERT INTO other VALUES (8); INSERT INTO t VALUES (2, 2)');
  await turns();
  expect(replica.verify(db)).toEqual({ equal: true, tables: [{ table: 't', rows: 2, missing: 0, extra: 0, different: 0 }] });
  target.exec('DELETE FROM t WHERE id = 1');
  expect(replica.verify(db).equal).toBe(false);
  await subscription.close();
  await following;
});

test('a subscription without the rows that exist stops at their first change, and says what to do', async () => {
  const { db } = capture({ before });
  const { replica } = openReplica();
  const following = replica.follow(db.changes());
  db.exec('UPDATE t SET a = 2');
  await expect(following).rejects.toThrow(/snapshot 'initial'/);
  await expect(following).rejects.toBeInstanceOf(RowtapError);
});

test('foreign keys of the replica are off for the stream only', async () => {
  const { db } = capture({ before: 'CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE c (p REFERENCES p (id) ON DELETE CASCADE)' });
  const { target, replica } = openReplica();
  target.pragma('foreign_keys = ON');
  const subscription = db.changes({ snapshot: 'initial' });
  const following = replica.follow(subscription);
  await subscription.bootstrapped;
  db.exec('PRAGMA foreign_keys = OFF; INSERT INTO c VALUES (7); INSERT INTO p VALUES (1); INSERT INTO c VALUES (1); DELETE FROM p');
  await turns();
  expect(replica.verify(db).equal).toBe(true);
  expect(target.pragma('foreign_keys', { simple: true })).toBe(1);
  expect(target.pragma('ignore_check_constraints', { simple: true })).toBe(0);
  await subscription.close();
  await following;
});

test('two subscriptions one after the other: what the first one brought is not applied again', async () => {
  const { db } = capture({ before });
  const { replica } = openReplica();
  for (let round = 0; round < 3; round++) {
    const subscription = db.changes({ snapshot: 'always' });
    const following = replica.follow(subscription);
    await subscription.bootstrapped;
    db.exec('INSERT INTO other VALUES (8)');
    await turns();
    expect(replica.verify(db).equal).toBe(true);
    await subscription.close();
    await following;
  }
});

test('a snapshot taken while nothing has happened since the last one', async () => {
  const { db } = capture({ before });
  const { replica } = openReplica();
  for (const tables of [['t'], ['other', 't'], ['other']]) {
    const subscription = db.changes({ snapshot: 'only', tables });
    await replica.follow(subscription);
    expect(replica.verify(db).tables.map(({ table }) => table)).toEqual([...tables].sort());
    expect(replica.verify(db).equal).toBe(true);
  }
});

test('the replica may be a file that a capturing connection reads as well', async () => {
  const { db, path } = capture({ before });
  const target = new Database(`${path}-replica`);
  onTestFinished(() => void target.close());
  const replica = new Replica(target);
  const seen: unknown[] = [];
  const watching = target.changes();
  const reading = (async () => {
    for await (const change of watching) seen.push([change.op, change.table]);
  })();
  const subscription = db.changes({ snapshot: 'initial' });
  const following = replica.follow(subscription);
  await subscription.bootstrapped;
  db.exec('DELETE FROM t');
  await turns();
  expect(replica.verify(db).equal).toBe(true);
  expect(seen).toEqual([
    ['schema', 'other'],
    ['insert', 'other'],
    ['schema', 't'],
    ['insert', 't'],
    ['delete', 't'],
  ]);
  await subscription.close();
  await watching.close();
  await Promise.all([following, reading]);
});
