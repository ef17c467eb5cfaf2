/** What a source or a subscription leaves out does not come, and nothing else is missing. */
import { describe, expect, test } from 'vitest';
import { brief } from '../../support/captured.js';
import { engines, run } from './engines.js';

describe.each(engines)('$name engine', (engine) => {
  const before = 'CREATE TABLE a (x); CREATE TABLE b (x); CREATE TABLE a2 (x); CREATE TABLE "Ä" (x)';
  const all = [
    'BEGIN',
    'INSERT INTO a VALUES (1)',
    'INSERT INTO b VALUES (2)',
    'INSERT INTO a2 VALUES (3)',
    'UPDATE a SET x = 4',
    'COMMIT',
  ];

  test.each([
    ['a name, whatever its case', { tables: ['A'] }, ['insert a (1)', 'update a (1) > (4)'], [0, 3]],
    ['a pattern', { tables: ['a*'] }, ['insert a (1)', 'insert a2 (3)', 'update a (1) > (4)'], [0, 2, 3]],
    ['an exclusion', { excludeTables: ['a', 'ä'] }, ['insert b (2)', 'insert a2 (3)'], [1, 2]],
    ['kinds of changes', { ops: ['update', 'delete'] as const }, ['update a (1) > (4)'], [3]],
  ])('%s', async (_name, options, texts, indexes) => {
    const file = run(engine, { before });
    const reading = file.read({ ...options, ...('ops' in options ? { ops: [...options.ops] } : {}) } as never);
    file.exec(...all);
    const changes = await reading.changes();
    expect(changes.map(brief)).toEqual(texts);
    expect(changes.map(({ index }) => index)).toEqual(indexes);
    expect(changes.map((change) => 'last' in change && change.last)).toEqual(indexes.map((_, at) => at === indexes.length - 1));
  });

  test("a source's own tables", async () => {
    const file = run(engine, { before, tables: ['a', 'test_marker'] });
    const reading = file.read();
    file.exec(...all);
    expect(await reading.transactions()).toEqual([['insert a (1)', 'update a (1) > (4)']]);
    expect(file.source.info().tables).toEqual(['a', 'test_marker']);
    expect(() => file.source.subscribe({ tables: ['b'] })).toThrow(expect.objectContaining({ code: 'ROWTAP_NO_SUCH_TABLE' }));
  });

  test('a table that does not exist is refused', () => {
    const file = run(engine, { before });
    expect(() => file.source.subscribe({ tables: ['none'] })).toThrow(expect.objectContaining({ code: 'ROWTAP_NO_SUCH_TABLE' }));
  });

  test('updates that change nothing are left out where that is wanted, wide ones as well', async () => {
    const columns = Array.from({ length: 40 }, (_, index) => `c${index}`).join(', ');
    const file = run(engine, {
      before: `CREATE TABLE w (${columns}); INSERT INTO w DEFAULT VALUES; CREATE TABLE t (a, b); INSERT INTO t VALUES
      (1, x'00'), (2, -0.0)`,
    });
    const reading = file.read({ skipUnchanged: true });
    file.exec(
      'UPDATE t SET a = a',
      "UPDATE t SET b = CASE a WHEN 1 THEN x'00' ELSE b END",
      'UPDATE w SET c39 = NULL',
      'UPDATE w SET c39 = 1',
    );
    file.exec("UPDATE t SET a = '1' WHERE a = 1", 'UPDATE t SET a = 2.0 WHERE a = 2', "UPDATE t SET b = '' WHERE a = 2");
    const changes = await reading.changes();
    expect(changes.map(({ table, before: was, after }) => [table, was?.['c39'] ?? was?.['a'], after?.['c39'] ?? after?.['a']])).toEqual([
      ['w', undefined, 1],
      ['t', 1, '1'],
      ['t', 2, 2],
      ['t', 2, 2],
    ]);
  });
});
