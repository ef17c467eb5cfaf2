/** Nothing that was rolled back is delivered: transactions, savepoints, statements that fail. */
import { describe, expect, test } from 'vitest';
import { engines, run } from './engines.js';

const insert = (id: number): string => `INSERT INTO t (id) VALUES (${id})`;

/** What one script, run statement by statement, is delivered as; ids of the rows of each commit. */
const scripts: [name: string, script: string[], delivered: number[][]][] = [
  ['a rolled back transaction', ['BEGIN', insert(1), 'ROLLBACK', insert(2)], [[2]]],
  ['a savepoint rolled back', ['BEGIN', insert(1), 'SAVEPOINT s', insert(2), 'ROLLBACK TO s', insert(3), 'COMMIT'], [[1, 3]]],
  [
    'the innermost of two savepoints with one name',
    ['BEGIN', 'SAVEPOINT s', insert(1), 'SAVEPOINT s', insert(2), 'ROLLBACK TO S', insert(3), 'RELEASE s', insert(4), 'COMMIT'],
    [[1, 3, 4]],
  ],
  [
    'an outer savepoint takes the inner ones along',
    ['SAVEPOINT a', insert(1), 'SAVEPOINT b', insert(2), 'RELEASE b', 'ROLLBACK TO a', insert(3), 'RELEASE a'],
    [[3]],
  ],
  ['all undone: no transaction', ['SAVEPOINT a', insert(1), 'ROLLBACK TO a', 'RELEASE a', insert(2)], [[2]]],
  ['a savepoint undone and taken again', ['BEGIN', 'SAVEPOINT a', insert(1), 'ROLLBACK TO a', insert(1), 'RELEASE a', 'COMMIT'], [[1]]],
];

