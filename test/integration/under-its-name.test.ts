import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

// A project where the package by the name of better-sqlite3 is rowtap, and there is no other.
const project = mkdtempSync(join(tmpdir(), 'rowtap-named-'));
const modules = join(project, 'node_modules');
mkdirSync(modules);
for (const name of readdirSync(join(root, 'node_modules'))) {
  if (!name.startsWith('.') && name !== 'better-sqlite3') symlinkSync(join(root, 'node_modules', name), join(modules, name));
}
symlinkSync(root, join(modules, 'better-sqlite3'));

afterAll(() => {
  rmSync(project, { recursive: true, force: true });
});

/** What it prints. Links are kept, as if every package had been copied here. */
function run(name: string, text: string): string {
  writeFileSync(join(project, name), text);
  const options = ['--preserve-symlinks', '--preserve-symlinks-main'];
  return execFileSync(process.execPath, [...options, name], { cwd: project, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

const read = `
  async function read(subscription) {
    for await (const { op, table, after } of subscription) {
      if (op !== 'insert') continue;
      console.log(op, table, after.name);
      break;
    }
  }
`;

test('Drizzle opens its databases by it', () => {
  const printed = run(
    'drizzle.mjs',
    `
      import { openSource } from 'better-sqlite3';
      import { drizzle } from 'drizzle-orm/better-sqlite3';
      import { sqliteTable, text } from 'drizzle-orm/sqlite-core';
      const db = drizzle('drizzle.db');
      db.run('CREATE TABLE fruit (name TEXT)');
      const subscription = openSource(db.$client).subscribe();
      db.insert(sqliteTable('fruit', { name: text() })).values({ name: 'pear' }).run();
      await read(subscription);
      ${read}
    `,
  );
  expect(printed).toBe('insert fruit pear\n');
});

test('Knex opens its databases by it, without a client class', () => {
  const printed = run(
    'knex.cjs',
    `
      const { openSource } = require('better-sqlite3');
      let subscription;
      const db = require('knex')({
        client: 'better-sqlite3', connection: { filename: 'knex.db' }, useNullAsDefault: true,
        pool: { afterCreate(database, done) { subscription = openSource(database).subscribe(); done(null, database); } },
      });
      (async () => {
        await db.schema.createTable('fruit', (table) => { table.string('name'); });
        await db('fruit').insert({ name: 'pear' });
        await read(subscription);
        await db.destroy();
      })();
      ${read}
    `,
  );
  expect(printed).toBe('insert fruit pear\n');
});

test('TypeORM opens its databases by it, without the option driver', () => {
  const printed = run(
    'typeorm.cjs',
    `
      const { openSource } = require('better-sqlite3');
      const { DataSource, EntitySchema } = require('typeorm');
      const Fruit = new EntitySchema({ name: 'fruit', columns: { name: { type: 'text', primary: true } } });
      (async () => {
        const dataSource = new DataSource({ type: 'better-sqlite3', database: 'typeorm.db', synchronize: true, entities: [Fruit] });
        await dataSource.initialize();
        const subscription = openSource(dataSource.driver.databaseConnection).subscribe();
        await dataSource.getRepository(Fruit).insert({ name: 'pear' });
        await read(subscription);
        await dataSource.destroy();
      })();
      ${read}
    `,
  );
  expect(printed).toBe('insert fruit pear\n');
});

test('a program that imports or requires it needs no change at all', () => {
  const use = `
    const db = Database('app.db', { timeout: 100 });
    db.exec('CREATE TABLE IF NOT EXISTS fruit (name TEXT UNIQUE)');
    db.transaction((name) => db.prepare('INSERT OR REPLACE INTO fruit VALUES (?)').run(name))('pear');
    try { db.exec("INSERT INTO fruit VALUES ('pear')"); } catch (error) { console.log(error instanceof Database.SqliteError, error.code); }
    console.log(db.prepare('SELECT count(*) FROM fruit').pluck().get());
    db.close();
  `;
  const printed = 'true SQLITE_CONSTRAINT_UNIQUE\n1\n';
  expect(run('app.mjs', `import Database from 'better-sqlite3';${use}`)).toBe(printed);
  expect(run('app.cjs', `const Database = require('better-sqlite3');${use}`)).toBe(printed);
});
