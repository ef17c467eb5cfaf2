import { Catchup, type CatchupConfig, Database } from 'rowtap';
import { describe, expect, onTestFinished, test } from 'vitest';
import { newDatabase, newPath } from '../snapshot/database-file.js';
import { append, autoincrement, catchupOn, copy, doneIds, type Entry, eventLog, queries, upTo } from './event-log.js';

const copyId = (row: { id: number }, db: Database): unknown => db.prepare('INSERT INTO done VALUES (?, 0)').run(row.id);

describe('a result that would lose rows is refused, and nothing is processed', () => {
  test.each<[string, Partial<CatchupConfig>, RegExp]>([
    ['no column `max`', { maxSql: 'SELECT max(id) FROM events' }, /`maxSql` has to return one column named `max`/],
    [
      'no column `id`',
      { nextSql: 'SELECT body FROM events WHERE id > @last AND id <= @max' },
      /`nextSql` has to return one column named `id`/,
    ],
    [
      'two columns `id`',
      { nextSql: 'SELECT a.id, b.id FROM events a JOIN events b USING (id) WHERE a.id > @last AND a.id <= @max ORDER BY a.id' },
      /one column named `id`/,
    ],
    ['a statement that writes', { nextSql: 'DELETE FROM events WHERE id > @last AND id <= @max RETURNING id' }, /has to be a SELECT/],
    ['a `max` that is text', { maxSql: `SELECT 'x' AS max` }, /"x" as `max`/],
    ['a `max` that is not whole', { maxSql: 'SELECT 1.5 AS max' }, /1.5 as `max`/],
    ['a `max` that no number holds exactly', { maxSql: 'SELECT 9007199254740993 AS max' }, /9007199254740993 as `max`/],
    ['ids that are text', { nextSql: `SELECT 'a' || id AS id FROM events WHERE id > @last AND id <= @max` }, /"a1" as `id`/],
    ['ids that are NULL', { nextSql: 'SELECT NULL AS id FROM events WHERE id > @last AND id <= @max' }, /null as `id`/],
    ['ids that are not whole', { nextSql: 'SELECT id + 0.5 AS id FROM events WHERE id > @last AND id <= @max' }, /1.5 as `id`/],
    [
      'ids that no number holds exactly',
      { nextSql: 'SELECT id + 9007199254740991 AS id FROM events WHERE id > @last AND id <= @max' },
      /9007199254740992 as `id`/,
    ],
    ['ids from the greatest down', { nextSql: `${queries.nextSql} DESC` }, /ORDER BY id/],
    ['the same with a limit', { nextSql: `${queries.nextSql} DESC LIMIT 1` }, /ORDER BY id/],
  ])('%s', async (_, config, message) => {
    for (const batchSize of [1, 100]) {
      const db = eventLog(3);
      const run = catchupOn(db, { batchSize, ...config }).run(copyId);
      await expect(run).rejects.toMatchObject({ name: 'RowtapError', code: 'ROWTAP_CATCHUP_REFUSED', retryable: false });
      await expect(run).rejects.toThrow(message);
      expect(doneIds(db)).toEqual([]);
      expect(db.inTransaction).toBe(false);
    }
  });

  test('rows that were processed, as soon as they come again', async () => {
    const db = eventLog(3);
    const nextSql = 'SELECT id FROM events WHERE id <= @max AND @last >= 0 ORDER BY id';
    const run = catchupOn(db, { nextSql }).run(copyId);
    await expect(run).rejects.toMatchObject({ code: 'ROWTAP_CATCHUP_REFUSED' });
    await expect(run).rejects.toThrow(/row 1 after 3.*id > @last/);
    expect(doneIds(db)).toEqual(upTo(3));
  });

  test('an id twice', async () => {
    const db = eventLog(3);
    const nextSql = 'SELECT id FROM events, (SELECT 1 UNION SELECT 2) WHERE id > @last AND id <= @max ORDER BY id';
    await expect(catchupOn(db, { nextSql }).run(copyId)).rejects.toThrow(/row 1 after 1/);
    expect(doneIds(db)).toEqual([]);
  });

  test('a position that is none', async () => {
    const db = eventLog(3);
    await catchupOn(db).run(copy);
    db.exec(`UPDATE _rowtap_catchup SET position = 'x'`);
    await expect(catchupOn(db).run(copy)).rejects.toMatchObject({ code: 'ROWTAP_CATCHUP_REFUSED' });
    expect(() => catchupOn(db).position()).toThrow(/_rowtap_catchup/);
    expect(Catchup.smallestPosition(db, 'events')).toBe(0);
  });

  test('the position of another table', async () => {
    const db = eventLog(3);
    await catchupOn(db).run(copy);
    db.exec('CREATE TABLE other AS SELECT * FROM events');
    const other = { maxSql: 'SELECT max(id) AS max FROM other', nextSql: queries.nextSql.replace('events', 'other') };
    await expect(catchupOn(db, other).run(copy)).rejects.toThrow(/main.events.*main.other/);
    // The way that the message shows, for a table that was renamed.
    db.exec(`UPDATE _rowtap_catchup SET source = 'main.other', last_row = NULL`);
    expect(await catchupOn(db, other).run(copy)).toBe(0);
  });
});