describe.each(engines)('$name engine', (engine) => {
  const before = 'CREATE TABLE t (id INTEGER PRIMARY KEY, a UNIQUE, n INTEGER CHECK (n < 10))';

  test.each(scripts)('%s', async (_name, script, delivered) => {
    const file = run(engine, { before });
    const reading = file.read();
    file.exec(...script);
    expect(await reading.transactions()).toEqual(delivered.map((ids) => ids.map((id) => `insert t (${id}, NULL, NULL)`)));
  });

  test('a statement that fails in its third row leaves nothing, alone and in a transaction', async () => {
    const file = run(engine, { before });
    const reading = file.read();
    expect(file.fails('INSERT INTO t (id, n) VALUES (1, 1), (2, 2), (3, 30)')).toBe('SQLITE_CONSTRAINT_CHECK');
    file.exec('BEGIN', 'INSERT INTO t (id, n) VALUES (1, 1)');
    expect(file.fails('INSERT INTO t (id, n) VALUES (4, 4), (5, 50)')).toBe('SQLITE_CONSTRAINT_CHECK');
    expect(file.fails('UPDATE t SET n = CASE id WHEN 1 THEN 99 END')).toBe('SQLITE_CONSTRAINT_CHECK');
    file.exec('INSERT INTO t (id, n) VALUES (6, 6)', 'COMMIT');
    expect(await reading.transactions()).toEqual([['insert t (1, NULL, 1)', 'insert t (6, NULL, 6)']]);
  });

  test('OR FAIL keeps the rows before the one that failed', async () => {
    const file = run(engine, { before: `${before}; INSERT INTO t VALUES (1, 1, 1)` });
    const reading = file.read();
    expect(file.fails('INSERT OR FAIL INTO t (id, a) VALUES (2, 2), (3, 1), (4, 4)')).toBe('SQLITE_CONSTRAINT_UNIQUE');
    file.exec('BEGIN');
    expect(file.fails('UPDATE OR FAIL t SET a = 9')).toBe('SQLITE_CONSTRAINT_UNIQUE');
    file.exec('COMMIT');
    expect(await reading.transactions()).toEqual([['insert t (2, 2, NULL)'], ['update t (1, 1, 1) > (1, 9, 1)']]);
  });

  test('OR IGNORE leaves out rows, OR ROLLBACK ends the transaction', async () => {
    const file = run(engine, { before: `${before}; INSERT INTO t VALUES (1, 1, 1)` });
    const reading = file.read();
    file.exec('INSERT OR IGNORE INTO t (id, a) VALUES (2, 1), (3, 3)', 'UPDATE OR IGNORE t SET a = 3', 'BEGIN', insert(7));
    expect(file.fails('INSERT OR ROLLBACK INTO t (id, a) VALUES (8, 8), (9, 3)')).toBe('SQLITE_CONSTRAINT_UNIQUE');
    expect(file.db.inTransaction).toBe(false);
    file.exec(insert(10));
    const delivered = await reading.transactions();
    expect(delivered[0]).toEqual(['insert t (3, 3, NULL)']);
    expect(delivered.at(-1)).toEqual(['insert t (10, NULL, NULL)']);
    expect(delivered.flat().some((text) => /\((7|8|9),/.test(text))).toBe(false);
  });

  test('triggers that raise: ABORT undoes, FAIL keeps, IGNORE goes on', async () => {
    const file = run(engine, {
      before: `CREATE TABLE t (id INTEGER PRIMARY KEY, how); CREATE TABLE log (x);
        CREATE TRIGGER raise AFTER INSERT ON t WHEN new.how IS NOT NULL BEGIN INSERT INTO log VALUES (new.how); SELECT CASE new.how
        WHEN 'abort' THEN RAISE(ABORT, 'no') WHEN 'fail' THEN RAISE(FAIL, 'no') ELSE RAISE(IGNORE) END; INSERT INTO log VALUES ('rest'); END;`,
    });
    const reading = file.read();
    expect(file.fails("INSERT INTO t VALUES (1, NULL), (2, 'abort')")).toBe('SQLITE_CONSTRAINT_TRIGGER');
    expect(file.fails("INSERT INTO t VALUES (3, NULL), (4, 'fail')")).toBe('SQLITE_CONSTRAINT_TRIGGER');
    file.exec("INSERT INTO t VALUES (5, 'ignore'), (6, NULL)");
    expect(await reading.transactions()).toEqual([
      ['insert t (3, NULL)', "insert t (4, 'fail')", engine.indirect("insert log ('fail')")],
      ["insert t (5, 'ignore')", engine.indirect("insert log ('ignore')"), 'insert t (6, NULL)'],
    ]);
  });

  test('a savepoint rolled back while a statement with RETURNING is open', async () => {
    const file = run(engine, { before });
    const reading = file.read();
    file.db.unsafeMode(true);
    file.exec('BEGIN', 'SAVEPOINT a');
    const rows = file.db.prepare('INSERT INTO t (id) VALUES (1), (2) RETURNING id').iterate();
    rows.next();
    const code = failing(() => file.exec('ROLLBACK TO a'));
    rows.return?.();
    file.exec(insert(3), 'COMMIT');
    const kept = code === undefined ? [] : ['insert t (1, NULL, NULL)', 'insert t (2, NULL, NULL)'];
    expect(await reading.transactions()).toEqual([[...kept, 'insert t (3, NULL, NULL)']]);
    expect(file.db.prepare('SELECT count(*) FROM t').pluck().get()).toBe(kept.length + 1);
  });

  test('a deferred foreign key refuses the commit: what is mended and committed then comes whole', async () => {
    const file = run(engine, {
      before: `CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE c (p REFERENCES p (id) DEFERRABLE INITIALLY DEFERRED)`,
    });
    file.exec('PRAGMA foreign_keys = ON');
    const reading = file.read();
    file.exec('BEGIN', 'INSERT INTO c VALUES (1)');
    expect(file.fails('COMMIT')).toBe('SQLITE_CONSTRAINT_FOREIGNKEY');
    file.exec('INSERT INTO p VALUES (1)', 'COMMIT');
    expect(await reading.transactions()).toEqual([['insert c (1)', 'insert p (1)']]);
  });
});

/** The code of what it throws, where it does. */
function failing(act: () => void): string | undefined {
  try {
    act();
  } catch (error) {
    return String((error as { code?: unknown }).code);
  }
  return undefined;
}
