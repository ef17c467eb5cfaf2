import type { Database } from 'rowtap';
import { expect } from 'vitest';
import { type FaultScript, plain } from './fault-scripts.js';
import { Thrown } from './thrown.js';

const long = 'an entry that is longer than what SQLite keeps at hand, äöü 日本 🎈, '.repeat(8);

const texts = ['one', 'zwei für äöü', long, 'NUL \0 in it', '🎈', ''];

/** However it is read: all of it, or an error. */
function expectRows(db: Database, sql: string, rows: readonly unknown[]): void {
  const statement = db.prepare(sql);
  const all = rows.map((b) => ({ b }));
  expect(statement.all()).toEqual(all);
  expect([...statement.iterate()]).toEqual(all);
  expect(statement.get()).toEqual(all[0]);
  expect([...statement.raw().iterate()]).toEqual(rows.map((b) => [b]));
  expect([...statement.pluck().iterate()]).toEqual(rows);
  expect(statement.get()).toEqual(rows[0]);
}

function unlessTwo(value: unknown): unknown {
  if (value === 'two') throw new Thrown('two is refused');
  return value;
}

/** Statements that call JavaScript, which reads the same database by another connection, returns what needs memory, and throws. */
export const userCodeScripts: FaultScript[] = [
  {
    name: 'functions that read the database',
    setup: `${plain};
      CREATE TABLE marks (what, k);
      CREATE TRIGGER marked AFTER INSERT ON w WHEN new.k > 'b' BEGIN INSERT INTO marks VALUES (looked_up('a'), told(new.k, new.v)); END`,
    equip: (db, reader) => {
      db.function('looked_up', (k) => reader.prepare('SELECT v FROM w WHERE k = ?').pluck().get(k));
      db.function('told', { varargs: true }, (...all) => all.join(' and ') + long);
    },
    steps: [
      "INSERT INTO t VALUES (10, looked_up('a')), (11, looked_up('b'))",
      "INSERT INTO w VALUES ('c', 3), ('d', 4)",
      'BEGIN',
      "INSERT INTO t (a) SELECT looked_up(k) || v FROM w WHERE k < 'c'",
      "UPDATE t SET a = told(looked_up('b'), a) WHERE id < 3",
      (db) => {
        db.prepare('INSERT INTO t VALUES (50, told(?, ?, zeroblob(9), 1.5)) RETURNING a').get('x', 5n);
      },
      'COMMIT',
      (db) => {
        db.prepare("DELETE FROM t WHERE id = looked_up(?) RETURNING told(id, a, 'gone')").all('a');
      },
    ],
    finish: "SELECT looked_up('a'), told(1, 2)",
  },
  {
    name: 'functions that throw',
    setup: `${plain};
      CREATE TRIGGER watched AFTER INSERT ON w BEGIN UPDATE t SET a = unless_two(new.v) WHERE id = 1; END`,
    equip: (db) => {
      db.function('unless_two', unlessTwo);
    },
    steps: [
      'INSERT INTO t (a) SELECT unless_two(a) FROM t ORDER BY id',
      "INSERT INTO w VALUES ('c', 3), ('d', 'two')",
      'BEGIN',
      "INSERT INTO t VALUES (12, 'twelve')",
      'UPDATE t SET a = unless_two(a) || 1',
      'INSERT OR FAIL INTO t (a) SELECT unless_two(a) FROM t ORDER BY id',
      'SAVEPOINT s',
      "INSERT OR REPLACE INTO w VALUES ('a', 5), ('b', 'two')",
      'ROLLBACK TO s',
      "INSERT INTO w VALUES ('e', 'one')",
      'COMMIT',
      (db) => {
        for (const row of db.prepare('DELETE FROM t RETURNING unless_two(a)').raw().iterate()) if (row === undefined) return;
      },
      'DELETE FROM t WHERE unless_two(a) IS NULL OR id > 10',
    ],
    finish: "SELECT unless_two('one')",
  },
  {
    name: 'aggregates',
    setup: plain,
    equip: (db) => {
      db.aggregate('joined', {
        start: () => [] as unknown[],
        step: (total: unknown[], value) => {
          total.push(value);
        },
        result: (total) => total.join() + long,
      });
      db.aggregate('sum_of_two', {
        start: 0,
        step: (total: number, value: number) => total + value,
        inverse: (total: number, value: number) => total - value,
      });
      db.aggregate('none_is_two', { start: null, step: (_: unknown, value) => unlessTwo(value) });
    },
    steps: [
      'INSERT INTO t (a) SELECT joined(a) FROM t GROUP BY id % 2',
      "INSERT INTO w SELECT 'k' || id, sum_of_two(id) OVER (ORDER BY id ROWS 1 PRECEDING) FROM t",
      'INSERT INTO t (a) SELECT none_is_two(a) FROM t GROUP BY a ORDER BY a',
      'BEGIN',
      'UPDATE w SET v = (SELECT sum_of_two(id) FROM t WHERE id < 4) WHERE v > 2',
      'UPDATE t SET a = (SELECT none_is_two(a) FROM t)',
      'COMMIT',
    ],
    finish: 'SELECT joined(a), sum_of_two(id) FROM t; SELECT sum_of_two(id) OVER (ORDER BY id ROWS 1 PRECEDING) FROM t',
  },
  {
    name: 'tables in JavaScript',
    setup: plain,
    equip: (db, reader) => {
      db.table('entries', {
        columns: ['n', 'k', 'text'],
        parameters: ['most', 'refused'],
        *rows(most = 2, refused = null) {
          let n = 0;
          for (const k of reader.prepare("SELECT k FROM w WHERE k < 'c' ORDER BY k").pluck().all()) {
            if (k === refused) throw new Thrown(`${String(k)} is refused`);
            if (n++ < most) yield [n, k, long];
          }
        },
      });
      db.table('numbers', (last) => ({
        columns: ['n'],
        *rows() {
          for (let n = 1; n <= Number(last); n++) yield { n };
        },
      }));
    },
    steps: [
      'INSERT INTO t SELECT n + 10, text FROM entries',
      "INSERT INTO t SELECT n + 20, text FROM entries(2, 'b')",
      'CREATE VIRTUAL TABLE temp.four USING numbers(4)',
      // Amid a transaction SQLite does not undo an UPDATE that a virtual table has failed.
      'UPDATE t SET a = (SELECT text FROM entries(2, t.a)) WHERE id < 4',
      "UPDATE w SET v = (SELECT max(n) FROM entries(2, w.k)) WHERE k < 'n'",
      'BEGIN',
      "INSERT INTO w SELECT 'n' || four.n || entries.k, text FROM four, entries(four.n)",
      "INSERT INTO t SELECT n + 30, text FROM entries(2, 'b')",
      'DELETE FROM t WHERE a IN (SELECT text FROM entries(1))',
      'COMMIT',
      'DROP TABLE IF EXISTS temp.four',
    ],
    finish: 'SELECT * FROM entries(1); CREATE VIRTUAL TABLE temp.two USING numbers(2); SELECT * FROM two',
  },
  ...(['UTF-8', 'UTF-16le'] as const).map(
    (encoding): FaultScript => ({
      name: `values in ${encoding}`,
      encoding,
      setup: `${plain}; CREATE TABLE texts (id INTEGER PRIMARY KEY, b); CREATE INDEX by_b ON texts (b COLLATE NOCASE)`,
      equip: (db) => {
        db.function('with_length', (value) => {
          expect([...texts, null]).toContain(value);
          return value === null ? null : `${value as string}: ${(value as string).length}`;
        });
      },
      steps: [
        (db) => {
          db.prepare('INSERT INTO texts (b) VALUES (?), (?), (?), (?), (?), (?)').run(...texts);
        },
        (db) => {
          const rows = db.prepare('SELECT count(*) FROM texts').pluck().get() as number;
          expectRows(db, 'SELECT b FROM texts ORDER BY id', texts.slice(0, rows));
        },
        (db) => {
          const nuls = '\0'.repeat(200);
          expectRows(db, 'SELECT CAST(zeroblob(200) AS TEXT) AS b UNION ALL SELECT hex(zeroblob(2))', [nuls, '0000']);
          expectRows(db, "SELECT zeroblob(90) AS b UNION ALL SELECT x'01'", [Buffer.alloc(90), Buffer.of(1)]);
        },
        'BEGIN',
        'INSERT INTO t (a) SELECT with_length(b) FROM texts ORDER BY id',
        'UPDATE texts SET b = with_length(b) WHERE id < 4',
        (db) => {
          db.prepare('INSERT INTO w VALUES (?, ?)').run(long, long);
        },
        'COMMIT',
      ],
      finish: 'SELECT with_length(NULL)',
    }),
  ),
];
