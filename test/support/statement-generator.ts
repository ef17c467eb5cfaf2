import fc from 'fast-check';
import type { Database } from 'rowtap';

/** Choices that `statementOf` turns into SQL for the schema that it meets: numbers, so that fast-check can shrink them. */
export interface Command {
  kind: number;
  table: number;
  choices: number[];
}

export const commandArbitrary: fc.Arbitrary<Command> = fc.record({
  kind: fc.nat(99),
  table: fc.nat(99),
  choices: fc.array(fc.nat(999), { minLength: 12, maxLength: 12 }),
});

export const propertySchema = `
  CREATE TABLE r (id INTEGER PRIMARY KEY, a UNIQUE, n INTEGER CHECK (n >= 0 OR n IS NULL), t TEXT NOT NULL DEFAULT 'd');
  CREATE TABLE w (k TEXT COLLATE NOCASE PRIMARY KEY, v REAL, u UNIQUE) WITHOUT ROWID;
  CREATE TABLE c (a, b TEXT, v, PRIMARY KEY (b, a));
  CREATE TABLE cw (v, a INT, b INT, PRIMARY KEY (b DESC, a)) WITHOUT ROWID;
  CREATE TABLE k (a, b REAL);
  CREATE TABLE g (x TEXT, id INTEGER PRIMARY KEY, s AS (x || '!') STORED, v AS (id * 2), y REAL);
  CREATE TABLE p (id INTEGER PRIMARY KEY, name UNIQUE ON CONFLICT FAIL);
  CREATE TABLE ch (id INTEGER PRIMARY KEY AUTOINCREMENT, p REFERENCES p (id) ON DELETE CASCADE ON UPDATE CASCADE,
    q REFERENCES p (id) ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED);
  CREATE TABLE log (x, y);
  CREATE TRIGGER r_insert AFTER INSERT ON r BEGIN INSERT INTO log VALUES ('r', new.id); END;
  CREATE TRIGGER r_update BEFORE UPDATE ON r WHEN new.n > 5 BEGIN
    INSERT INTO log VALUES ('n', new.n);
    SELECT CASE new.n WHEN 6 THEN RAISE(ABORT, 'abort') WHEN 7 THEN RAISE(FAIL,
      'fail') WHEN 8 THEN RAISE(IGNORE) WHEN 9 THEN RAISE(ROLLBACK, 'rollback') END;
  END;
  CREATE TRIGGER w_delete AFTER DELETE ON w BEGIN UPDATE r SET n = n + 1 WHERE id < 3; END;
  CREATE TRIGGER g_insert AFTER INSERT ON g BEGIN INSERT OR REPLACE INTO w VALUES (new.x, new.id, new.y); END;
  CREATE TRIGGER cw_insert BEFORE INSERT ON cw WHEN new.v = 'b' BEGIN DELETE FROM k WHERE a = new.a; INSERT INTO p (name) VALUES (new.b);
    END;
`;

