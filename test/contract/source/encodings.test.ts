/** A text reads the same wherever it comes from, whatever encoding the database keeps it in; also what is no text in that encoding. */
import type { Change, SqlValue } from 'rowtap';
import { describe, expect, test } from 'vitest';
import { engines, type Run, type RunOptions, run } from './engines.js';

const repeated = (text: string, length: number): string => text.repeat(Math.ceil(length / text.length));

const texts = [
  '',
  'plain',
  'äß漢😀',
  'NUL \0 and 𝒳',
  '\ufeff\ue000',
  ...['plain ', 'ä', '本', '🎈'].flatMap((text) => [200, 5000, 70_000].map((length) => repeated(text, length))),
];

/** Bytes for CAST: halves of surrogate pairs, too few or too many bytes, byte order marks, broken UTF-8. */
const casts = ['00d8', 'd800', '00dc00d8', '410000dc4200', '3dd888', 'fffe4100', 'feff0041', '61ff62', 'c3', 'eda080', 'f0908080'];

const insertTexts = (file: Run, table = 't'): void => {
  const insert = file.db.prepare(`INSERT INTO ${table} (a) VALUES (?)`);
  for (const text of texts) insert.run(text);
  for (const bytes of casts) file.db.exec(`INSERT INTO ${table} (a) VALUES (CAST(x'${bytes}' AS TEXT))`);
  file.look();
};

/** The rows as a query gives them. */
const rowsOf = (file: Run, sql = 'SELECT * FROM t ORDER BY id'): unknown[] => file.db.prepare(sql).all();

function imagesOf(changes: readonly Change[], op: string, image: 'before' | 'after'): (Record<string, SqlValue> | null)[] {
  return changes.filter((change) => change.op === op).map((change) => change[image]);
}

/** Long texts are not printed. */
function expectSame(given: readonly unknown[], expected: readonly unknown[]): void {
  expect(given).toHaveLength(expected.length);
  const brief = (row: unknown): string => JSON.stringify(row).slice(0, 100);
  for (const [at, row] of given.entries()) {
    expect(brief(row)).toBe(brief(expected[at]));
    expect(JSON.stringify(row) === JSON.stringify(expected[at]), `row ${at}`).toBe(true);
  }
}

