import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Database } from 'rowtap';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { asTerminal, Programs } from './programs.js';

const programs = new Programs();
const path = join(programs.temporary, 'library.db');

beforeAll(() => {
  const db = new Database(path);
  db.exec(`
    CREATE TABLE books (id INTEGER PRIMARY KEY, title TEXT, price REAL, cover BLOB);
    CREATE TABLE "odd ""name" (a, b);
    CREATE TABLE empty (a);
    CREATE VIEW cheap AS SELECT * FROM books WHERE price < 5;
  `);
  const book = db.prepare('INSERT INTO books VALUES (?, ?, ?, ?)');
  db.transaction(() => {
    for (let id = 1; id <= 1500; id++) book.run(id, `Book ${id}`, id / 4, id === 2 ? Buffer.alloc(70_000) : null);
  })();
  db.prepare('INSERT INTO "odd ""name" VALUES (?, ?)').run('two\nlines \x1b[31m', '日本語');
  db.close();
});
afterAll(() => programs.remove());

describe("the tour of a user's database", () => {
  test('shows its tables, row counts and some rows of each', () => {
    const { status, stdout, stderr } = programs.run('tour', [path]);
    expect(stderr).toBe('');
    expect(status).toBe(0);
    expect(stdout).toContain(`${path}\nsnapshot: 1,501 rows of 3 tables in `);
    expect(stdout).toContain(
      [
        'books · 1,500 rows',
        '  id  title   price  cover',
        '   1  Book 1   0.25  NULL',
        '   2  Book 2    0.5  blob of 70,000 bytes',
        '   3  Book 3   0.75  NULL',
        '   4  Book 4      1  NULL',
        '  …',
      ].join('\n'),
    );
    expect(stdout).toContain('empty · 0 rows\n');
    expect(stdout).toContain('odd "name · 1 row\n  a                b\n  two␊lines ␛[31m  日本語\n');
    expect(stdout).not.toContain('\x1b');
  });

  test('leaves the file as it is', () => {
    const before = readFileSync(path);
    programs.run('tour', [path]);
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  test('a database without tables', () => {
    const bare = join(programs.temporary, 'bare.db');
    writeFileSync(bare, '');
    const { status, stdout } = programs.run('tour', [bare]);
    expect([status, stdout]).toEqual([0, `${bare}\nThis database has no tables.\n`]);
  });

  test('on a terminal there is a progress bar, and colour unless NO_COLOR is set', () => {
    const colour = /\p{Cc}\[(?:[12]|3\d)m/u;
    const coloured = programs.run('tour', [path], { preload: asTerminal });
    expect(coloured.stdout).toContain('█');
    expect(coloured.stdout).toMatch(colour);
    const plain = programs.run('tour', [path], { preload: asTerminal, env: { NO_COLOR: '1' } });
    expect(plain.stdout).toContain('█');
    expect(plain.stdout).not.toMatch(colour);
  });

  const notThere = join(programs.temporary, 'not-there.db');
  const folder = join(programs.temporary, 'folder.db');
  const text = join(programs.temporary, 'text.db');

  test.each([
    ['no such file', notThere, `${notThere}: no such file\n`],
    ['a directory', folder, `${folder} is a directory, not a database file\n`],
    ['not a database', text, `${text} is not a SQLite database\n`],
    ['no name', '', 'Name a database file: make demo DB=path/to/any.db\n'],
  ])('one clear line and exit code 1: %s', (_, given, line) => {
    mkdirSync(folder, { recursive: true });
    writeFileSync(text, 'This is a text, and no database at all.\n'.repeat(40));
    expect(programs.run('tour', [given])).toMatchObject({ status: 1, stderr: line });
  });
});
