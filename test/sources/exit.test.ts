import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const run = promisify(execFile);

/** Runs a program on what `make test` has compiled, and gives what it wrote. It has to end by itself. */
async function output(program: string): Promise<string> {
  const source = `import { Database, openSource } from ${JSON.stringify(new URL('../../dist/index.js', import.meta.url).href)};
    const db = new Database(':memory:');
    db.exec('CREATE TABLE t (id INTEGER PRIMARY KEY)');
    const read = async (changes) => { for await (const change of changes) console.log(change.op, change.key?.id); console.log('end'); };
    ${program}`;
  const { stdout, stderr } = await run(process.execPath, ['--input-type=module', '--eval', source], { timeout: 30_000 });
  expect(stderr).toBe('');
  return stdout;
}

test.each([
  ['a subscription that waits', 'void read(db.changes()); setImmediate(() => db.exec("INSERT INTO t VALUES (1)"));', 'insert 1\n'],
  ['one that nobody reads', 'db.changes(); db.exec("INSERT INTO t VALUES (1)");', ''],
  [
    'a consume that waits',
    'void openSource(db).consume((all) => read(all), {}); setImmediate(() => db.exec("INSERT INTO t VALUES (1)"));',
    'insert 1\nend\n',
  ],
  [
    'one whose batch waited for another attempt',
    `let calls = 0; const consumed = openSource(db).consume((all) => { if (++calls < 3) throw new Error("not yet"); return read(all); }, {
       retry: { minDelayMs: 1 } }); db.exec("INSERT INTO t VALUES (1)");`,
    'insert 1\nend\n',
  ],
  ['a database that is closed', 'void read(db.changes()); db.exec("INSERT INTO t VALUES (1)"); db.close();', 'insert 1\nend\n'],
  ['a source that is closed', 'const s = openSource(db); void read(s.subscribe()); await s.close();', 'end\n'],
  [
    'a snapshot that was begun',
    'db.exec("INSERT INTO t VALUES (1)"); const i = db.changes({ snapshot: "initial" })[Symbol.asyncIterator](); await i.next();',
    '',
  ],
  ['a promise that is rejected when nobody listens', 'await db.changes({ snapshot: "initial" }).close();', ''],
  ['an abort', 'const a = new AbortController(); void read(db.changes({ signal: a.signal })); setImmediate(() => a.abort());', 'end\n'],
])('a process exits by itself with %s', async (_, program, expected) => {
  expect(await output(program)).toBe(expected);
});

test('a program in CommonJS gets the same by require', async () => {
  const source = `const { Database } = require(${JSON.stringify(new URL('../../dist/index.js', import.meta.url).pathname)});
    const db = new Database(':memory:');
    console.log(db.prepare('SELECT 1 AS one').get().one);`;
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  expect(major > 20 || minor >= 19).toBe(true);
  const { stdout } = await run(process.execPath, ['--no-warnings', '--eval', source]);
  expect(stdout).toBe('1\n');
});
