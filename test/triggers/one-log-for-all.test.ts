/** One log, read by several: all of them see the same changes under the same numbers, which are never used again. */
import { type Change, Database, installTriggers, openSource } from 'rowtap';
import { expect, onTestFinished, test, vi } from 'vitest';
import { brief } from '../support/captured.js';
import { logFile, otherProcess } from '../log/lives.js';

const named = (change: Change): string => `${change.lsn}/${change.index} ${brief(change)}`;

test('two processes, each with a source and a consumer of its own, while both write', async () => {
  const path = logFile();
  const db = new Database(path);
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; CREATE TABLE t (id INTEGER PRIMARY KEY, who, n)');
  installTriggers(db);
  const source = openSource(db, { engine: 'trigger' });
  onTestFinished(async () => {
    await source.close();
    db.close();
  });
  const subscription = source.subscribe({ consumer: 'here', snapshot: 'never' });
  await otherProcess(
    path,
    "const source = rowtap.openSource(path, { engine: 'trigger' }); source.subscribe({ consumer: 'there', snapshot: 'never' }); await source.close()",
  );
  const other = otherProcess(
    path,
    `const db = new rowtap.Database(path);
     const source = rowtap.openSource(db, { engine: 'trigger' });
     const lines = [];
     let ends = 0;
     const write = (n) => {
       if (n > 300) return db.exec("INSERT INTO t (who, n) VALUES ('end', 0)");
       db.exec('BEGIN; INSERT INTO t (who, n) VALUES (1, ' + n + '); UPDATE t SET n = -n WHERE who = 1 AND n = ' + n + '; COMMIT');
       setImmediate(() => write(n + 1));
     };
     write(1);
     for await (const { lsn, index, op, table, after } of source.subscribe({ consumer: 'there', snapshot: 'never' })) {
       lines.push([lsn, index, op, after.id, after.who, after.n].join(' '));
       if (after.who === 'end' && ++ends === 2) break;
     }
     console.log(JSON.stringify(lines));
     await source.close();
     db.close()`,
  );
  for (let n = 1; n <= 300; ++n) {
    db.exec(`BEGIN IMMEDIATE; INSERT INTO t (who, n) VALUES (0, ${n}); UPDATE t SET n = -n WHERE who = 0 AND n = ${n}; COMMIT`);
    await new Promise((resolve) => setImmediate(resolve));
  }
  db.exec("INSERT INTO t (who, n) VALUES ('end', 0)");
  const lines: string[] = [];
  let ends = 0;
  for await (const { lsn, index, op, after } of subscription) {
    lines.push([lsn, index, op, after?.['id'], after?.['who'], after?.['n']].join(' '));
    if (after?.['who'] === 'end' && ++ends === 2) break;
  }
  expect(lines).toHaveLength(1202);
  expect(JSON.parse(await other)).toEqual(lines);
});

test('what was pruned leaves its numbers behind, also where nothing is left but the newest', async () => {
  const path = logFile();
  const db = new Database(path);
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; CREATE TABLE t (id INTEGER PRIMARY KEY)');
  installTriggers(db);
  const seen: string[] = [];
  let newest = 0;
  for (let life = 1; life <= 2; ++life) {
    const source = openSource(db, { engine: 'trigger', retention: { maxBytes: 1 } });
    const changes = source.subscribe()[Symbol.asyncIterator]();
    for (let n = 1; n <= 3; ++n) {
      db.exec(`INSERT INTO t VALUES (${life * 10 + n})`);
      seen.push(named((await changes.next()).value as Change));
    }
    const ids = (): [number, number] => db.prepare('SELECT min(id), max(id) FROM _rowtap_changes').raw().get() as [number, number];
    expect(ids()[1]).toBeGreaterThan(newest);
    newest = ids()[1];
    await vi.waitFor(() => expect(ids()).toEqual([newest, newest]), { timeout: 30_000 });
    await source.close();
  }
  expect(new Set(seen.map((text) => text.split(' ')[0])).size).toBe(6);
  expect(seen).toEqual([...seen].sort());
  db.close();
});
