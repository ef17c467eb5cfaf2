// What a source on a connection of this kind gives, as lines of JSON. Arguments: rowtap, the kind, where better-sqlite3 is, the file.
import { argv } from 'node:process';

const [, , rowtap, kind, betterSqlite3, path] = argv;
const { Database, installTriggers, openSource, triggerStatus, uninstallTriggers } = await import(rowtap);

const open = {
  rowtap: () => new Database(path),
  'better-sqlite3': async () => new (await import(betterSqlite3)).default(path),
  'node:sqlite': async () => new (await import('node:sqlite')).DatabaseSync(path),
}[kind];
const connection = await open();
connection.exec('PRAGMA journal_mode = WAL');
connection.exec(`CREATE TABLE t (id INTEGER PRIMARY KEY, v, txt TEXT, s AS (id + 1) STORED, w AS (id) VIRTUAL);
  CREATE TABLE effects (n); INSERT INTO t (v) VALUES ('before')`);

const show = (value) =>
  JSON.stringify(value, (_name, each) => {
    if (typeof each === 'bigint') return `${each}n`;
    if (each?.type === 'Buffer') return `blob ${Buffer.from(each.data).toString('hex')}`;
    return each === Number.POSITIVE_INFINITY ? 'Infinity' : each;
  });
const print = (value) => console.log(show(value));

print(installTriggers(connection, { tables: ['t'] }));
const source = openSource(connection, { engine: 'trigger', tables: ['t'], name: 'source' });
const read = async (subscription, count) => {
  const changes = [];
  for await (const change of subscription) {
    changes.push(change);
    if (changes.length === count) break;
  }
  return changes;
};

connection.exec('PRAGMA recursive_triggers = ON');
const first = source.subscribe({ consumer: 'c' });
connection.exec(`BEGIN; INSERT INTO t (id, v, txt) VALUES (2, 9007199254740993, x'00ff'), (3, 1e999, ''), (4, x'', NULL), (5, -9223372036854775808, 5.0);
  SAVEPOINT s; DELETE FROM t; ROLLBACK TO s; REPLACE INTO t (id, v) VALUES (2, 7); COMMIT`);
for (const { op, key, before, after, last } of await read(first, 8)) print({ op, key, before, after, last });

// In the application's transaction, with its effect: first one that is rolled back.
const second = source.subscribe({ consumer: 'd', snapshot: 'never', ack: 'manual', integers: 'bigint' });
connection.exec('INSERT INTO t (id, v) VALUES (8, 1)');
connection.exec('INSERT INTO t (id, v) VALUES (9, 2)');
const ids = [];
for await (const change of second) {
  connection.exec('BEGIN');
  connection.exec(`INSERT INTO effects VALUES (${change.after.id})`);
  second.ack(change);
  connection.exec(change.after.id === 8n ? 'COMMIT' : 'ROLLBACK');
  ids.push(change.after.id);
  if (ids.length === 2) break;
}
const third = source.subscribe({ consumer: 'd', snapshot: 'never' });
print({ ids, effects: connection.prepare('SELECT n FROM effects').all(), again: (await read(third, 1)).map(({ after }) => after.id) });
print(source.consumers().map(({ consumer, isActive }) => ({ consumer, isActive })));
const { state, engine, durability, capabilities, gaps, error } = source.info();
print({ state, engine, durability, capabilities, gaps, error });
await source.close();
print(triggerStatus(connection).tables);
print(uninstallTriggers(connection));
print(connection.prepare('SELECT type, name FROM sqlite_schema ORDER BY name').all());
connection.close();