describe('ids that may have been given out again are refused', () => {
  const plain = 'INTEGER PRIMARY KEY';
  const refused = { name: 'RowtapError', code: 'ROWTAP_IDS_REUSED', retryable: false };

  async function processed(idType: string): Promise<Database> {
    const db = eventLog(5, idType);
    await catchupOn(db).run(copy);
    return db;
  }

  test.each([
    ['all rows were deleted', 'DELETE FROM events', 0],
    ['all rows were deleted, and fewer came', 'DELETE FROM events', 2],
    ['all rows were deleted, and as many came', 'DELETE FROM events', 5],
    ['all rows were deleted, and more came', 'DELETE FROM events', 9],
    ['the last row was deleted', 'DELETE FROM events WHERE id = 5', 0],
    ['the last row was deleted, and its id came again', 'DELETE FROM events WHERE id = 5', 1],
    ['the last row was deleted, and rows followed', 'DELETE FROM events WHERE id >= 4', 9],
    ['the table was made anew', `DROP TABLE events; CREATE TABLE events (id ${plain}, body TEXT)`, 3],
  ])('without AUTOINCREMENT: %s', async (_, sql, added) => {
    const db = await processed(plain);
    db.exec(sql);
    const insert = db.prepare('INSERT INTO events (body) VALUES (?)');
    for (let row = 0; row < added; row++) insert.run(`another ${row}`);
    await expect(catchupOn(db).run(copy)).rejects.toMatchObject(refused);
    await expect(catchupOn(db, { batchSize: 1 }).run(copy)).rejects.toThrow(/AUTOINCREMENT/);
    expect(doneIds(db)).toEqual(upTo(5));
  });

  test.each([
    ['rows before the last one were deleted', plain, 'DELETE FROM events WHERE id < 5'],
    ['a column was added', plain, 'ALTER TABLE events ADD COLUMN more DEFAULT 7'],
    ['rows before the last one were changed', plain, `UPDATE events SET body = 'x' WHERE id < 5`],
    ['all rows were deleted', autoincrement, 'DELETE FROM events'],
    ['all rows were deleted', `integer primary key /* no comment */ autoincrement`, 'DELETE FROM events'],
  ])('nothing is refused that loses nothing: %s (%s)', async (_, idType, sql) => {
    const db = await processed(idType);
    db.exec(sql);
    expect(await catchupOn(db).run(copy)).toBe(0);
    append(db, 3);
    expect(await catchupOn(db).run(copy)).toBe(3);
    expect(doneIds(db)).toEqual(upTo(8));
  });

  test.each([
    ['sqlite_sequence was emptied', 'DELETE FROM events; DELETE FROM sqlite_sequence'],
    ['the table was made anew', `DROP TABLE events; CREATE TABLE events (id ${autoincrement}, body TEXT)`],
  ])('with AUTOINCREMENT: %s', async (_, sql) => {
    const db = await processed(autoincrement);
    db.exec(sql);
    append(db, 3);
    await expect(catchupOn(db).run(copy)).rejects.toMatchObject(refused);
  });

  test('AUTOINCREMENT in a name or a comment is none', async () => {
    const db = newDatabase(`CREATE TABLE done (event, body);
      CREATE TABLE events (id INTEGER PRIMARY KEY, "autoincrement" TEXT, body TEXT DEFAULT 'autoincrement' /* AUTOINCREMENT */ -- AUTOINCREMENT
      )`);
    append(db, 3);
    await catchupOn(db).run(copy);
    db.exec('DELETE FROM events');
    await expect(catchupOn(db).run(copy)).rejects.toMatchObject(refused);
  });

  test('where SQLite can not tell the table: a maximum below the position', async () => {
    const db = eventLog(5, plain);
    const nextSql = 'SELECT id + 0 AS id, body FROM events WHERE id > @last AND id <= @max ORDER BY id';
    await catchupOn(db, { nextSql }).run(copy);
    db.exec('DELETE FROM events WHERE id < 5');
    expect(await catchupOn(db, { nextSql }).run(copy)).toBe(0);
    db.exec('DELETE FROM events');
    append(db, 3);
    await expect(catchupOn(db, { nextSql }).run(copy)).rejects.toMatchObject(refused);
  });

  test('a function that deletes the row which it has processed is found out', async () => {
    const db = eventLog(5, plain);
    const run = catchupOn(db).run((row) => {
      copy(row, db);
      db.prepare('DELETE FROM events WHERE id = ?').run(row.id);
    });
    await expect(run).rejects.toMatchObject(refused);
    append(db, 9);
    await expect(catchupOn(db).run(copy)).rejects.toMatchObject(refused);
    expect(doneIds(db)).toEqual(upTo(5));
  });

  test('a function may mark the row which it has processed', async () => {
    const db = eventLog(5, plain);
    await catchupOn(db).run((row) => db.prepare(`UPDATE events SET body = 'seen' WHERE id = ?`).run(row.id));
    append(db, 2);
    expect(await catchupOn(db).run(copy)).toBe(2);
  });

  test('the way on that the message shows: a new position, and AUTOINCREMENT', async () => {
    const db = await processed(plain);
    db.exec('DELETE FROM events');
    append(db, 2);
    await expect(catchupOn(db).run(copy)).rejects.toMatchObject(refused);
    db.exec(`
      CREATE TABLE fresh (id ${autoincrement}, body TEXT);
      INSERT INTO fresh SELECT * FROM events;
      DROP TABLE events;
      ALTER TABLE fresh RENAME TO events;
      UPDATE _rowtap_catchup SET position = 0, last_row = NULL WHERE name = 'c'`);
    expect(await catchupOn(db).run(copy)).toBe(2);
  });
});

