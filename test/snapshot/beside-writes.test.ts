import { expect, it } from 'vitest';
import type { Database } from 'rowtap';
import { newDatabase } from './database-file.js';
import { Replay } from './replay.js';

const schema = `
  CREATE TABLE by_rowid (id INTEGER PRIMARY KEY, n, text TEXT);
  CREATE TABLE by_parts (a INT, b TEXT, n, text TEXT, PRIMARY KEY (b DESC, a)) WITHOUT ROWID;
  CREATE TABLE keyless (n, text TEXT);
  CREATE TABLE with_nulls (a, b, n, text TEXT, PRIMARY KEY (a, b));
  CREATE TABLE finish (id INTEGER PRIMARY KEY);
`;
const tables = ['by_rowid', 'by_parts', 'keyless', 'with_nulls', 'finish'];

/** Numbers that depend on the seed alone (https://en.wikipedia.org/wiki/Linear_congruential_generator). */
function randomOf(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

function writerOf(db: Database, random: (below: number) => number, rows: number): () => void {
  const text = () => 'x'.repeat(20 + random(200));
  const acts = [
    () => db.prepare('INSERT OR REPLACE INTO by_rowid VALUES (?, ?, ?)').run(random(rows * 2) - rows / 2, random(1000), text()),
    () => db.prepare('UPDATE by_rowid SET n = n + 1, text = ? WHERE id BETWEEN ? AND ?').run(text(), ...range(random, rows)),
    () => db.prepare('UPDATE OR IGNORE by_rowid SET id = id + 1000000 WHERE id = ?').run(random(rows)),
    () => db.prepare('DELETE FROM by_rowid WHERE id BETWEEN ? AND ?').run(...range(random, rows)),
    () => db.prepare('INSERT OR REPLACE INTO by_parts VALUES (?, ?, ?, ?)').run(random(50), String(random(rows)), 0, text()),
    () => db.prepare('UPDATE OR REPLACE by_parts SET a = a + 1 WHERE b = ?').run(String(random(rows))),
    () => db.prepare('DELETE FROM by_parts WHERE b = ?').run(String(random(rows))),
    () => db.prepare('INSERT INTO keyless VALUES (?, ?)').run(random(20), 'again'),
    () => db.prepare('DELETE FROM keyless WHERE n = ? AND rowid % 3 = 0').run(random(20)),
    () => db.prepare('UPDATE keyless SET n = n + 1 WHERE rowid % 50 = ?').run(random(50)),
    () =>
      db
        .prepare('INSERT OR IGNORE INTO with_nulls VALUES (?, ?, ?, ?)')
        .run(random(3) === 0 ? null : random(100), random(2) === 0 ? null : random(100), 1, text()),
    () => db.prepare('DELETE FROM with_nulls WHERE a IS NULL AND rowid % 7 = ?').run(random(7)),
  ];
  const act = () => (acts[random(acts.length)] as () => void)();
  return () => {
    if (random(3) === 0) return act();
    db.exec('BEGIN');
    for (let i = random(6); i >= 0; i--) act();
    db.exec(random(5) === 0 ? 'ROLLBACK' : 'COMMIT');
  };
}

function range(random: (below: number) => number, rows: number): [number, number] {
  const from = random(rows);
  return [from, from + random(20)];
}

const seed = Number(process.env.ROWTAP_SEED ?? Math.floor(Math.random() * 2 ** 31));

for (let round = 0; round < 6; round++) {
  it(`rows and changes together are the database, with writes before, in and behind the scan (seed ${seed + round})`, async () => {
    const random = randomOf(seed + round);
    const db = newDatabase(schema);
    const rows = 3000;
    const write = writerOf(db, random, rows);
    const insert = db.prepare('INSERT INTO by_rowid VALUES (?, 0, ?)');
    db.transaction(() => {
      for (let row = 0; row < rows; row++) insert.run(row, 'y'.repeat(random(150)));
    })();
    for (let i = 0; i < 200; i++) write();

    const subscription = db.changes({ snapshot: 'always' });
    write();
    const replay = new Replay();
    for await (const change of subscription) {
      replay.apply(change);
      if (change.op === 'insert' && change.table === 'finish') break;
      if (change.op !== 'snapshot') continue;
      if (random(30) === 0) for (let i = random(8); i >= 0; i--) write();
      if (change.last) {
        for (let i = 0; i < 50; i++) write();
        db.exec('INSERT INTO finish VALUES (1)');
      }
    }
    expect(replay.rows).toBeGreaterThan(1000);
    replay.expectEqual(db, tables);
  });
}

it('takes the position and the rows together, in an open transaction as well: its changes follow when it commits, none twice', async () => {
  const db = newDatabase('CREATE TABLE t (id INTEGER PRIMARY KEY, n); INSERT INTO t VALUES (1, 1), (2, 2)');
  db.exec('BEGIN; INSERT INTO t VALUES (3, 3); UPDATE t SET n = 10 WHERE id = 1');
  const subscription = db.changes({ snapshot: 'always' });
  db.exec('DELETE FROM t WHERE id = 2; COMMIT; INSERT INTO t VALUES (4, 4)');
  const seen: string[] = [];
  for await (const change of subscription) {
    if (change.op !== 'bootstrap') seen.push(`${change.op} ${JSON.stringify(change.after ?? change.before)}`);
    if (seen.length === 6) break;
  }
  expect(seen).toEqual([
    'snapshot {"id":1,"n":1}',
    'snapshot {"id":2,"n":2}',
    'insert {"id":3,"n":3}',
    'update {"id":1,"n":10}',
    'delete {"id":2,"n":2}',
    'insert {"id":4,"n":4}',
  ]);
});

it('shows each of several subscriptions the rows as of its own position', async () => {
  const db = newDatabase('CREATE TABLE t (id INTEGER PRIMARY KEY)');
  const subscriptions = Array.from({ length: 5 }, (_, i) => {
    db.prepare('INSERT INTO t VALUES (?)').run(i);
    return db.changes({ snapshot: 'always', maxBuffered: 1_000_000 });
  });
  db.exec('INSERT INTO t VALUES (100)');
  for (const [i, subscription] of subscriptions.entries()) {
    const seen: string[] = [];
    for await (const change of subscription) {
      if (change.op !== 'bootstrap') seen.push(`${change.op} ${String((change.after as { id: number }).id)}`);
      if (seen.length === 6) break;
    }
    expect(seen).toEqual([0, 1, 2, 3, 4, 100].map((id) => `${id <= i ? 'snapshot' : 'insert'} ${id}`));
  }
});
