/**
 * What the writer is measured by against better-sqlite3: that driver's own published trials, for each type of value and for a mixed row, and then what an
 * application does besides, down to the smallest call.
 */
import type { BenchDatabase, BenchStatement } from './contestants.js';
import type { Work, Workload } from './workloads.js';

/** What a trial has read last, so that no compiler can find out that nobody wants it. */
export let kept: unknown;

/** `entryBytes` is the log comparison's. */
function trial(name: string, prepare: (database: BenchDatabase) => Work): Workload {
  return { name, entryBytes: 0, prepare };
}

/** A slice is `count` times `once`. */
function repeated(count: number, once: (at: number) => unknown): Work {
  let at = 0;
  return {
    run() {
      for (let left = count; left > 0; left--) kept = once(at++);
      return count;
    },
  };
}

interface Kind {
  name: string;
  columns: string;
  values: unknown[];
  /** A large row is one that costs more than the calls around it: a slice has so many times fewer of them. */
  isLarge?: boolean;
}

const text = 'this is the text';
const blob = Buffer.from('this is the blob');

const kinds: Kind[] = [
  { name: 'nulls', columns: 'nul', values: [null] },
  { name: 'integers', columns: 'whole INTEGER', values: [0x7fffffff] },
  { name: 'reals', columns: 'real REAL', values: [1 / 3] },
  { name: 'texts', columns: 'text TEXT', values: [text] },
  { name: 'texts beyond ASCII', columns: 'text TEXT', values: ['this is the téxt €'] },
  { name: 'blobs', columns: 'blob BLOB', values: [blob] },
  { name: 'a mixed row', columns: 'nul, whole INTEGER, real REAL, text TEXT', values: [null, 0x7fffffff, 1 / 3, text] },
  { name: 'large texts', columns: 'text TEXT', values: [text.repeat(2048)], isLarge: true },
  { name: 'large blobs', columns: 'blob BLOB', values: [Buffer.concat(Array.from({ length: 2048 }, () => blob))], isLarge: true },
];

const columnNames = (columns: string): string => columns.replaceAll(/ [A-Z]+/g, '');
const rows = 1000;

/** `count` rows of it. Returns the statement that inserts one. */
function fill(database: BenchDatabase, { columns, values }: Kind, count = rows): BenchStatement {
  database.exec(`CREATE TABLE filled (${columns})`);
  const insert = database.prepare(`INSERT INTO filled (${columnNames(columns)}) VALUES (${values.map(() => '?').join(', ')})`);
  database.exec('BEGIN');
  for (let row = 0; row < count; row++) insert.run(...values);
  database.exec('COMMIT');
  return insert;
}

/** Emptied before it has grown out of the page cache; seldom, and not measured. */
function emptied(database: BenchDatabase, mostRows: number, work: Work): Work {
  let count = 0;
  return {
    tidy() {
      if (count < mostRows) return 0;
      database.exec('DELETE FROM filled');
      count = 0;
      return 0;
    },
    run() {
      const added = work.run();
      count += added;
      return added;
    },
  };
}

function iterateAll(statement: BenchStatement, ...parameters: unknown[]): void {
  for (const row of statement.iterate(...parameters)) kept = row;
}

function ofKind(kind: Kind): Workload[] {
  const { name, columns, values, isLarge = false } = kind;
  const names = columnNames(columns);
  const page = `SELECT ${names} FROM filled WHERE rowid > ? LIMIT 100`;
  return [
    trial(`reading rows one by one, ${name}`, (database) => {
      fill(database, kind);
      const select = database.prepare(`SELECT ${names} FROM filled WHERE rowid = ?`);
      return repeated(isLarge ? 200 : 2000, (at) => select.get((at % rows) + 1));
    }),
    trial(`100 rows into an array, ${name}`, (database) => {
      fill(database, kind);
      const select = database.prepare(page);
      return repeated(isLarge ? 2 : 60, (at) => select.all((at * 100) % rows));
    }),
    trial(`iterating over 100 rows, ${name}`, (database) => {
      fill(database, kind);
      const select = database.prepare(page);
      return repeated(isLarge ? 2 : 40, (at) => iterateAll(select, (at * 100) % rows));
    }),
    trial(`inserting one by one, ${name}`, (database) => {
      const insert = fill(database, kind, 0);
      return emptied(
        database,
        isLarge ? 2000 : 100_000,
        repeated(isLarge ? 20 : 200, () => insert.run(...values)),
      );
    }),
    trial(`100 inserts in a transaction, ${name}`, (database) => {
      const insert = fill(database, kind, 0);
      const insertAll = database.transaction(() => {
        for (let row = 0; row < 100; row++) insert.run(...values);
      });
      return emptied(
        database,
        isLarge ? 20 : 1000,
        repeated(isLarge ? 1 : 20, () => insertAll()),
      );
    }),
  ];
}

