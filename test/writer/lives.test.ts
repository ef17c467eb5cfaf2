import { describe, expect, it } from 'vitest';
import { Database } from '../../lib/writer/database.js';
import { compiledWriter, runProgram } from './child.js';
import { temporaryPath } from './drivers.js';

const whole = { code: 0, signal: null, output: '' };

describe('rowtap: a program that uses a database', () => {
  it('ends by itself with databases, statements and iterators open, and leaves the file whole', () => {
    const path = temporaryPath();
    const ended = runProgram(
      `const db = new Database(path);
       db.pragma('journal_mode = WAL');
       db.exec('CREATE TABLE t (a); INSERT INTO t VALUES (1), (2)');
       const other = new Database(path);
       const statement = other.prepare('SELECT a FROM t');
       const iterator = statement.iterate();
       iterator.next();
       db.exec('BEGIN; INSERT INTO t VALUES (3)');`,
      path,
    );
    expect(ended).toEqual(whole);
    const db = new Database(path);
    expect(db.prepare('SELECT a FROM t').pluck().all()).toEqual([1, 2]);
    expect(db.pragma('integrity_check', { simple: true })).toBe('ok');
    db.close();
  });

  it('ends with process.exit(), also out of the verbose option and with an iterator running', () => {
    for (const program of [
      `const db = new Database(path); db.exec('CREATE TABLE t (a); BEGIN; INSERT INTO t VALUES (1)'); process.exit(0);`,
      `const db = new Database(path, { verbose: () => process.exit(0) }); db.exec('CREATE TABLE t (a); SELECT 1');`,
      `const db = new Database(path, { verbose: () => process.exit(0) }); db.prepare('SELECT 1').get();`,
      `const db = new Database(path); for (const row of db.prepare('SELECT 1').iterate()) process.exit(0);`,
    ]) {
      expect(runProgram(program, temporaryPath())).toEqual(whole);
    }
  });

  it('ends with process.exit() out of a user-defined function, however it was called', () => {
    for (const run of [
      `db.prepare('SELECT leave()').get()`,
      `db.prepare('SELECT leave()').all()`,
      `[...db.prepare('SELECT leave()').iterate()]`,
      `db.prepare('INSERT INTO t VALUES (leave())').run()`,
      `db.transaction(() => db.exec('INSERT INTO t VALUES (leave())'))()`,
      `db.prepare('SELECT leave_by_step() OVER (), leave_by_step() OVER (ORDER BY a) FROM t').all()`,
      `db.prepare('SELECT leave_by_result() FROM t GROUP BY a').all()`,
      `db.prepare('INSERT INTO t SELECT a FROM leaving').run()`,
      `db.exec('CREATE VIRTUAL TABLE v USING leaving_factory')`,
    ]) {
      const program = `const db = new Database(path); db.exec('CREATE TABLE t (a); INSERT INTO t VALUES (1)');
        db.function('leave', () => process.exit(0));
        db.aggregate('leave_by_step', { step: () => process.exit(0), inverse: () => 1 });
        db.aggregate('leave_by_result', { step: () => ({}), result: () => process.exit(0) });
        db.table('leaving', { columns: ['a'], *rows() { yield [1]; process.exit(0); } });
        db.table('leaving_factory', () => process.exit(0));
        ${run}; console.log('went on');`;
      const path = temporaryPath();
      expect(runProgram(program, path)).toEqual(whole);
      const db = new Database(path);
      expect(db.prepare('SELECT a FROM t').pluck().all()).toEqual([1]);
      db.close();
    }
  });

  it('collects functions that have been replaced, and those of a closed database', () => {
    const ended = runProgram(
      `const turn = () => new Promise((resolve) => setImmediate(resolve));
       const collected = async (references) => {
         for (let round = 0; round < 50 && references.some((each) => each.deref() !== undefined); round++) {
           // What has been looked at stays until the turn has ended.
           await turn();
           globalThis.gc();
         }
         return references.every((each) => each.deref() === undefined);
       };
       const define = (db, name, result) => {
         const fn = () => result;
         db.function(name, fn);
         return new WeakRef(fn);
       };
       const db = new Database(path);
       const replaced = [define(db, 'f', 1)];
       const kept = [define(db, 'f', 2), define(db, 'g', 3)];
       db.prepare('SELECT f()').get();
       if (!(await collected(replaced))) console.log('a replaced function is still there');
       if (db.prepare('SELECT f() + g()').pluck().get() !== 5) console.log('wrong');
       if (kept.some((each) => each.deref() === undefined)) console.log('a function is gone');
       db.close();
       if (!(await collected(kept))) console.log('functions of a closed database are still there');
       const table = (db, name, value) => {
         const rows = function* () { yield [value]; };
         db.table(name, { columns: ['a'], rows });
         // No prepared statements: they would keep it until they are dropped themselves.
         db.exec('SELECT * FROM ' + name);
         const factory = () => ({ columns: ['a'], rows });
         db.table(name + '_made', factory);
         db.exec('DROP TABLE IF EXISTS temp.' + name + '_v; CREATE VIRTUAL TABLE temp.' + name + '_v USING ' + name + '_made');
         db.exec('SELECT * FROM ' + name + '_v');
         return [new WeakRef(rows), new WeakRef(factory)];
       };
       const other = new Database(path);
       const old = table(other, 't', 1);
       const current = table(other, 't', 2);
       if (!(await collected(old))) console.log('a replaced table is still there');
       const iterator = other.prepare('SELECT t.a + v.a FROM t, temp.t_v v').pluck().iterate();
       if (iterator.next().value !== 4) console.log('wrong');
       iterator.return();
       other.close();
       if (!(await collected(current))) console.log('tables of a closed database are still there');
       const forgotten = (() => define(new Database(path), 'f', 4))();
       if (!(await collected([forgotten]))) console.log('a function of a forgotten database is still there');`,
      temporaryPath(),
      ['--expose-gc'],
    );
    expect(ended).toEqual(whole);
  });

  it('collects what aggregates have gathered, however they ended', () => {
    const ended = runProgram(
      `const turn = () => new Promise((resolve) => setImmediate(resolve));
       const db = new Database(path);
       db.exec('CREATE TABLE t (a); INSERT INTO t VALUES (1), (2), (3), (4)');
       let gathered = [];
       let fails = false;
       const step = (list, a) => {
         if (fails && a === 3) throw new Error('mine');
         const grown = [...list, a];
         gathered.push(new WeakRef(grown));
         return grown;
       };
       db.aggregate('gather', { start: () => [], step, inverse: (list) => list.slice(1), result: (list) => list.length });
       const whole = db.prepare('SELECT gather(a) FROM t GROUP BY a % 2');
       const windows = db.prepare('SELECT gather(a) OVER (ORDER BY a ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM t');
       const ways = [
         () => whole.all(),
         () => whole.get(),
         () => windows.all(),
         () => windows.get(),
         () => { for (const row of windows.iterate()) break; },
         () => { fails = true; try { whole.all(); } catch {} fails = false; },
         () => { fails = true; try { windows.all(); } catch {} fails = false; },
       ];
       for (const way of ways) {
         gathered = [];
         way();
         if (gathered.length === 0) console.log('nothing gathered by', String(way));
         for (let round = 0; round < 50 && gathered.some((each) => each.deref() !== undefined); round++) {
           await turn();
           globalThis.gc();
         }
         if (gathered.some((each) => each.deref() !== undefined)) console.log('still there after', String(way));
       }
       const left = windows.iterate();
       left.next();`,
      temporaryPath(),
      ['--expose-gc'],
    );
    expect(ended).toEqual(whole);
  });

  it('may call user-defined functions as often as it likes, and its memory does not grow with it', () => {
    const ended = runProgram(
      `const db = new Database(path);
       const bytes = Buffer.alloc(100);
       db.function('echo', (x) => x);
       db.function('fail', () => { throw new Error('mine'); });
       const call = db.prepare('WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n LIMIT 1000) SELECT count(echo(?)) FROM n');
       db.aggregate('last', { start: () => ({}), step: (total, x) => ({ x }), inverse: (total) => total, result: (total) => total.x });
       const aggregate = db.prepare('WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n LIMIT 100) SELECT length(last(?)) FROM n GROUP BY i');
       db.table('echoes', { columns: ['y'], parameters: ['x'], *rows(x) { for (let i = 0; i < 100; i++) yield [x]; } });
       const table = db.prepare('SELECT x, y FROM echoes(?)').raw();
       const fail = db.prepare('SELECT fail()');
       const work = (times) => {
         for (let i = 0; i < times; i++) {
           call.get(bytes);
           try { fail.get(); } catch {}
           db.function('again', () => i);
           aggregate.all(bytes);
           table.all(bytes);
           table.get(bytes);
         }
         globalThis.gc();
       };
       work(50);
       const before = process.memoryUsage().rss;
       work(500);
       const grownMiB = (process.memoryUsage().rss - before) / 2 ** 20;
       if (grownMiB > (process.env.ROWTAP_SANITIZER === 'asan' ? 400 : 60)) console.log('grown by MiB:', grownMiB);
       db.close();`,
      temporaryPath(),
      ['--expose-gc'],
    );
    expect(ended).toEqual(whole);
  });

  it('collects what it has forgotten, in any order, and closes it', () => {
    const ended = runProgram(
      `const turn = () => new Promise((resolve) => setImmediate(resolve));
       for (let round = 0; round < 20; round++) {
         const kept = [];
         for (let i = 0; i < 50; i++) {
           const db = new Database(path);
           db.exec('CREATE TABLE IF NOT EXISTS t (a)');
           kept.push(db.prepare('SELECT * FROM t'), db.prepare('INSERT INTO t VALUES (?)'));
           kept.at(-1).run(i);
         }
         kept.length = 0;
         globalThis.gc();
         await turn();
         globalThis.gc();
         await turn();
       }
       const { existsSync, readdirSync } = await import('node:fs');
       const open = existsSync('/proc/self/fd') ? readdirSync('/proc/self/fd').length : 0;
       if (open > 200) console.log('still open:', open);`,
      temporaryPath(),
      ['--expose-gc'],
    );
    expect(ended).toEqual(whole);
  });

  it('may prepare and forget within one turn of the event loop, and its memory does not grow with it', () => {
    const ended = runProgram(
      `const db = new Database(path);
       db.exec('CREATE TABLE t (a, b, c)');
       const prepare = (times) => { for (let i = 0; i < times; i++) db.prepare('SELECT a, b, c FROM t WHERE a = ? AND b > ?').get(i, i); };
       prepare(20000);
       const before = process.memoryUsage().rss;
       prepare(100000);
       const grownMiB = (process.memoryUsage().rss - before) / 2 ** 20;
       // Kept, they would take 500. ASan holds back the last 256 MiB that were freed.
       if (grownMiB > (process.env.ROWTAP_SANITIZER === 'asan' ? 400 : 100)) console.log('grown by MiB:', grownMiB);
       db.close();`,
      temporaryPath(),
    );
    expect(ended).toEqual(whole);
  });

  it('works where code generation from strings is forbidden', () => {
    const ended = runProgram(
      `const db = new Database(path);
       const statement = db.prepare("SELECT ? AS a, 'x' AS b");
       for (let i = 0; i < 1000; i++) {
         const row = statement.get(i);
         if (row.a !== i || row.b !== 'x') console.log('wrong:', row);
       }
       if (statement.raw().all(1)[0].length !== 2) console.log('wrong');`,
      temporaryPath(),
      ['--disallow-code-generation-from-strings'],
    );
    expect(ended).toEqual(whole);
  });
});