describe.each(engines)('$name engine', (engine) => {
  describe.each(['UTF-8', 'UTF-16le', 'UTF-16be'] as const)('a database in %s', (encoding) => {
    const before =
      'CREATE TABLE t (id INTEGER PRIMARY KEY, a); CREATE TABLE w (a TEXT PRIMARY KEY, b COLLATE NOCASE) WITHOUT ROWID; CREATE INDEX by_b ON w (b)';
    const begin = (options: RunOptions = {}): Run => {
      const file = run(engine, { before, encoding, ...options });
      expect(file.db.pragma('encoding', { simple: true })).toBe(encoding);
      return file;
    };

    test('inserted, updated and deleted', async () => {
      const file = begin();
      const reading = file.read();
      insertTexts(file);
      const rows = rowsOf(file);
      expectSame(
        (rows as { a: unknown }[]).slice(0, texts.length).map(({ a }) => a),
        texts,
      );
      file.exec("UPDATE t SET a = a || 'ß🎈'");
      const updated = rowsOf(file);
      file.exec('DELETE FROM t');
      const changes = await reading.changes();
      expectSame(imagesOf(changes, 'insert', 'after'), rows);
      expectSame(imagesOf(changes, 'update', 'before'), rows);
      expectSame(imagesOf(changes, 'update', 'after'), updated);
      expectSame(imagesOf(changes, 'delete', 'before'), updated);
    });

    test('in the key of a table without rowids', async () => {
      const file = begin();
      const reading = file.read();
      const insert = file.db.prepare('INSERT INTO w VALUES (?, ?)');
      for (const text of texts) insert.run(text, text);
      file.look();
      const rows = rowsOf(file, 'SELECT * FROM w') as { a: string }[];
      const changes = await reading.changes();
      const byKey = (given: readonly unknown[]): unknown[] =>
        [...(given as { a: string }[])].sort((one, other) => (one.a < other.a ? -1 : 1));
      expectSame(byKey(imagesOf(changes, 'insert', 'after')), byKey(rows));
      expectSame(
        changes.map((change) => ('key' in change ? change.key?.['a'] : undefined)),
        texts,
      );
    });

    test('from a snapshot, and to a consumer that comes back', async () => {
      const file = begin();
      insertTexts(file);
      const reading = file.read({ consumer: 'c', snapshot: 'initial' });
      const changes = await reading.changes();
      expectSame(
        imagesOf(
          changes.filter(({ table }) => table === 't'),
          'snapshot',
          'after',
        ),
        rowsOf(file),
      );
      await reading.changes();
      await reading.subscription.close();
      await file.restart();
      const again = file.read({ consumer: 'c' });
      file.exec("UPDATE t SET a = a || 'ß🎈'");
      expectSame(imagesOf(await again.changes(), 'update', 'after'), rowsOf(file));
    });

    test('as the default of a column that was added, and under names in any script', async () => {
      const file = begin();
      file.exec("INSERT INTO t (a) VALUES ('one')");
      const reading = file.read();
      file.reshape('ALTER TABLE t ADD COLUMN "größe 🎈" TEXT DEFAULT \'ä漢😀\'', 'CREATE TABLE "日本 ß" ("straße 𝒳" PRIMARY KEY)');
      file.exec("UPDATE t SET a = 'two'", 'DELETE FROM t', 'INSERT INTO "日本 ß" VALUES (\'ü\')');
      const changes = (await reading.changes()).filter(({ op }) => op !== 'schema');
      expect(changes.map(({ table, before: was, after }) => [table, was, after] as unknown)).toEqual([
        ['t', { id: 1, a: 'one', 'größe 🎈': 'ä漢😀' }, { id: 1, a: 'two', 'größe 🎈': 'ä漢😀' }],
        ['t', { id: 1, a: 'two', 'größe 🎈': 'ä漢😀' }, null],
        ['日本 ß', null, { 'straße 𝒳': 'ü' }],
      ]);
      expect(changes.at(-1)).toMatchObject({ key: { 'straße 𝒳': 'ü' } });
    });

    test('made by a function, an aggregate and a table in JavaScript', async () => {
      const file = begin();
      const { db } = file;
      db.function('twice', (text: string) => text + text);
      db.aggregate('joined', { start: '', step: (total: string, text: string) => total + text });
      db.table('given', {
        columns: ['text'],
        *rows() {
          for (const text of texts) yield [text];
        },
      });
      const reading = file.read();
      file.exec(
        'INSERT INTO t (a) SELECT text FROM given',
        'UPDATE t SET a = twice(a)',
        'INSERT INTO t (a) SELECT joined(a) FROM (SELECT a FROM t ORDER BY id)',
      );
      const changes = await reading.changes();
      const doubled = texts.map((text) => text + text);
      const textsOf = (op: string): unknown[] => imagesOf(changes, op, 'after').map((row) => row?.['a']);
      expectSame(textsOf('insert'), [...texts, doubled.join('')]);
      expectSame(textsOf('update'), doubled);
    });

    if (engine.name !== 'hook') return;
    test('out of the log, to a consumer that was away while they were written', async () => {
      const file = begin({ durability: 'log' });
      const first = file.read({ consumer: 'c' });
      file.exec("INSERT INTO w VALUES ('first', 1)");
      await first.changes();
      await first.subscription.close();
      insertTexts(file);
      const rows = rowsOf(file);
      file.exec("UPDATE t SET a = a || 'ß🎈'");
      const updated = rowsOf(file);
      file.exec('DELETE FROM t');
      await file.restart();
      const changes = await file.read({ consumer: 'c' }).changes();
      expect(changes.some(({ op }) => op === 'gap')).toBe(false);
      expectSame(
        imagesOf(changes, 'insert', 'after').filter((row) => row?.['a'] !== 'first'),
        rows,
      );
      expectSame(imagesOf(changes, 'update', 'before'), rows);
      expectSame(imagesOf(changes, 'delete', 'before'), updated);
    });
  });
});
