import { describe, expect, it } from 'vitest';
import { type Driver, drivers, failureOf, open, temporaryPath } from './drivers.js';

const repeated = (text: string, bytes: number): string => text.repeat(Math.ceil(bytes / Buffer.byteLength(text)));

/** Around the sizes at which texts take another way to JavaScript and back: 256, 4096, 8192, 32 and 40 KiB. */
const texts = [
  '',
  'plain',
  'äöü',
  '日本 🎈 and 𝒳',
  'NUL \0 in it \0',
  '\ufeffmark',
  '\ue000\u2028',
  ...[255, 256, 1500, 4096, 8192, 33_000, 50_000].flatMap((bytes) =>
    ['plain ', 'ä', '本', '🎈', 'a\0ä🎈'].map((text) => repeated(text, bytes)),
  ),
];

const encodings = ['UTF-8', 'UTF-16le', 'UTF-16be'];

describe.each(drivers)('$name: a database in', (driver) => {
  describe.each(encodings)('%s', (encoding) => {
    const filled = (): ReturnType<typeof open> => {
      const db = open(driver, `PRAGMA encoding = '${encoding}'; CREATE TABLE t (id INTEGER PRIMARY KEY, a)`);
      expect(db.pragma('encoding', { simple: true })).toBe(encoding);
      const insert = db.prepare('INSERT INTO t (a) VALUES (?)');
      for (const text of texts) insert.run(text);
      return db;
    };

    it('gives every text back as it was bound, in every shape of a row', () => {
      const statement = filled().prepare('SELECT a FROM t ORDER BY id');
      const isSame = (rows: unknown[], of: (row: never) => unknown): void =>
        expect(rows.map((row, at) => of(row as never) === texts[at])).toEqual(texts.map(() => true));
      const flat = (row: { a: unknown }): unknown => row.a;
      isSame(statement.all(), flat);
      isSame([...statement.iterate()], flat);
      statement.raw();
      isSame(statement.all(), ([a]: [unknown]) => a);
      isSame([...statement.iterate()], ([a]: [unknown]) => a);
      statement.expand();
      isSame(statement.all(), (row: { t: { a: unknown } }) => row.t.a);
      isSame([...statement.iterate()], (row: { t: { a: unknown } }) => row.t.a);
      statement.pluck();
      isSame(statement.all(), (a) => a);
      isSame([...statement.iterate()], (a) => a);
    });

    it('finds a text by what is bound, and gives it by get', () => {
      const db = filled();
      const find = db.prepare('SELECT * FROM t WHERE a = ?');
      const named = db.prepare('SELECT a FROM t WHERE a = @text').pluck();
      const bound = db.prepare("SELECT ? AS a, 'x' || ? AS b");
      for (const text of texts) {
        expect(find.get(text)).toEqual({ id: texts.indexOf(text) + 1, a: text });
        expect(named.get({ text }) === text).toBe(true);
        expect(bound.get(text, text)).toEqual({ a: text, b: `x${text}` });
      }
    });

    it('hands texts to functions, aggregates, windows and tables, and takes theirs', () => {
      const db = filled();
      const seen: unknown[] = [];
      db.function('same', (text) => {
        seen.push(text);
        return text;
      });
      db.aggregate('joined', { start: '', step: (total: string, text: string) => total + text });
      db.aggregate('last', { start: '', step: (_, text: string) => text, inverse: (total: string) => total });
      db.table('given', {
        columns: ['text'],
        *rows(text) {
          yield [text];
          yield { text };
        },
      });
      const values = (sql: string): unknown[] => db.prepare(sql).pluck().all();
      const expectTexts = (given: unknown[], expected: readonly unknown[]): void => {
        expect(given).toHaveLength(expected.length);
        for (const [at, text] of expected.entries()) expect(given[at] === text).toBe(true);
      };
      expectTexts(values('SELECT same(a) FROM t ORDER BY id'), texts);
      expectTexts(seen, texts);
      expect(values('SELECT count(*) FROM t WHERE same(a) = a')).toEqual([texts.length]);
      expectTexts(values('SELECT joined(a) FROM (SELECT a FROM t ORDER BY id)'), [texts.join('')]);
      expectTexts(values('SELECT last(a) OVER (ORDER BY id ROWS 1 PRECEDING) FROM t ORDER BY id'), texts);
      expectTexts(
        values('SELECT text FROM t, given(t.a) ORDER BY id'),
        texts.flatMap((text) => [text, text]),
      );
      db.exec(
        'CREATE TRIGGER copies AFTER UPDATE ON t BEGIN INSERT INTO t (a) VALUES (same(new.a)); END; UPDATE t SET a = same(a) WHERE id > 1',
      );
      expectTexts(values('SELECT a FROM t ORDER BY id'), [...texts, ...texts.slice(1)]);
    });

    it('has names of columns, parameters, functions and tables in any script', () => {
      const db = open(driver, `PRAGMA encoding = '${encoding}'; CREATE TABLE "größe 日本" (id INTEGER PRIMARY KEY, "wert 🎈" "typ ß")`);
      db.prepare('INSERT INTO "größe 日本" VALUES (1, $größe)').run({ größe: 'ü' });
      const all = db.prepare('SELECT *, 1 AS "名" FROM "größe 日本"');
      expect(all.get()).toEqual({ id: 1, 'wert 🎈': 'ü', 名: 1 });
      expect(all.columns().map(({ name, column, table, type }) => [name, column, table, type])).toEqual([
        ['id', 'id', 'größe 日本', 'INTEGER'],
        ['wert 🎈', 'wert 🎈', 'größe 日本', 'typ ß'],
        ['名', null, null, null],
      ]);
      expect(all.expand().get()).toEqual({ 'größe 日本': { id: 1, 'wert 🎈': 'ü' }, $: { 名: 1 } });
      db.function('verdoppelt_ß', (text: string) => text + text);
      expect(db.prepare('SELECT verdoppelt_ß("wert 🎈") FROM "größe 日本"').pluck().get()).toBe('üü');
      db.table('liste_ß', {
        columns: ['straße'],
        *rows() {
          yield ['ä'];
        },
      });
      expect(db.prepare('SELECT * FROM liste_ß').get()).toEqual({ straße: 'ä' });
      expect(failureOf(driver, () => db.prepare('SELECT "größer 🎈".a'))).toBe('SQLITE_ERROR');
    });

    it('sorts and finds by the collations of its indexes', () => {
      const db = open(
        driver,
        `PRAGMA encoding = '${encoding}'; CREATE TABLE t (a TEXT COLLATE NOCASE, b TEXT COLLATE RTRIM);
          CREATE INDEX by_a ON t (a); CREATE UNIQUE INDEX by_b ON t (b)`,
      );
      const insert = db.prepare('INSERT INTO t VALUES (?, ?)');
      for (const [a, b] of [
        ['Ärger', 'x'],
        ['ärger', 'y  '],
        ['B', 'ü '],
        ['b', ''],
      ])
        insert.run(a, b);
      const find = (sql: string, text: string): unknown[] => db.prepare(sql).pluck().all(text);
      expect(find('SELECT a FROM t INDEXED BY by_a WHERE a = ? ORDER BY rowid', 'b')).toEqual(['B', 'b']);
      // Of ASCII alone.
      expect(find('SELECT a FROM t INDEXED BY by_a WHERE a = ?', 'ÄRGER')).toEqual(['Ärger']);
      expect(find('SELECT b FROM t INDEXED BY by_b WHERE b = ?', 'y')).toEqual(['y  ']);
      expect(find('SELECT b FROM t INDEXED BY by_b WHERE b = ?', 'ü    ')).toEqual(['ü ']);
      expect(failureOf(driver, () => insert.run('c', 'ü'))).toBe('SQLITE_CONSTRAINT_UNIQUE');
      expect(db.pragma('integrity_check', { simple: true })).toBe('ok');
    });

    it('shows verbose the texts that are bound', () => {
      const lines: unknown[] = [];
      const db = open(driver, `PRAGMA encoding = '${encoding}'; CREATE TABLE t (a)`, ':memory:', {
        verbose: (line: unknown) => lines.push(line),
      });
      lines.length = 0;
      db.prepare('INSERT INTO t VALUES (?)').run("it's 日本 🎈");
      db.prepare('SELECT a FROM t WHERE a = $ä').get({ ä: 'ß' });
      expect(lines).toEqual(["INSERT INTO t VALUES ('it''s 日本 🎈')", "SELECT a FROM t WHERE a = 'ß'"]);
    });

    it('keeps its encoding when it is serialized, opened again, backed up and attached', async () => {
      const db = filled();
      const path = temporaryPath();
      await db.backup(path);
      for (const other of [open(driver, '', db.serialize()), open(driver, '', path)]) {
        expect(other.pragma('encoding', { simple: true })).toBe(encoding);
        expect(other.prepare('SELECT a FROM t ORDER BY id').pluck().all()).toEqual(texts);
        other.function('length_of', (text: string) => text.length);
        expect(other.prepare('SELECT length_of(a) FROM t ORDER BY id').pluck().all()).toEqual(texts.map(({ length }) => length));
      }
      const unlike = open(driver, `PRAGMA encoding = '${encoding === 'UTF-8' ? 'UTF-16le' : 'UTF-8'}'; CREATE TABLE u (a)`);
      expect(failureOf(driver, () => unlike.prepare('ATTACH ? AS other').run(path))).toBe('SQLITE_ERROR');
    });
  });
});