const values = [
  'NULL',
  '0',
  '1',
  '2',
  '3',
  '4',
  '5',
  '6',
  '7',
  '8',
  '9',
  '-1',
  '1.5',
  '5.0',
  "'a'",
  "'A'",
  "'b'",
  "'5'",
  "''",
  "x''",
  "x'00ff'",
  '9007199254740993',
  '-9223372036854775808',
  '1e300',
  "'äß漢😀'",
  "'x' || char(0) || 'y'",
  'hex(zeroblob(700))',
  'zeroblob(3000)',
];
const conflicts = ['', '', 'OR REPLACE', 'OR IGNORE', 'OR FAIL', 'OR ABORT', 'OR ROLLBACK'];
const savepoints = ['a', 'a', 'b', 'A', '"ä"'];
const declarations = ['', 'REAL DEFAULT 5', "TEXT DEFAULT 'x'", 'INT NOT NULL DEFAULT 3', 'AS (1) VIRTUAL'];
const comparisons = ['=', '<', '>', 'IS', '<>'];
const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** SQL of one statement that the command means in the database as it is now. Many of them fail, as they should. */
export function statementOf(db: Database, command: Command): string {
  let next = 0;
  const choose = <T>(list: readonly T[]): T => list[(command.choices[next++ % command.choices.length] as number) % list.length] as T;
  const tables = db
    .prepare(
      `SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT GLOB 'sqlite_*'
        AND name NOT GLOB '_rowtap*' ORDER BY name`,
    )
    .pluck()
    .all() as string[];
  const table = tables[command.table % Math.max(1, tables.length)];
  const { kind } = command;
  if (table === undefined || kind >= 98)
    return `CREATE TABLE ${choose(['n1', 'n2', 'n3'])} (${choose(['id INTEGER PRIMARY KEY, z', 'z, y', 'z PRIMARY KEY, y'])})`;
  const columns = db.prepare('SELECT name FROM pragma_table_xinfo(?) WHERE hidden = 0 ORDER BY cid').pluck().all(table) as string[];
  const column = (): string => quoted(choose(columns));
  const value = (): string => choose(values);
  const row = (): string => `(${columns.map(value).join(', ')})`;
  const rows = (): string => Array.from({ length: choose([1, 1, 2, 3]) }, row).join(', ');
  const where = (): string => (choose([0, 1, 2, 3]) === 0 ? '' : ` WHERE ${column()} ${choose(comparisons)} ${value()}`);
  const limit = (): string => choose(['', '', ` LIMIT ${choose([1, 2])}`, ` ORDER BY ${column()} LIMIT 2 OFFSET 1`]);
  const into = `${quoted(table)} (${columns.map(quoted).join(', ')})`;

  if (kind < 30) return `INSERT ${choose(conflicts)} INTO ${into} VALUES ${rows()}`;
  if (kind < 45)
    return `UPDATE ${choose(conflicts)} ${quoted(table)} SET ${column()} = ${choose([value(), `${column()} + 1`, column()])}${where()}${limit()}`;
  if (kind < 54) return `DELETE FROM ${quoted(table)}${where()}${limit()}`;
  if (kind < 60) {
    const update = `UPDATE SET ${column()} = ${value()}, ${column()} = excluded.${column()}`;
    return `INSERT INTO ${into} VALUES ${rows()} ON CONFLICT DO ${choose(['NOTHING', update])}`;
  }
  if (kind < 64) {
    const selected = columns.map(() => choose([column(), value()])).join(', ');
    return `INSERT ${choose(conflicts)} INTO ${into} SELECT ${selected} FROM ${quoted(table)} LIMIT 20`;
  }
  if (kind < 70) return `SAVEPOINT ${choose(savepoints)}`;
  if (kind < 76) return `ROLLBACK TO ${choose(savepoints)}`;
  if (kind < 80) return `RELEASE ${choose(savepoints)}`;
  if (kind < 81) return `PRAGMA defer_foreign_keys = ${choose(['ON', 'OFF'])}`;
  if (kind < 84) return `ALTER TABLE ${quoted(table)} ADD COLUMN ${choose(['e1', 'e2'])} ${choose(declarations)}`;
  if (kind < 86) return `ALTER TABLE ${quoted(table)} DROP COLUMN ${column()}`;
  if (kind < 88) return `ALTER TABLE ${quoted(table)} RENAME COLUMN ${column()} TO ${choose(['f1', 'f2', 'A'])}`;
  if (kind < 89) return `ALTER TABLE ${quoted(table)} RENAME TO ${choose(['n1', 'n2', 'r', 'k'])}`;
  if (kind < 91)
    return `CREATE TABLE ${choose(['n1', 'n2', 'n3'])} AS SELECT ${column()}, ${column()} AS z FROM ${quoted(table)}${where()}`;
  if (kind < 93) return `DROP TABLE ${choose(['n1', 'n2', 'n3', quoted(table)])}`;
  if (kind < 95) return `CREATE ${choose(['', 'UNIQUE'])} INDEX ${choose(['i1', 'i2'])} ON ${quoted(table)} (${column()})`;
  if (kind < 96) return `DROP INDEX ${choose(['i1', 'i2'])}`;
  return choose(['VACUUM', 'ANALYZE', 'REINDEX', 'PRAGMA user_version = 3', 'PRAGMA foreign_keys = ON', 'SELECT 1']);
}
