/** Changes come in the order in which they were made, each commit by itself, and nothing that was undone comes at all. */
import { describe, expect, test } from 'vitest';
import { engines, run } from './engines.js';

describe.each(engines)('$name engine', (engine) => {
  const { indirect, cascade, silentlyReplaced } = engine;

  test('commits come one after the other, with LSNs that grow, and the changes of each in their order', async () => {
    const file = run(engine, { before: 'CREATE TABLE t (id INTEGER PRIMARY KEY, a)' });
    const reading = file.read();
    file.exec('INSERT INTO t VALUES (2, 1), (1, 2)');
    file.exec('BEGIN', 'UPDATE t SET a = a + 1 WHERE id = 1', 'DELETE FROM t WHERE id = 2', 'INSERT INTO t VALUES (3, 3)', 'COMMIT');
    file.exec('DELETE FROM t');
    const changes = await reading.changes();
    const lsns = changes.map(({ lsn }) => lsn);
    expect(new Set(lsns).size).toBe(3);
    expect(lsns).toEqual([...lsns].sort((a, b) => a - b));
    expect(changes.map(({ index }) => index)).toEqual([0, 1, 0, 1, 2, 0, 1]);
    expect(changes.map((change) => 'last' in change && change.last)).toEqual([false, true, false, false, true, false, true]);
    expect(changes.map(({ op }) => op)).toEqual(['insert', 'insert', 'update', 'delete', 'insert', 'delete', 'delete']);
    expect(changes[2]).toMatchObject({ key: { id: 1 }, before: { id: 1, a: 2 }, after: { id: 1, a: 3 }, source: file.source.name });
  });

  test('a row that a trigger changes again comes twice, in that order', async () => {
    const file = run(engine, {
      before: `CREATE TABLE t (id INTEGER PRIMARY KEY, a, stamp);
        CREATE TRIGGER stamp AFTER INSERT ON t BEGIN UPDATE t SET stamp = 'new' WHERE id = new.id; END;
        CREATE TRIGGER again AFTER UPDATE OF a ON t BEGIN UPDATE t SET stamp = stamp || '!' WHERE id = new.id; END;`,
    });
    const reading = file.read();
    file.exec('INSERT INTO t (id, a) VALUES (1, 1)', 'UPDATE t SET a = 2');
    expect(await reading.transactions()).toEqual([
      ['insert t (1, 1, NULL)', indirect("update t (1, 1, NULL) > (1, 1, 'new')")],
      ["update t (1, 1, 'new') > (1, 2, 'new')", indirect("update t (1, 2, 'new') > (1, 2, 'new!')")],
    ]);
  });

  test('a trigger that is created later', async () => {
    const file = run(engine, { before: 'CREATE TABLE t (id INTEGER PRIMARY KEY, a)' });
    const reading = file.read();
    file.reshape('CREATE TRIGGER later AFTER INSERT ON t BEGIN UPDATE t SET a = 2 WHERE id = new.id; END');
    file.exec('INSERT INTO t VALUES (1, 1)');
    expect(await reading.transactions()).toEqual([['insert t (1, 1)', indirect('update t (1, 1) > (1, 2)')]]);
  });

  test('what a trigger does before a row is written stands before that row', async () => {
    const file = run(engine, {
      before: `CREATE TABLE t (id INTEGER PRIMARY KEY); CREATE TABLE seen (id);
        CREATE TRIGGER b BEFORE INSERT ON t BEGIN INSERT INTO seen VALUES (7); END;`,
    });
    const reading = file.read();
    file.exec('INSERT INTO t VALUES (1)');
    expect(await reading.transactions()).toEqual([[indirect('insert seen (7)'), 'insert t (1)']]);
  });

  test('rows that a foreign key deletes or changes', async () => {
    const file = run(engine, {
      before: `CREATE TABLE p (id INTEGER PRIMARY KEY);
        CREATE TABLE c (id INTEGER PRIMARY KEY, p REFERENCES p (id) ON DELETE CASCADE ON UPDATE SET NULL);
        INSERT INTO p VALUES (1), (2); INSERT INTO c VALUES (10, 1), (11, 1), (20, 2)`,
    });
    file.exec('PRAGMA foreign_keys = ON');
    const reading = file.read();
    file.exec('DELETE FROM p WHERE id = 1', 'UPDATE p SET id = 3');
    expect(await reading.transactions()).toEqual([
      cascade('delete p (1)', [indirect('delete c (10, 1)'), indirect('delete c (11, 1)')]),
      cascade('update p (2) > (3)', [indirect('update c (20, 2) > (20, NULL)')]),
    ]);
  });

  test.each([0, 1])('REPLACE, with recursive_triggers = %i', async (isOn) => {
    const file = run(engine, {
      before: 'CREATE TABLE t (id INTEGER PRIMARY KEY, a UNIQUE); INSERT INTO t VALUES (1, 1), (2, 2), (3, 3)',
    });
    file.exec(`PRAGMA recursive_triggers = ${isOn}`);
    const reading = file.read();
    file.exec('REPLACE INTO t VALUES (1, 2)', 'UPDATE OR REPLACE t SET a = 2 WHERE id = 3');
    const [replaced, updated] = await reading.transactions();
    const deletes = (texts: string[]): string[] => (isOn === 1 ? texts : silentlyReplaced(texts));
    expect(replaced?.slice(0, -1).sort()).toEqual(deletes(['delete t (1, 1)', 'delete t (2, 2)']));
    expect(replaced?.at(-1)).toBe('insert t (1, 2)');
    expect(updated).toEqual([...deletes(['delete t (1, 2)']), 'update t (3, 3) > (3, 2)']);
  });

  test('an upsert is the update that it makes, or nothing', async () => {
    const file = run(engine, { before: 'CREATE TABLE t (id INTEGER PRIMARY KEY, a UNIQUE); INSERT INTO t VALUES (1, 1)' });
    const reading = file.read();
    file.exec(
      'INSERT INTO t VALUES (1, 5) ON CONFLICT (id) DO UPDATE SET a = excluded.a',
      'INSERT INTO t VALUES (1, 7) ON CONFLICT DO NOTHING',
      'INSERT OR IGNORE INTO t VALUES (8, 5), (6, 6)',
    );
    expect(await reading.transactions()).toEqual([['update t (1, 1) > (1, 5)'], ['insert t (6, 6)']]);
  });

  test('all rows at once, and an update that changes nothing', async () => {
    const file = run(engine, { before: 'CREATE TABLE t (a); INSERT INTO t VALUES (1), (2)' });
    const reading = file.read();
    file.exec('UPDATE t SET a = a', 'DELETE FROM t');
    expect(await reading.transactions()).toEqual([
      ['update t (1) > (1)', 'update t (2) > (2)'],
      ['delete t (1)', 'delete t (2)'],
    ]);
  });

  test('what a reader commits while it is served comes to another one, which has been served before', async () => {
    const file = run(engine, { before: 'CREATE TABLE t (a)' });
    const [first, second] = [file.source.subscribe(), file.source.subscribe()].map((made) => made[Symbol.asyncIterator]());
    const seen = second?.next().then(() => second.next());
    // The second is parked first.
    const answered = first?.next().then(() => file.exec('INSERT INTO t VALUES (2)'));
    file.exec('INSERT INTO t VALUES (1)');
    await answered;
    expect((await seen)?.value).toMatchObject({ op: 'insert', after: { a: 2 } });
  });

  test('two subscriptions, the second made when something was committed that the first has not heard of', async () => {
    const file = run(engine, { before: 'CREATE TABLE t (a)' });
    const first = file.source.subscribe({ snapshot: 'never' })[Symbol.asyncIterator]();
    const next = first.next();
    file.db.exec('INSERT INTO t VALUES (1)');
    file.source.subscribe({ snapshot: 'never' });
    expect((await next).value).toMatchObject({ op: 'insert', after: { a: 1 } });
  });
});