/** UTF-16 that is none: halves of surrogate pairs in every place, a byte too many, marks. */
const invalid = [
  '00d8',
  '00dc',
  '00d800d8',
  '00dc00d8',
  '00d84100',
  '410000dc4200',
  '3dd888',
  '41003dd8',
  'fffe4100',
  'feff0041',
  '3dd888df3dd8',
];

it.each(['UTF-16le', 'UTF-16be'])('both drivers read the same of what is no %s', (encoding) => {
  const read = (driver: Driver): unknown[] => {
    const db = open(driver, `PRAGMA encoding = '${encoding}'; CREATE TABLE t (a)`);
    db.function('same', (text) => text);
    // What is no character SQLite replaces when it converts.
    const rows: unknown[] = [db.prepare('SELECT ?').pluck().get('\uffff\ufffe'), db.prepare('SELECT ? || 1').pluck().get('\uffff')];
    for (const hex of invalid) {
      db.exec(`DELETE FROM t; INSERT INTO t VALUES (CAST(x'${hex}' AS TEXT))`);
      const statement = db.prepare('SELECT a, same(a) AS b, typeof(a) AS type FROM t');
      rows.push(statement.get(), ...statement.all(), ...statement.iterate(), statement.pluck().get());
    }
    return rows;
  };
  const [ours, theirs] = drivers.map(read);
  expect(ours).toEqual(theirs);
});
