import { Catchup, SqliteError } from 'rowtap';
import { describe, expect, test } from 'vitest';
import { append, autoincrement, catchupOn, copy, doneIds, type Entry, eventLog, queries, upTo } from './event-log.js';

describe.each([1, 3, 200])('with batches of %i rows', (batchSize) => {
  test('every row is processed once, in the order of the ids, and the next run goes on behind it', async () => {
    const db = eventLog(10);
    const catchup = catchupOn(db, { batchSize });
    expect(catchup.position()).toBe(0);
    expect(await catchup.run(copy)).toBe(10);
    expect(catchup.position()).toBe(10);
    expect(await catchup.run(copy)).toBe(0);
    append(db, 2);
    expect(await catchupOn(db, { batchSize }).run(copy)).toBe(2);
    expect(doneIds(db)).toEqual(upTo(12));
  });

  test('a row whose function throws is undone alone: rows before it are kept, and the next run goes on with it', async () => {
    const db = eventLog(10);
    const catchup = catchupOn(db, { batchSize });
    const cause = new Error('no paper');
    const run = catchup.run((row) => {
      copy(row, db);
      if (row.id === 6) throw cause;
    });
    await expect(run).rejects.toMatchObject({ name: 'RowtapError', code: 'ROWTAP_ROW_FAILED', retryable: true, id: 6, cause });
    await expect(run).rejects.toThrow(/row 6.*no paper/);
    expect(doneIds(db)).toEqual(upTo(5));
    expect(catchup.position()).toBe(5);
    expect(db.inTransaction).toBe(false);
    expect(await catchup.run(copy)).toBe(5);
    expect(doneIds(db)).toEqual(upTo(10));
  });

  test('also where its failure rolls back the whole transaction', async () => {
    const db = eventLog(10);
    db.exec('CREATE TABLE one (id INTEGER PRIMARY KEY); INSERT INTO one VALUES (1)');
    const catchup = catchupOn(db, { batchSize });
    const run = catchup.run((row) => {
      copy(row, db);
      if (row.id === 6) db.exec('INSERT OR ROLLBACK INTO one VALUES (1)');
    });
    await expect(run).rejects.toMatchObject({ code: 'ROWTAP_ROW_FAILED', id: 6, cause: expect.any(SqliteError) as unknown });
    expect(doneIds(db)).toEqual(upTo(5));
    expect(await catchup.run(copy)).toBe(5);
    expect(doneIds(db)).toEqual(upTo(10));
  });

  test('also where a constraint is checked at the commit alone', async () => {
    const db = eventLog(10);
    db.pragma('foreign_keys = ON');
    db.exec(
      'CREATE TABLE child (parent REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED); CREATE TABLE parent (id INTEGER PRIMARY KEY)',
    );
    const catchup = catchupOn(db, { batchSize });
    const run = catchup.run((row) => {
      copy(row, db);
      if (row.id === 6) db.exec('INSERT INTO child VALUES (1)');
    });
    await expect(run).rejects.toMatchObject({ code: 'ROWTAP_ROW_FAILED', id: 6 });
    expect(doneIds(db)).toEqual(upTo(5));
    expect(await catchup.run(copy)).toBe(5);
    expect(doneIds(db)).toEqual(upTo(10));
  });

  test('a function that returns a promise is refused', async () => {
    const db = eventLog(3);
    const process = (row: Entry & { id: number }): unknown => {
      copy(row, db);
      return row.id === 2 ? Promise.resolve() : undefined;
    };
    const run = catchupOn(db, { batchSize }).run(process);
    await expect(run).rejects.toMatchObject({ code: 'ROWTAP_ROW_FAILED', id: 2, cause: expect.any(TypeError) as unknown });
    expect(doneIds(db)).toEqual([1]);
  });

  test.each(['ROLLBACK', 'ROLLBACK; BEGIN', 'ROLLBACK; BEGIN; SAVEPOINT x'])(
    'a function that ends the transaction is found out: %s',
    async (sql) => {
      const db = eventLog(10);
      const catchup = catchupOn(db, { batchSize });
      const run = catchup.run((row) => {
        copy(row, db);
        if (row.id === 6) db.exec(sql);
      });
      await expect(run).rejects.toThrow(/row 6.*ended the transaction/);
      expect(db.inTransaction).toBe(false);
      expect(doneIds(db)).toEqual(upTo(5));
      expect(await catchup.run(copy)).toBe(5);
      expect(doneIds(db)).toEqual(upTo(10));
    },
  );

  test.each(['COMMIT', 'COMMIT; BEGIN'])('also where it commits, and what it committed is all that remains: %s', async (sql) => {
    const db = eventLog(10);
    const catchup = catchupOn(db, { batchSize });
    const run = catchup.run((row) => {
      copy(row, db);
      if (row.id === 6) db.exec(sql);
    });
    await expect(run).rejects.toThrow(/row 6.*ended the transaction/);
    expect(db.inTransaction).toBe(false);
    expect(doneIds(db)).toEqual(upTo(6));
    expect(catchup.position()).toBe(5);
  });

  test('an abort ends it between two rows', async () => {
    const db = eventLog(10);
    const catchup = catchupOn(db, { batchSize });
    const abort = new AbortController();
    const rows = await catchup.run(
      (row) => {
        copy(row, db);
        if (row.id === 4) abort.abort();
      },
      { signal: abort.signal },
    );
    expect(rows).toBe(4);
    expect(doneIds(db)).toEqual(upTo(4));
    expect(await catchup.run(copy, { signal: abort.signal })).toBe(0);
    expect(await catchup.run(copy)).toBe(6);
    expect(doneIds(db)).toEqual(upTo(10));
  });

  test.each(['LIMIT 1', 'LIMIT 4', 'LIMIT 1000'])('`nextSql` may have a limit of its own: %s', async (limit) => {
    const db = eventLog(10);
    expect(await catchupOn(db, { batchSize, nextSql: `${queries.nextSql} ${limit}` }).run(copy)).toBe(10);
    expect(doneIds(db)).toEqual(upTo(10));
  });

  test('rows that come while it runs are processed as well, those that `nextSql` leaves out are not', async () => {
    const db = eventLog(3);
    const nextSql = 'SELECT id, body FROM events WHERE id > @last AND id <= @max AND id % 2 = 1 ORDER BY id';
    const catchup = catchupOn(db, { batchSize, nextSql });
    const rows = await catchup.run((row) => {
      copy(row, db);
      if (row.id < 7) append(db, 2);
    });
    expect(rows).toBe(5);
    expect(doneIds(db)).toEqual([1, 3, 5, 7, 9]);
  });
});

