import { expect, test } from 'vitest';
import { newShop } from './database-file.js';
import { run } from './typed.js';

function twoShops(): [ReturnType<typeof newShop>, ReturnType<typeof newShop>] {
  const [a, b] = [newShop(), newShop({ mode: 'delete' })];
  for (const { insert, db } of [a, b]) {
    insert('kettle', 'teapot', 'cup');
    db.exec("INSERT INTO notes VALUES ('same'), ('same'), (x'00')");
  }
  return [a, b];
}

test('ends with 0 where two databases are equal', async () => {
  const [a, b] = twoShops();
  const { code, stdout, stderr } = await run('rowtap', ['verify', a.path, b.path]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toBe('notes     3 rows  equal\nproducts  3 rows  equal\nThe databases are equal.\n');
});

test.each([
  ['a row less', 'DELETE FROM products WHERE id = 2', 'products  3 rows  1 only in FILE'],
  ['a row more', "INSERT INTO products VALUES (9, 'x')", 'products  3 rows  1 only in OTHER'],
  ['another value', "UPDATE products SET name = 'x' WHERE id = 1", 'products  3 rows  1 different'],
  ['one of two equal rows less', 'DELETE FROM notes WHERE rowid = 1', 'notes     3 rows  1 only in FILE'],
  ['a table less', 'DROP TABLE notes', 'notes     3 rows  3 only in FILE'],
  ['an empty table more', 'CREATE TABLE others (x)', 'others    0 rows'],
  ['another column', 'ALTER TABLE notes ADD COLUMN x', 'notes     3 rows  3 different'],
])('ends with 3 where there is %s', async (_, sql, line) => {
  const [a, b] = twoShops();
  b.db.exec(sql);
  const { code, stdout } = await run('rowtap', ['verify', a.path, b.path]);
  expect(stdout).toContain(line);
  expect(stdout).toContain('The databases differ.\n');
  expect(code).toBe(3);
  const json = await run('rowtap', ['verify', a.path, b.path, '--format', 'json']);
  expect(json.code).toBe(3);
  expect(JSON.parse(json.stdout)).toMatchObject({ equal: false });
});

test('compares only the tables that are asked for', async () => {
  const [a, b] = twoShops();
  b.db.exec('DELETE FROM products');
  expect(await run('rowtap', ['verify', a.path, b.path, '--table', 'notes'])).toMatchObject({ code: 0 });
  expect(await run('rowtap', ['verify', a.path, b.path, '--exclude-table', 'prod*'])).toMatchObject({ code: 0 });
  const nothing = await run('rowtap', ['verify', a.path, b.path, '--table', 'nope']);
  expect(nothing).toMatchObject({ code: 1, stdout: '' });
  expect(nothing.stderr).toContain('no such table: nope');
});
