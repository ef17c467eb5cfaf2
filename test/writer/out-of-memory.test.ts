import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Database, SqliteError } from '../../lib/index.js';
import { allocateSingly, clearAllocationFaults, countAllocations, failAllocation } from '../support/allocation-faults.js';
import { nativeConnectionOf } from '../support/native-connection.js';
import { open, temporaryPath } from './drivers.js';

const rowtap = { name: 'rowtap', Database, SqliteError };
const short = 'zwei, äöü 🎈';
const long = short.repeat(500);

afterEach(clearAllocationFaults);

/** With each allocation of `act` failing, once and from then on: what it gives is what it gives where none fails, or it throws SQLITE_NOMEM. */
function failEach(act: () => unknown): number {
  // What is done once is done.
  act();
  const expected = act();
  clearAllocationFaults();
  act();
  const { asked } = countAllocations();
  let thrown = 0;
  for (const isPersistent of [false, true]) {
    for (let after = 0; after < asked; after++) {
      failAllocation(after, isPersistent);
      let given: unknown;
      try {
        given = act();
      } catch (error) {
        given = expected;
        thrown++;
        expect(error).toBeInstanceOf(SqliteError);
        expect(error).toMatchObject({ code: 'SQLITE_NOMEM', message: 'out of memory' });
      } finally {
        clearAllocationFaults();
      }
      expect(given, `allocation ${after}${isPersistent ? ' and all that follow' : ''}`).toEqual(expected);
    }
  }
  expect(act()).toEqual(expected);
  return thrown;
}

describe.each(['UTF-8', 'UTF-16le'])('without memory, in %s, a value is what it is, or there is an error:', (encoding) => {
  function opened(): Database {
    const db = open(rowtap, `PRAGMA encoding = '${encoding}'; CREATE TABLE t (id INTEGER PRIMARY KEY, a, b)`);
    db.prepare('INSERT INTO t (a, b) VALUES (?, ?), (?, ?)').run(short, Buffer.from(short), long, Buffer.from(long));
    allocateSingly(nativeConnectionOf(db));
    return db;
  }
  /** Their columns are `a` and `b`. */
  const queries = [
    'SELECT * FROM t ORDER BY id',
    "SELECT a || 'x' AS a, CAST(b AS TEXT) AS b FROM t ORDER BY id DESC",
    "SELECT CAST(x'c3a46100' AS TEXT) AS a, zeroblob(9) AS b UNION ALL SELECT CAST(zeroblob(4000) AS TEXT), zeroblob(9000)",
  ];

  it.each(queries)('read by %s', (sql) => {
    const db = opened();
    for (const shape of ['flat', 'pluck', 'raw', 'expand'] as const) {
      for (const columns of ['a, b', 'b, a']) {
        const statement = db.prepare(`SELECT ${columns} FROM (${sql})`);
        if (shape !== 'flat') statement[shape]();
        const expected = statement.all();
        failEach(() => statement.get());
        failEach(() => statement.all());
        failEach(() => {
          let rows = 0;
          for (const row of statement.iterate()) expect(row).toEqual(expected[rows++]);
          return rows;
        });
      }
    }
  });

  it('bound', () => {
    const db = opened();
    const statement = db.prepare('SELECT length(?) + length(?) + length(?)').pluck();
    const kept = db.prepare('SELECT ? AS a');
    expect(failEach(() => statement.get(short, long, Buffer.from(long)))).toBeGreaterThan(0);
    expect(failEach(() => kept.all(long))).toBeGreaterThan(0);
    expect(failEach(() => db.prepare('SELECT ? AS a').bind(long).get())).toBeGreaterThan(0);
  });

  it('serialized, and opened from a Buffer', () => {
    const path = temporaryPath();
    open(rowtap, `PRAGMA encoding = '${encoding}'; CREATE TABLE t (a)`, path);
    expect(
      failEach(() => {
        const db = new Database(path);
        try {
          return db.serialize().toString('latin1');
        } finally {
          db.close();
        }
      }),
    ).toBeGreaterThan(0);
    const content = opened().serialize();
    expect(
      failEach(() => {
        const db = new Database(content);
        try {
          return db.prepare('SELECT a FROM t').pluck().all();
        } finally {
          db.close();
        }
      }),
    ).toBeGreaterThan(0);
  });

  it('handed to functions, aggregates and tables, and returned by them', () => {
    const db = opened();
    const seen = new Set<unknown>();
    const values = [short, long, `${short}x`, `${long}x`];
    const look = (value: unknown): unknown => {
      if (!values.includes(value as string)) seen.add(value);
      return value;
    };
    db.function('same', look);
    db.function('blob', (value: Buffer) => {
      if (value.length !== 9000) seen.add(value);
      return value;
    });
    db.aggregate('last', { start: null, step: (_: unknown, value: unknown) => look(value) });
    db.table('given', {
      columns: ['v'],
      *rows(value) {
        yield [look(value)];
        yield { v: value };
      },
    });
    for (const sql of [
      "SELECT same(a) FROM t UNION ALL SELECT same(a || 'x') FROM t",
      'SELECT length(blob(zeroblob(9000)))',
      'SELECT last(a) FROM t GROUP BY id',
      'SELECT last(a) OVER (ORDER BY id) FROM t',
      'SELECT v FROM t, given(t.a)',
      "SELECT v FROM given((SELECT a || 'x' FROM t WHERE id = 1))",
    ]) {
      if (sql.includes('OVER'))
        db.aggregate('last', {
          start: null,
          step: (_: unknown, value: unknown) => look(value),
          inverse: (total: unknown) => total,
        });
      const statement = db.prepare(sql).raw();
      expect(
        failEach(() => statement.all()),
        sql,
      ).toBeGreaterThan(0);
      failEach(() => [...statement.iterate()]);
    }
    expect([...seen]).toEqual([]);
  });

  it('keeps no total of a group and no generator of a table whose statement has failed', async () => {
    const db = opened();
    const seen: WeakRef<object>[] = [];
    const noticed = <Value extends object>(value: Value): Value => {
      seen.push(new WeakRef(value));
      return value;
    };
    const step = (total: { last?: unknown }, value: unknown): void => void (total.last = value);
    db.aggregate('last', { start: () => noticed<{ last?: unknown }>({}), step, inverse: step, result: ({ last }) => last });
    db.table('given', {
      columns: ['v'],
      *rows(value) {
        const held = noticed({ value });
        yield [held.value];
        yield [value];
      },
    });
    for (const sql of [
      'SELECT last(a) FROM t GROUP BY id',
      'SELECT last(a) OVER (ORDER BY id ROWS 1 PRECEDING) FROM t',
      "SELECT v || 'x' FROM t, given(t.a)",
      'INSERT INTO t (a) SELECT last(v) FROM given(1) GROUP BY v',
    ]) {
      const statement = db.prepare(sql);
      expect(failEach(() => (statement.reader ? statement.raw().all() : statement.run().changes))).toBeGreaterThan(0);
    }
    expect(seen.length).toBeGreaterThan(100);
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    await vi.waitFor(
      () => {
        collect();
        expect(seen.filter((each) => each.deref() !== undefined)).toHaveLength(0);
      },
      { timeout: 20_000 },
    );
  });
});
