import { expect, test } from 'vitest';
import { newDatabase, newPath } from '../snapshot/database-file.js';
import { Thread } from './thread.js';

/** Says, whenever it is asked, how often its event loop has come round. */
const counting = `
  const { performance } = require('node:perf_hooks');
  say('ready');
  for (;;) { await heard(); say(performance.nodeTiming.uvMetricsInfo.loopCount); }`;

const loops = async (thread: Thread): Promise<number> => {
  thread.tell('how often?');
  return (await thread.said()) as number;
};

const commits = 400;

test.each([
  ['without a subscription', `const db = new Database(path);`],
  ['with a subscription that is not read', `const db = new Database(path); db.changes(); db.changes({ snapshot: 'initial' });`],
  [
    'with a subscription whose changes it works on',
    `const db = new Database(path); const changes = db.changes()[Symbol.asyncIterator](); await changes.next();`,
  ],
  [
    'with a subscription that is closed',
    `const db = new Database(path); const changes = db.changes(); void changes[Symbol.asyncIterator]().next(); await changes.close();`,
  ],
])('a thread %s sleeps on while others commit', async (_, program) => {
  const path = newPath();
  const db = newDatabase('CREATE TABLE t (id INTEGER PRIMARY KEY)', path);
  const insert = db.prepare('INSERT INTO t DEFAULT VALUES');
  // It sees to it that a thread that somebody waits in would have been woken by each commit.
  const attentive = new Thread(
    `stay(); const changes = new Database(path).changes(); say('ready'); for await (const change of changes) say(change.key.id);`,
    path,
  );
  await attentive.said();
  const thread = new Thread(`stay(); ${program} ${counting}`, path);
  // For the one that begins with a change.
  const beginning = { isOver: false };
  void thread.said().then(() => (beginning.isOver = true));
  while (!beginning.isOver) {
    insert.run();
    await attentive.said();
  }
  const before = await loops(thread);
  for (let commit = 0; commit < commits; commit++) {
    insert.run();
    await attentive.said();
  }
  // A few for the questions, and for the clock that looks for commits of other processes.
  expect((await loops(thread)) - before).toBeLessThan(commits / 4);
});

test('what came while nobody waited is there at once for whoever waits next', async () => {
  const path = newPath();
  const db = newDatabase('CREATE TABLE t (id INTEGER PRIMARY KEY)', path);
  const insert = db.prepare('INSERT INTO t DEFAULT VALUES');
  const thread = new Thread(
    `stay();
    const changes = new Database(path).changes()[Symbol.asyncIterator]();
    say('ready');
    for (;;) { await heard(); say((await changes.next()).value.key.id); }`,
    path,
  );
  await thread.said();
  for (let id = 1; id <= 300; id++) {
    // In turn: committed before it waits, after, and at the same time.
    if (id % 3 === 0) insert.run();
    thread.tell('read');
    if (id % 3 === 1) insert.run();
    if (id % 3 === 2) setImmediate(() => insert.run());
    expect(await thread.said()).toBe(id);
  }
});

test('a thread in which nobody waits is still found out as a laggard, and what is kept for it is bounded', async () => {
  const path = newPath();
  const db = newDatabase('CREATE TABLE t (id INTEGER PRIMARY KEY, bytes)', path);
  const thread = new Thread(
    `stay();
    const changes = new Database(path).changes({ maxBuffered: 1000000 });
    say('subscribed');
    for (;;) { await heard(); say(rowtap.listSources()[0].subscriptions[0].bufferedBytes); }`,
    path,
  );
  await thread.said();
  const insert = db.prepare('INSERT INTO t (bytes) VALUES (zeroblob(100000))');
  let bytes = 0;
  for (let written = 0; written < 100; written++) {
    insert.run();
    thread.tell('how much?');
    bytes = Math.max(bytes, (await thread.said()) as number);
  }
  // One burst is excused, and then as much again is lag.
  expect(bytes).toBeGreaterThan(1_000_000);
  expect(bytes).toBeLessThan(3_000_000);
});
