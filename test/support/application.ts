import { rmSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import type { Database } from 'rowtap';
import { outcomeOf } from './outcome.js';
import { type Command, commandArbitrary, propertySchema, statementOf } from './statement-generator.js';

/** Choices that `Application` turns into one call for the database that it meets. */
export interface Step {
  connection: number;
  kind: number;
  command: Command;
}

export const stepArbitrary: fc.Arbitrary<Step> = fc.record({
  connection: fc.nat(99),
  kind: fc.nat(99),
  command: commandArbitrary,
});

export interface Outcome {
  /** What was called, with the connection's number. */
  call: string;
  /** What it gave, and then, of its connection: inTransaction, changes(), total_changes(), last_insert_rowid(). */
  result: string;
  after: string;
}

const transactions = [
  'BEGIN',
  'BEGIN',
  'BEGIN IMMEDIATE',
  'BEGIN EXCLUSIVE',
  'COMMIT',
  'COMMIT',
  'COMMIT',
  'ROLLBACK',
  'SAVEPOINT a',
  'RELEASE a',
];
const schemaSql = "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name NOT GLOB '*_rowtap_*' ORDER BY rowid";
const questions = [
  schemaSql,
  'SELECT * FROM sqlite_sequence',
  "SELECT * FROM sqlite_stat1 WHERE tbl NOT GLOB '_rowtap_*' ORDER BY 1, 2, 3",
  "SELECT * FROM pragma_table_list WHERE name NOT GLOB '_rowtap_*' ORDER BY 1, 2",
  'SELECT name, file IS NULL FROM pragma_database_list',
  'SELECT * FROM pragma_foreign_key_check',
];
const pragmas = [
  'foreign_keys',
  'foreign_keys = ON',
  'foreign_keys = OFF',
  'defer_foreign_keys = ON',
  'user_version',
  'user_version = 7',
  'application_id = 3',
  'schema_version',
  'data_version',
  'data_version',
  'journal_mode',
  'journal_mode = WAL',
  'journal_mode = DELETE',
  'journal_mode = TRUNCATE',
  'journal_mode = MEMORY',
  'locking_mode',
  'locking_mode = EXCLUSIVE',
  'locking_mode = NORMAL',
  'synchronous',
  'synchronous = FULL',
  'busy_timeout',
  'busy_timeout = 0',
  'query_only = ON',
  'query_only = OFF',
  'query_only = OFF',
  'recursive_triggers = ON',
  'wal_autocheckpoint = 5',
  'wal_autocheckpoint',
  'wal_checkpoint',
  'wal_checkpoint(FULL)',
  'wal_checkpoint(RESTART)',
  'wal_checkpoint(TRUNCATE)',
  'wal_checkpoint(TRUNCATE)',
  'integrity_check',
  'foreign_key_check',
  'encoding',
  'page_size',
];
const elsewhere = [
  "ATTACH '<second>' AS second",
  "ATTACH '<second>' AS second",
  'DETACH second',
  'CREATE TABLE second.s (x, y UNIQUE)',
  'INSERT INTO second.s VALUES (1, random() * 0)',
  'INSERT OR REPLACE INTO second.s VALUES (2, 2), (3, 3)',
  'UPDATE second.s SET x = x + 1',
  'SELECT * FROM second.s',
  'DELETE FROM second.s WHERE 1',
  'CREATE TEMP TABLE scratch (x INTEGER PRIMARY KEY, y)',
  'INSERT INTO scratch (y) SELECT id FROM r',
  'SELECT * FROM scratch',
  'CREATE TEMP TRIGGER echo AFTER INSERT ON r BEGIN INSERT INTO scratch (y) VALUES (new.id); END',
  'DROP TABLE temp.scratch',
  'CREATE VIEW seen AS SELECT id, a FROM r',
  'SELECT * FROM seen',
  'CREATE VIRTUAL TABLE words USING fts5 (w)',
  "INSERT INTO words VALUES ('one'), ('two')",
  "SELECT w FROM words WHERE words MATCH 'one'",
];

const mostIterators = 3;

/**
 * DELETE without WHERE clears the table at once, and is a commit though the table was empty, where it is not captured; with a condition it
 * deletes row by row (https://www.sqlite.org/lang_delete.html#the_truncate_optimization). An application can notice the commit that is
 * missing: what these scripts compare would differ from there on.
 */
function withCondition(sql: string): string {
  return /^DELETE FROM "[^"]*"$/.test(sql) ? `${sql} WHERE 1` : sql;
}

