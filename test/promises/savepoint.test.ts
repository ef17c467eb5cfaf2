import { expect, test } from 'vitest';
import { capture } from '../support/captured.js';

const before = 'CREATE TABLE t (id INTEGER PRIMARY KEY)';
const insert = (id: number): string => `INSERT INTO t VALUES (${id})`;

/** What one script, run statement by statement, is published as. */
const cases: [name: string, script: string[], published: string[][]][] = [
  [
    'rows rolled back to a savepoint never appear',
    ['BEGIN', insert(1), 'SAVEPOINT s', insert(2), 'ROLLBACK TO s', insert(3), 'COMMIT'],
    [['1', '3']],
  ],
  [
    'released rows go with the savepoint around them',
    ['BEGIN', 'SAVEPOINT a', insert(1), 'SAVEPOINT b', insert(2), 'RELEASE b', 'ROLLBACK TO a', insert(3), 'COMMIT'],
    [['3']],
  ],
  [
    'a name nested in itself: the innermost counts',
    [
      'BEGIN',
      'SAVEPOINT s',
      insert(1),
      'SAVEPOINT s',
      insert(2),
      'ROLLBACK TO s',
      insert(3),
      'RELEASE s',
      insert(4),
      'ROLLBACK TO s',
      insert(5),
      'COMMIT',
    ],
    [['5']],
  ],
  [
    'names differ by more than their case',
    ['BEGIN', 'SAVEPOINT Aa', insert(1), 'SAVEPOINT b', insert(2), 'ROLLBACK TO aA', insert(3), 'COMMIT'],
    [['3']],
  ],
  [
    'names of non-ASCII letters differ by case',
    ['BEGIN', 'SAVEPOINT "ä"', insert(1), 'SAVEPOINT "Ä"', insert(2), 'ROLLBACK TO "ä"', insert(3), 'COMMIT'],
    [['3']],
  ],
  [
    'rolling back to an outer one takes the inner ones along',
    ['BEGIN', 'SAVEPOINT a', insert(1), 'SAVEPOINT b', insert(2), 'SAVEPOINT c', insert(3), 'ROLLBACK TO a', insert(4), 'COMMIT'],
    [['4']],
  ],
  [
    'RELEASE and ROLLBACK TO at the same place',
    [
      'BEGIN',
      insert(1),
      'SAVEPOINT a',
      'SAVEPOINT b',
      'RELEASE b',
      'ROLLBACK TO a',
      insert(2),
      'SAVEPOINT c',
      'ROLLBACK TO c',
      'RELEASE c',
      'COMMIT',
    ],
    [['1', '2']],
  ],
  [
    'rolling back twice to the same one',
    ['BEGIN', 'SAVEPOINT a', insert(1), 'ROLLBACK TO a', insert(2), 'ROLLBACK TO a', insert(3), 'RELEASE a', 'COMMIT'],
    [['3']],
  ],
  [
    'releasing the outermost of a transaction that SAVEPOINT began is a commit',
    ['SAVEPOINT a', insert(1), 'SAVEPOINT b', insert(2), 'RELEASE a', insert(3)],
    [['1', '2'], ['3']],
  ],
  [
    'rolling back to the outermost leaves the transaction open',
    ['SAVEPOINT a', insert(1), 'ROLLBACK TO a', insert(2), 'RELEASE a'],
    [['2']],
  ],
  ['rolled back to and released: nothing is published', ['SAVEPOINT a', insert(1), 'ROLLBACK TO a', 'RELEASE a'], []],
  ['COMMIT with savepoints open keeps them', ['SAVEPOINT a', insert(1), 'SAVEPOINT b', insert(2), 'COMMIT'], [['1', '2']]],
  ['ROLLBACK with savepoints open drops all', ['SAVEPOINT a', insert(1), 'SAVEPOINT b', insert(2), 'ROLLBACK', insert(3)], [['3']]],
  [
    'a savepoint after a rolled-back one of that name',
    ['BEGIN', 'SAVEPOINT s', insert(1), 'ROLLBACK', 'BEGIN', insert(2), 'SAVEPOINT s', insert(3), 'ROLLBACK TO s', 'COMMIT'],
    [['2']],
  ],
];

test.each(cases)('%s', async (_name, script, published) => {
  const captured = capture({ before });
  for (const sql of script) captured.db.exec(sql);
  expect(await captured.transactions()).toEqual(published.map((ids) => ids.map((id) => `insert t (${id})`)));
});

test.each(cases)('in one exec: %s', async (_name, script, published) => {
  const captured = capture({ before });
  captured.db.exec(script.join('; '));
  expect(await captured.transactions()).toEqual(published.map((ids) => ids.map((id) => `insert t (${id})`)));
});

test.each(cases)('prepared once and run again: %s', async (_name, script, published) => {
  const captured = capture({ before });
  const statements = script.map((sql) => captured.db.prepare(sql));
  for (let round = 0; round < 2; round++) {
    for (const statement of statements) statement.run();
    expect(await captured.transactions()).toEqual(published.map((ids) => ids.map((id) => `insert t (${id})`)));
    captured.db.exec('DELETE FROM t');
    await captured.changes();
  }
});

test('a savepoint that does not exist changes nothing', async () => {
  const captured = capture({ before });
  captured.db.exec(`BEGIN; ${insert(1)}; SAVEPOINT a; ${insert(2)}`);
  captured.fails('ROLLBACK TO nothing');
  captured.fails('RELEASE nothing');
  captured.db.exec('COMMIT');
  expect(await captured.transactions()).toEqual([['insert t (1)', 'insert t (2)']]);
});

test('a failed statement between savepoints', async () => {
  const captured = capture({ before });
  captured.db.exec(`SAVEPOINT a; ${insert(1)}; SAVEPOINT b; ${insert(2)}`);
  captured.fails('INSERT INTO t VALUES (3), (1)');
  captured.db.exec(`ROLLBACK TO b; ${insert(4)}`);
  captured.fails('INSERT OR FAIL INTO t VALUES (5), (1)');
  captured.db.exec('RELEASE a');
  expect(await captured.transactions()).toEqual([['insert t (1)', 'insert t (4)', 'insert t (5)']]);
});

test("better-sqlite3's nested transactions", async () => {
  const captured = capture({ before });
  const { db } = captured;
  const add = db.prepare('INSERT INTO t VALUES (?)');
  const inner = db.transaction((id: number, isFailing: boolean) => {
    add.run(id);
    if (isFailing) throw new Error('undo me');
  });
  db.transaction(() => {
    add.run(1);
    inner(2, false);
    expect(() => inner(3, true)).toThrow('undo me');
    add.run(4);
  })();
  expect(await captured.transactions()).toEqual([['insert t (1)', 'insert t (2)', 'insert t (4)']]);
});