const mixed: Kind = kinds.find(({ name }) => name === 'a mixed row') as Kind;
const pageOfMixed = 'SELECT nul, whole, real, text FROM filled WHERE rowid > ? LIMIT 100';
const oneOfMixed = 'SELECT nul, whole, real, text FROM filled WHERE rowid = ?';

/** On a table of mixed rows. */
function onMixed(name: string, prepare: (database: BenchDatabase) => Work): Workload {
  return trial(name, (database) => {
    fill(database, mixed);
    return prepare(database);
  });
}

const wide: Kind = {
  name: 'a row of 20 columns',
  columns: Array.from({ length: 20 }, (_, at) => `column${at}`).join(', '),
  values: Array.from({ length: 20 }, (_, at) => at),
};

const besides: Workload[] = [
  trial('get of a constant', (database) => {
    const select = database.prepare('SELECT 1 AS one');
    return repeated(2000, () => select.get());
  }),
  trial('get by a text key', (database) => {
    database.exec('CREATE TABLE keyed (name TEXT PRIMARY KEY, whole INTEGER) WITHOUT ROWID');
    const insert = database.prepare('INSERT INTO keyed VALUES (?, ?)');
    for (let row = 0; row < rows; row++) insert.run(`name ${row}`, row);
    const select = database.prepare('SELECT name, whole FROM keyed WHERE name = ?');
    return repeated(1500, (at) => select.get(`name ${at % rows}`));
  }),
  onMixed('get that finds nothing', (database) => {
    const select = database.prepare(oneOfMixed);
    return repeated(2000, () => select.get(-1));
  }),
  onMixed('pluck, get', (database) => {
    const select = database.prepare('SELECT whole FROM filled WHERE rowid = ?').pluck();
    return repeated(2000, (at) => select.get((at % rows) + 1));
  }),
  onMixed('pluck, get of a text', (database) => {
    const select = database.prepare('SELECT text FROM filled WHERE rowid = ?').pluck();
    return repeated(2000, (at) => select.get((at % rows) + 1));
  }),
  onMixed('pluck, 100 rows into an array', (database) => {
    const select = database.prepare('SELECT whole FROM filled WHERE rowid > ? LIMIT 100').pluck();
    return repeated(100, (at) => select.all((at * 100) % rows));
  }),
  onMixed('pluck, iterating over 100 rows', (database) => {
    const select = database.prepare('SELECT whole FROM filled WHERE rowid > ? LIMIT 100').pluck();
    return repeated(40, (at) => iterateAll(select, (at * 100) % rows));
  }),
  onMixed('raw, get', (database) => {
    const select = database.prepare(oneOfMixed).raw();
    return repeated(2000, (at) => select.get((at % rows) + 1));
  }),
  onMixed('raw, 100 rows into an array', (database) => {
    const select = database.prepare(pageOfMixed).raw();
    return repeated(60, (at) => select.all((at * 100) % rows));
  }),
  onMixed('expand, get', (database) => {
    const select = database.prepare(oneOfMixed).expand();
    return repeated(1000, (at) => select.get((at % rows) + 1));
  }),
  onMixed('expand, 100 rows into an array', (database) => {
    const select = database.prepare(pageOfMixed).expand();
    return repeated(30, (at) => select.all((at * 100) % rows));
  }),
  onMixed('safe integers, get', (database) => {
    const select = database.prepare('SELECT whole FROM filled WHERE rowid = ?').safeIntegers();
    return repeated(2000, (at) => select.get((at % rows) + 1));
  }),
  onMixed('safe integers, 100 rows into an array', (database) => {
    const select = database.prepare('SELECT whole FROM filled WHERE rowid > ? LIMIT 100').safeIntegers();
    return repeated(60, (at) => select.all((at * 100) % rows));
  }),
  onMixed('one row into an array', (database) => {
    const select = database.prepare(oneOfMixed);
    return repeated(1500, (at) => select.all((at % rows) + 1));
  }),
  onMixed('no row into an array', (database) => {
    const select = database.prepare(oneOfMixed);
    return repeated(1500, () => select.all(-1));
  }),
  onMixed('iterating over one row', (database) => {
    const select = database.prepare(oneOfMixed);
    return repeated(700, (at) => iterateAll(select, (at % rows) + 1));
  }),
  onMixed('iterating, left after the first of 100 rows', (database) => {
    const select = database.prepare(pageOfMixed);
    return repeated(700, (at) => {
      for (const row of select.iterate((at * 100) % rows)) return row;
      return undefined;
    });
  }),
  trial('20 columns, get', (database) => {
    fill(database, wide);
    const select = database.prepare('SELECT * FROM filled WHERE rowid = ?');
    return repeated(700, (at) => select.get((at % rows) + 1));
  }),
  trial('20 columns, 100 rows into an array', (database) => {
    fill(database, wide);
    const select = database.prepare('SELECT * FROM filled WHERE rowid > ? LIMIT 100');
    return repeated(15, (at) => select.all((at * 100) % rows));
  }),
  onMixed('four statements in turn, get', (database) => {
    const selects = ['whole', 'real, text', 'nul, whole AS other', 'text'].map((columns) =>
      database.prepare(`SELECT ${columns} FROM filled WHERE rowid = ?`),
    );
    return repeated(2000, (at) => selects[at % 4]?.get((at % rows) + 1));
  }),
  onMixed('get with named parameters', (database) => {
    const select = database.prepare('SELECT text FROM filled WHERE rowid = @id AND whole > @whole');
    return repeated(1500, (at) => select.get({ id: (at % rows) + 1, whole: 1 }));
  }),
  onMixed('update with named parameters', (database) => {
    const update = database.prepare('UPDATE filled SET real = $real, text = $text WHERE rowid = $id');
    database.exec('BEGIN');
    return repeated(1000, (at) => update.run({ id: (at % rows) + 1, real: at / 3, text }));
  }),
  onMixed('update with values in an array', (database) => {
    const update = database.prepare('UPDATE filled SET real = ?, text = ? WHERE rowid = ?');
    database.exec('BEGIN');
    return repeated(1000, (at) => update.run([at / 3, text, (at % rows) + 1]));
  }),
  onMixed('update that finds nothing', (database) => {
    const update = database.prepare('UPDATE filled SET real = 1 WHERE rowid = ?');
    database.exec('BEGIN');
    return repeated(2000, () => update.run(-1));
  }),
  onMixed('get with bound parameters', (database) => {
    const select = database.prepare(oneOfMixed).bind(7);
    return repeated(2000, () => select.get());
  }),
  trial('exec of one small statement', (database) => repeated(500, () => database.exec('SELECT 1'))),
  trial('exec, begin and commit', (database) =>
    repeated(400, () => {
      database.exec('BEGIN');
      database.exec('COMMIT');
    }),
  ),
  trial('an empty transaction', (database) => {
    const nothing = database.transaction(() => {});
    return repeated(500, () => nothing());
  }),
  trial('an empty transaction inside another', (database) => {
    const nothing = database.transaction(() => {});
    const outer = database.transaction(() => {
      for (let left = 500; left > 0; left--) nothing();
    });
    return repeated(1, () => outer());
  }),
  trial('making a transaction function', (database) => repeated(500, () => database.transaction(() => {}))),
  trial('prepare', (database) => {
    fill(database, mixed, 1);
    return repeated(150, () => database.prepare(oneOfMixed));
  }),
  trial('prepare and get', (database) => {
    fill(database, mixed, 1);
    return repeated(150, () => database.prepare(oneOfMixed).get(1));
  }),
  trial('pragma', (database) => repeated(300, () => database.pragma('user_version'))),
  trial('pragma, simple', (database) => repeated(300, () => database.pragma('user_version', { simple: true }))),
  onMixed('columns', (database) => {
    const select = database.prepare(oneOfMixed);
    return repeated(300, () => select.columns());
  }),
];

export const trials: Workload[] = [...kinds.flatMap(ofKind), ...besides];
