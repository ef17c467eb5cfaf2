import { expect, test } from 'vitest';
import { newPath } from '../snapshot/database-file.js';
import { runProgram } from './program.js';

const open = `
  const db = new Database(path);
  db.pragma('journal_mode = WAL');
  db.exec('CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY)');`;
/** Says what comes. Of the two that nobody reads one has a snapshot to deliver. */
const subscribe = `
  const db = new Database(path);
  void (async () => { for await (const { op, after } of db.changes()) say(op + ' ' + after.id); })();
  db.changes();
  db.changes({ snapshot: 'initial', consumer: data.consumer });
  say('ready');`;

test('a process with subscriptions open in several threads ends by itself', async () => {
  const program = `${open}
    let ready = 0;
    for (const consumer of ['first', 'second']) {
      const thread = start('reader', path, { consumer });
      thread.on('message', (message) => {
        if (message === 'ready' && ++ready === 2) db.exec('INSERT INTO t VALUES (1)');
        if (message === 'insert 1') thread.postMessage('over');
        if (message !== 'ready') console.log(message);
      });
    }
    db.changes();`;
  const reader = `${subscribe} await heard();`;
  expect(await runProgram(program, newPath(), { threads: { reader } })).toEqual({ code: 0, output: 'insert 1\ninsert 1\n' });
});

test('a thread that only waits for changes ends by itself, and so does the process', async () => {
  const program = `${open} start('reader', path, { consumer: 'c' }).on('exit', (code) => console.log('thread', code));`;
  expect(await runProgram(program, newPath(), { threads: { reader: subscribe } })).toEqual({ code: 0, output: 'thread 0\n' });
});

test('process.exit() of the main thread ends a process whose threads write, read and wait as fast as they can', async () => {
  const program = `${open}
    let ready = 0;
    for (const name of ['writer', 'writer', 'reader', 'idle']) {
      start(name).on('message', () => { if (++ready === 40) process.exit(7); });
    }`;
  const writer = `
    const db = new Database(path, { timeout: 60000 });
    for (;;) { db.exec('INSERT INTO t DEFAULT VALUES; DELETE FROM t WHERE id % 10 = 0'); say('written'); }`;
  const reader = `
    const db = new Database(path);
    for await (const change of db.changes({ snapshot: 'initial' })) say('read');`;
  const idle = `new Database(path).changes({ snapshot: 'initial' }); say('subscribed'); await heard();`;
  for (let round = 0; round < 5; round++) {
    expect(await runProgram(program, newPath(), { threads: { writer, reader, idle } })).toEqual({ code: 7, output: '' });
  }
});

test('the main thread may end first: threads that still have work finish it', async () => {
  const program = `${open} db.changes(); start('writer').on('message', (message) => console.log(message)); db.close();`;
  const writer = `
    const db = new Database(path);
    const changes = db.changes();
    for (let id = 1; id <= 100; id++) {
      db.prepare('INSERT INTO t VALUES (?)').run(id);
      await new Promise((resolve) => setImmediate(resolve));
    }
    db.close();
    let count = 0;
    for await (const change of changes) count++;
    say(count);`;
  expect(await runProgram(program, newPath(), { threads: { writer } })).toEqual({ code: 0, output: '100\n' });
});