/**
 * One application with several connections to one file, in one thread: transactions that interleave, statements that fail, iterations left
 * open. The same steps give the same outcomes, whoever looks on.
 */
export class Application {
  readonly connections: Database[];
  readonly #folder: string;
  readonly #open: (path: string) => Database;
  readonly #iterators: { at: number; rows: IterableIterator<unknown> }[] = [];

  /** `folder` holds a `test.db` or nothing, and is removed in the end. */
  constructor(folder: string, open: (path: string) => Database, connections: number, mode: string) {
    this.#folder = folder;
    this.#open = open;
    open(join(folder, 'second.db')).exec('PRAGMA user_version = 1').close();
    this.connections = Array.from({ length: connections }, () => open(this.path));
    const [first] = this.connections;
    first?.pragma(`journal_mode = ${mode}`);
    first?.exec(propertySchema);
    for (const connection of this.connections) connection.exec('PRAGMA foreign_keys = ON; PRAGMA synchronous = OFF').unsafeMode();
  }

  get path(): string {
    return join(this.#folder, 'test.db');
  }

  act(step: Step): Outcome {
    const at = step.connection % this.connections.length;
    const db = this.connections[at] as Database;
    let call = '';
    const result = outcomeOf(() => {
      const [text, run] = this.#callOf(step, at, db);
      call = text;
      return run();
    });
    return { call: `${at} ${call}`, result, after: this.#stateOf(this.connections[at] as Database) };
  }

  /** All that the file holds, when everything that was open has been undone. */
  contents(): string[] {
    this.#close();
    const db = this.#open(this.path);
    const names = db.prepare(schemaSql).all() as { type: string; name: string }[];
    const tables = names.filter(({ type, name }) => type === 'table' && !name.startsWith('sqlite_'));
    const contents = tables.map(({ name }) =>
      outcomeOf(() => [
        name,
        db
          .prepare(`SELECT * FROM "${name.replaceAll('"', '""')}"`)
          .safeIntegers()
          .all(),
      ]),
    );
    contents.push(
      outcomeOf(() => names),
      outcomeOf(() => db.pragma('integrity_check')),
      outcomeOf(() => db.pragma('journal_mode')),
    );
    db.close();
    return contents;
  }

  end(): void {
    this.#close();
    rmSync(this.#folder, { recursive: true });
  }

  #close(): void {
    for (const { rows } of this.#iterators.splice(0)) outcomeOf(() => rows.return?.());
    for (const connection of this.connections) connection.close();
  }

  #stateOf(db: Database): string {
    const counts = outcomeOf(() => db.prepare('SELECT changes(), total_changes(), last_insert_rowid()').raw().safeIntegers().get());
    return `${db.inTransaction} ${counts}`;
  }

  #callOf({ kind, command }: Step, at: number, db: Database): [call: string, run: () => unknown] {
    let next = 11;
    const choose = <T>(list: readonly T[]): T => list[(command.choices[next--] as number) % list.length] as T;
    const runSql = (sql: string): [string, () => unknown] => [
      sql,
      () => this.#run(db, sql.replace('<second>', join(this.#folder, 'second.db'))),
    ];
    if (kind < 42) {
      const sql = withCondition(statementOf(db, command));
      return choose([0, 1, 2]) === 0
        ? [`exec ${sql}`, () => db.exec(sql).inTransaction]
        : runSql(this.#isReturning(sql, choose([0, 1, 2])));
    }
    if (kind < 60) return runSql(choose(transactions));
    if (kind < 68) return runSql(choose(questions));
    if (kind < 74) return this.#iteration(choose([0, 1, 2, 3]), at, db, statementOf(db, command), choose);
    if (kind < 86) return runSql(`PRAGMA ${choose(pragmas)}`);
    if (kind < 92) return runSql(choose(elsewhere));
    if (kind < 94) return runSql(choose(['VACUUM', 'ANALYZE', 'REINDEX']));
    if (kind < 96) {
      const values = [choose([1, 2, 3]), choose([null, 1.5, 2n ** 60n, Buffer.alloc(choose([0, 10, 5000]), 7)])];
      const sql = `INSERT OR ${choose(['REPLACE', 'ABORT', 'FAIL'])} INTO r (id, a) VALUES (?, ?) RETURNING *`;
      return [
        `${sql} ${outcomeOf(() => values)}`,
        () =>
          db
            .prepare(sql)
            .safeIntegers()
            .all(...values),
      ];
    }
    if (kind < 98) return this.#transaction(db, withCondition(statementOf(db, command)), choose([true, false, false]));
    return ['close and open', () => this.#reopen(at)];
  }

  #isReturning(sql: string, choice: number): string {
    return choice === 0 && /^(?:INSERT|UPDATE|DELETE) /.test(sql) ? `${sql} RETURNING *` : sql;
  }

  #run(db: Database, sql: string): unknown {
    const statement = db.prepare(sql);
    if (statement.reader) return statement.safeIntegers().all();
    const { changes, lastInsertRowid } = statement.run();
    return { changes, isLastRowid: lastInsertRowid === db.prepare('SELECT last_insert_rowid()').pluck().get() };
  }

  #transaction(db: Database, sql: string, isThrowing: boolean): [string, () => unknown] {
    const work = db.transaction(() => {
      const { changes } = db.prepare(sql).run();
      if (isThrowing) throw new RangeError('thrown by the application');
      return changes;
    });
    return [`transaction: ${sql}${isThrowing ? ', and throw' : ''}`, () => work()];
  }