test('a round ends even where every row adds another one', async () => {
  const db = eventLog(1);
  const abort = new AbortController();
  const maxima: unknown[] = [];
  db.exec('CREATE TABLE seen (last, max)');
  await new Catchup<Entry & { max: number }>(db, {
    name: 'c',
    maxSql: queries.maxSql,
    nextSql: 'SELECT id, body, @max AS max FROM events WHERE id > @last ORDER BY id',
  }).run(
    (row) => {
      append(db, 2);
      maxima.push([row.id, row.max]);
      if (row.id === 7) abort.abort();
    },
    { signal: abort.signal },
  );
  expect(maxima).toEqual([[1, 1], ...[2, 3].map((id) => [id, 3]), ...[4, 5, 6, 7].map((id) => [id, 7])]);
});

test('several consumers keep positions of their own, and the smallest one says what can be deleted', async () => {
  const db = eventLog(10);
  db.exec(`CREATE TABLE other (id ${autoincrement}, body TEXT); INSERT INTO other (body) VALUES ('x')`);
  expect(Catchup.smallestPosition(db)).toBe(0);
  await catchupOn(db, { name: 'a' }).run(copy);
  await expect(
    catchupOn(db, { name: 'b' }).run((row) => {
      if (row.id === 8) throw new Error('enough');
    }),
  ).rejects.toThrow('enough');
  await catchupOn(db, {
    name: 'c',
    maxSql: 'SELECT max(id) AS max FROM other',
    nextSql: 'SELECT * FROM other WHERE id > @last AND id <= @max ORDER BY id',
  }).run(() => {});
  expect(Catchup.smallestPosition(db, 'events')).toBe(7);
  expect(Catchup.smallestPosition(db, 'main.EVENTS')).toBe(7);
  expect(Catchup.smallestPosition(db, 'other')).toBe(1);
  expect(Catchup.smallestPosition(db)).toBe(1);
  expect(Catchup.smallestPosition(db, 'nothing')).toBe(0);
  db.prepare('DELETE FROM events WHERE id <= ?').run(Catchup.smallestPosition(db, 'events'));
  expect(await catchupOn(db, { name: 'b' }).run(copy)).toBe(3);
  expect(doneIds(db)).toEqual([...upTo(10), 8, 9, 10]);
});

test('a consumer counts for the smallest position from its first run, with nothing there yet', async () => {
  const db = eventLog();
  expect(await catchupOn(db, { name: 'early' }).run(copy)).toBe(0);
  append(db, 5);
  await catchupOn(db, { name: 'late' }).run(copy);
  expect(Catchup.smallestPosition(db, 'events')).toBe(0);
});

test('the stream has what the function writes, and nothing of the positions', async () => {
  const db = eventLog(3);
  const changes: string[] = [];
  const subscription = db.changes();
  const failing = catchupOn(db).run((row) => {
    copy(row, db);
    if (row.id === 2) throw new Error('once');
  });
  await expect(failing).rejects.toThrow('once');
  await catchupOn(db).run(copy);
  for await (const change of subscription) {
    changes.push(`${change.op} ${change.table ?? ''} ${change.op === 'insert' ? String(change.after?.['event']) : ''}`);
    if (changes.length === 3) await subscription.close();
  }
  expect(changes).toEqual(['insert done 1', 'insert done 2', 'insert done 3']);
  const quiet = db.changes();
  await catchupOn(db, { name: 'quiet' }).run(() => {});
  db.exec(`INSERT INTO done VALUES (0, 'marker')`);
  for await (const change of quiet) {
    expect(change).toMatchObject({ op: 'insert', table: 'done', after: { event: 0 } });
    break;
  }
});

test('with safe integers ids are numbers all the same, and other integers as the program wants them', async () => {
  const db = eventLog(2);
  db.defaultSafeIntegers(true);
  const rows: unknown[] = [];
  const nextSql = 'SELECT id, 7 AS n FROM events WHERE id > @last AND id <= @max ORDER BY id';
  await catchupOn(db, { nextSql }).run((row) => rows.push(row));
  expect(rows).toEqual([
    { id: 1, n: 7n },
    { id: 2, n: 7n },
  ]);
  expect(catchupOn(db).position()).toBe(2);
  expect(Catchup.smallestPosition(db)).toBe(2);
});