describe('wrong use is refused before anything changes', () => {
  const config = { name: 'c', ...queries };

  test.each<[string, unknown, RegExp]>([
    ['no config', undefined, /an object/],
    ['no name', { ...queries }, /`name`/],
    ['an empty name', { ...config, name: ' ' }, /`name`/],
    ['no SQL', { ...config, nextSql: undefined }, /`nextSql`/],
    ['an unknown option', { ...config, size: 3 }, /`size`/],
    ['batches of nothing', { ...config, batchSize: 0 }, /`batchSize`/],
    ['batches of half a row', { ...config, batchSize: 1.5 }, /`batchSize`/],
  ])('%s', (_, given, message) => {
    expect(() => new Catchup(eventLog(), given as CatchupConfig)).toThrow(message);
    expect(() => new Catchup(eventLog(), given as CatchupConfig)).toThrow(expect.objectContaining({ code: 'ROWTAP_BAD_OPTION' }));
  });

  test('a database that positions can not be written to', () => {
    const path = newPath();
    eventLog(0, autoincrement, path);
    const reader = new Database(path, { readonly: true });
    onTestFinished(() => void reader.close());
    expect(() => new Catchup(reader, config)).toThrow(/read-only/);
    expect(() => new Catchup({} as Database, config)).toThrow(/Database of rowtap's/);
  });

  test('inside a transaction, without a function, without a signal, after the end', async () => {
    const db = eventLog(3);
    const catchup = catchupOn(db);
    db.exec('BEGIN');
    await expect(catchup.run(copy)).rejects.toMatchObject({ code: 'ROWTAP_BUSY' });
    db.exec('COMMIT');
    const none = undefined as never;
    await expect(catchup.run(none)).rejects.toMatchObject({ code: 'ROWTAP_BAD_OPTION' });
    await expect(catchup.run(copy, { signal: {} as AbortSignal })).rejects.toMatchObject({ code: 'ROWTAP_BAD_OPTION' });
    await expect(catchup.follow(copy, none)).rejects.toMatchObject({ code: 'ROWTAP_BAD_OPTION' });
    expect(db.prepare(`SELECT count(*) FROM sqlite_schema WHERE name LIKE '\\_rowtap%' ESCAPE '\\'`).raw().get()).toEqual([0]);
    db.close();
    await expect(catchup.run(copy)).rejects.toMatchObject({ code: 'ROWTAP_CLOSED' });
    expect(() => catchup.position()).toThrow(expect.objectContaining({ code: 'ROWTAP_CLOSED' }));
    expect(() => Catchup.smallestPosition(db)).toThrow(expect.objectContaining({ code: 'ROWTAP_CLOSED' }));
  });

  test("SQL that SQLite refuses is SQLite's error", async () => {
    const db = newDatabase();
    await expect(catchupOn(db).run(copy as (row: Entry) => void)).rejects.toMatchObject({ code: 'SQLITE_ERROR' });
  });
});