  #iteration(choice: number, at: number, db: Database, sql: string, choose: <T>(list: readonly T[]) => T): [string, () => unknown] {
    const isFull = this.#iterators.length >= mostIterators;
    if (this.#iterators.length === 0 || (choice === 0 && !isFull)) {
      const opened =
        /^INSERT .* INTO /.test(sql) && !sql.includes('ON CONFLICT DO')
          ? `${sql} RETURNING *`
          : `SELECT * FROM ${choose(['r', 'log', 'p', 'k'])}`;
      return [
        `open ${opened}`,
        () => {
          const rows = db.prepare(opened).safeIntegers().iterate();
          const first = rows.next();
          if (first.done !== true) this.#iterators.push({ at, rows });
          return first;
        },
      ];
    }
    const slot = choose([0, 1, 2]) % this.#iterators.length;
    const { rows, at: owner } = this.#iterators[slot] as { at: number; rows: IterableIterator<unknown> };
    if (choice < 3) {
      return [
        `next of ${owner}`,
        () => {
          let isOpen = false;
          try {
            const row = rows.next();
            isOpen = row.done !== true;
            return row;
          } finally {
            if (!isOpen) this.#iterators.splice(slot, 1);
          }
        },
      ];
    }
    return [
      `return of ${owner}`,
      () => {
        this.#iterators.splice(slot, 1);
        return rows.return?.();
      },
    ];
  }

  #reopen(at: number): unknown {
    this.connections[at]?.close();
    const db = this.#open(this.path).unsafeMode();
    this.connections[at] = db;
    // SQLite opens the file at the first read. Where nobody has it open, its count of commits begins anew in WAL mode, which rowtap can't tell
    // from somebody else's commits.
    outcomeOf(() => db.prepare(schemaSql).all());
    return db.inTransaction;
  }
}