describe('rowtap: worker threads', () => {
  /** A program whose `start` begins a worker that runs `program`. */
  const withWorkers = (program: string, rest: string) => {
    const source = `import { parentPort, workerData } from 'node:worker_threads';
      const { Database } = await import(workerData.writer); const { path } = workerData; ${program}`;
    return `import { Worker } from 'node:worker_threads';
      const source = new URL(${JSON.stringify(`data:text/javascript,${encodeURIComponent(source)}`)});
      const start = () => new Worker(source, { workerData: { writer: ${JSON.stringify(compiledWriter)}, path } });
      ${rest}`;
  };

  it('each open, write and close databases of their own', () => {
    const path = temporaryPath();
    const ended = runProgram(
      withWorkers(
        `const db = new Database(path); const insert = db.prepare('INSERT INTO t VALUES (?)');
         for (let i = 0; i < 100; i++) insert.run(i);
         db.close(); parentPort.postMessage('done');`,
        `const db = new Database(path);
         db.pragma('journal_mode = WAL');
         db.exec('CREATE TABLE t (a)');
         const ended = () => new Promise((resolve, reject) => start().on('exit', resolve).on('error', reject));
         await Promise.all([ended(), ended(), ended(), ended()]);
         const count = db.prepare('SELECT count(*) FROM t').pluck().get();
         if (count !== 400) console.log('count:', count);`,
      ),
      path,
    );
    expect(ended).toEqual(whole);
  });

  it('may end, or be ended, with everything open', () => {
    const ended = runProgram(
      withWorkers(
        `const db = new Database(path); db.exec('CREATE TABLE IF NOT EXISTS t (a)');
         globalThis.kept = [db, db.prepare('SELECT 1'), db.prepare('SELECT 1 UNION SELECT 2').iterate()]; globalThis.kept[2].next();
         parentPort.postMessage('ready'); setInterval(() => db.prepare('SELECT 1').get(), 1);`,
        `for (let round = 0; round < 5; round++) {
           const worker = start();
           await new Promise((resolve) => worker.once('message', resolve));
           await worker.terminate();
         }
         new Database(path).exec('INSERT INTO t VALUES (1)');`,
      ),
      temporaryPath(),
    );
    expect(ended).toEqual(whole);
  });

  it('may be ended in the middle of a user-defined function, and end themselves there', () => {
    const ended = runProgram(
      withWorkers(
        `const db = new Database(path);
         db.exec('CREATE TABLE IF NOT EXISTS t (a)');
         const flag = new Int32Array(new SharedArrayBuffer(4));
         db.function('forever', (way) => {
           parentPort.postMessage('ready');
           if (way === 'exit') process.exit(0);
           if (way === 'wait') Atomics.wait(flag, 0, 0);
           for (;;) ;
         });
         db.aggregate('endless', { step: () => {}, result: () => { for (;;) ; } });
         db.table('rows', { columns: ['a'], *rows(way) { parentPort.postMessage('ready'); yield [0]; for (;;) yield [1]; } });
         parentPort.once('message', (way) => {
           try {
             db.exec("BEGIN; INSERT INTO t VALUES (0)");
             if (way === 'table') db.prepare('SELECT count(a) FROM rows(?)').get(way);
             if (way === 'aggregate') db.prepare('SELECT endless() FROM (SELECT a FROM rows(1) LIMIT 10)').get();
             for (const row of db.prepare("INSERT INTO t SELECT forever(?) UNION SELECT 2 RETURNING a").iterate(way)) ;
           } finally {
             console.log('went on');
           }
         });`,
        `for (const way of ['loop', 'wait', 'exit', 'table', 'aggregate', 'loop']) {
           const worker = start();
           worker.postMessage(way);
           const exited = new Promise((resolve) => worker.once('exit', resolve));
           await new Promise((resolve) => worker.once('message', resolve));
           if (way !== 'exit') worker.terminate();
           await exited;
         }
         const db = new Database(path);
         db.exec('INSERT INTO t VALUES (1)');
         if (db.prepare('SELECT count(*) FROM t').pluck().get() !== 1) console.log('not rolled back');`,
      ),
      temporaryPath(),
    );
    expect(ended).toEqual(whole);
  });

  it('may be ended in the middle of a long query', () => {
    const ended = runProgram(
      withWorkers(
        `const db = new Database(path); parentPort.postMessage('ready');
         for (;;) db.prepare('WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 20000) SELECT i FROM n').all();`,
        `const worker = start();
         await new Promise((resolve) => worker.once('message', resolve));
         await worker.terminate();`,
      ),
      temporaryPath(),
    );
    expect(ended).toEqual(whole);
  });
});
