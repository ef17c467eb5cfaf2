import { Database, openSource } from 'rowtap';
import { expect, onTestFinished, test } from 'vitest';
import { newDatabase, newPath } from '../snapshot/database-file.js';
import { LedgerFollower, ledgerSchema, raiseLedger } from '../support/ledger.js';
import { printedSeed, seededRandom } from '../support/seeded-random.js';
import { Thread } from './thread.js';

const rounds = process.env.ROWTAP_SOAK === undefined ? 3 : 40;

const raise = `db.exec('${raiseLedger}');`;
const opened = `const db = new Database(path, { timeout: 60000, verbose: (sql) => void data.verbose?.(sql) });`;
const begun = `${opened} db.exec('BEGIN IMMEDIATE'); ${raise} db.exec("INSERT INTO t (text) VALUES ('never')");`;
const committing = `db.transaction(() => { ${raise} db.exec('REPLACE INTO t VALUES (abs(random()) % 500, hex(randomblob(20)))'); }).immediate();`;

/** Programs that say where they are, and either stay there or go on when they are told to. */
const stays: Record<string, string> = {
  'in the middle of a transaction': `${begun} say('there'); waitForever();`,
  'in a transaction, between two turns of its event loop': `${begun} say('there'); await heard(); waitForever();`,
  'in the middle of an iteration': `${opened} for (const row of db.prepare('SELECT * FROM t').iterate()) { say('there'); waitForever(); }`,
  'in the middle of an iteration that writes': `${opened} db.exec('BEGIN IMMEDIATE'); ${raise}
    for (const row of db.prepare("INSERT INTO t (text) VALUES ('never'), ('never') RETURNING id").iterate()) { say('there'); waitForever(); }`,
  'in the middle of a snapshot': `${opened} for await (const change of db.changes({ snapshot: 'initial' })) { say('there'); await heard(); }`,
  'while it awaits a change': `${opened} void db.changes()[Symbol.asyncIterator]().next(); say('there'); await heard(); waitForever();`,
  'with subscriptions that it never reads': `${opened} db.changes(); db.changes({ consumer: 'unread', snapshot: 'initial' });
    say('there'); await heard(); waitForever();`,
};
const goesOn: Record<string, string> = {
  'in a native call that reads': `${opened} for (;;) { say('there'); await heard(); db.prepare(
    'WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 50000) SELECT i FROM n').all(); }`,
  'in a native call that writes': `${opened} for (;;) { say('there'); await heard(); db.exec('BEGIN IMMEDIATE; ${raiseLedger}; ' +
    'INSERT INTO t (text) WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 500) SELECT i FROM n; ' +
    'DELETE FROM t WHERE id > 1001; COMMIT'); }`,
  'while it commits': `${opened} for (;;) { say('there'); await heard(); for (let i = 0; i < 20; ++i) ${committing} }`,
  'while it commits, reads and lets its event loop turn': `${opened}
    void (async () => { for await (const change of db.changes({ snapshot: 'initial', consumer: 'reads' })); })();
    for (;;) { say('there'); await heard(); for (let i = 0; i < 20; ++i) { ${committing} await new Promise((resolve) => setImmediate(resolve)); } }`,
  'while it subscribes': `${opened} for (;;) { say('there'); await heard(); const changes = db.changes({ snapshot: 'initial' });
    await changes[Symbol.asyncIterator]().next(); await changes.close(); }`,
  'while it opens and closes': `for (;;) { say('there'); await heard(); ${opened} ${committing} db.close(); }`,
};
const ends: Record<string, { program: string; code: number }> = {
  'process.exit() in a transaction': { program: `${begun} process.exit(3);`, code: 3 },
  'process.exit() in the verbose option': {
    program: `const db = new Database(path, { timeout: 60000, verbose: (sql) => { if (sql.startsWith('SELECT')) process.exit(4); } });
      db.exec("BEGIN IMMEDIATE; ${raiseLedger}; INSERT INTO t (text) VALUES ('never'); SELECT 1; COMMIT");`,
    code: 4,
  },
  'an error in a transaction': { program: `${begun} throw new Error('on purpose');`, code: 1 },
  'an error in an iteration': {
    program: `${opened} for (const row of db.prepare('SELECT * FROM t').iterate()) throw new Error('on purpose');`,
    code: 1,
  },
  'the end of its program in a transaction': { program: begun, code: 0 },
  'the end of its program with everything open': {
    program: `${begun} db.exec('ROLLBACK'); globalThis.kept = [db.prepare('SELECT * FROM t').iterate(), db.changes(), db.changes({ snapshot: 'initial' })];
      kept[0].next(); void kept[1][Symbol.asyncIterator]().next(); await kept[2][Symbol.asyncIterator]().next();`,
    code: 0,
  },
};

/** A thread that commits, one transaction after the other, each when this thread has come round: so that it can follow. */
class Bystander {
  readonly #thread: Thread;
  #commits = 0;
  #isPaused = false;
  #onTurn = (): void => {};

  constructor(path: string) {
    this.#thread = new Thread(`${opened} for (;;) { ${committing} say('committed'); await heard(); }`, path);
    // It ends with the thread.
    this.#drive().catch(() => {});
  }

  /** Resolves when it has committed once more, and then stands still. */
  async pause(): Promise<void> {
    const before = this.#commits;
    this.#isPaused = true;
    while (this.#commits === before) await new Promise<void>((resolve) => (this.#onTurn = resolve));
  }

  goOn(): void {
    this.#isPaused = false;
    this.#thread.tell('go on');
  }

  async #drive(): Promise<void> {
    for (;;) {
      await this.#thread.said();
      ++this.#commits;
      this.#onTurn();
      if (!this.#isPaused) this.#thread.tell('go on');
    }
  }
}

/** A database that this thread follows and another one writes, in which threads can come to an end. */
async function scene(): Promise<{ path: string; expectUnharmed: (context: unknown) => Promise<void> }> {
  const path = newPath();
  const rows = "CREATE TABLE t (id INTEGER PRIMARY KEY, text TEXT); INSERT INTO t VALUES (1000, 'a'), (1001, 'b')";
  const db = newDatabase(`${ledgerSchema}; ${rows}`, path);
  const follower = new LedgerFollower(db);
  onTestFinished(() => follower[Symbol.asyncDispose]());
  const bystander = new Bystander(path);
  const expectUnharmed = async (context: unknown): Promise<void> => {
    await bystander.pause();
    const impatient = new Database(path, { timeout: 0 });
    impatient.exec(`BEGIN IMMEDIATE; ${raiseLedger}; REPLACE INTO t VALUES (1000, 'written'); COMMIT`);
    impatient.close();
    await follower.expectEqual(context);
    expect(db.prepare("SELECT count(*) FROM t WHERE text = 'never'").pluck().get(), JSON.stringify(context)).toBe(0);
    bystander.goOn();
  };
  return { path, expectUnharmed };
}

test.each(Object.entries(stays))('a thread that is terminated %s harms nobody', async (place, program) => {
  const { path, expectUnharmed } = await scene();
  for (let round = 0; round < rounds; round++) {
    const thread = new Thread(program, path);
    expect(await thread.said()).toBe('there');
    await thread.terminate();
    expect(thread.error).toBeUndefined();
    await expectUnharmed({ place, round });
  }
});

test.each(Object.entries(goesOn))('a thread that is terminated %s, at whatever moment, harms nobody', async (place, program) => {
  const seed = printedSeed();
  const random = seededRandom(seed);
  const { path, expectUnharmed } = await scene();
  for (let round = 0; round < rounds * 2; round++) {
    const thread = new Thread(program, path);
    for (let times = random(5); times >= 0; times--) {
      expect(await thread.said()).toBe('there');
      thread.tell('go on');
    }
    for (let turns = random(4); turns > 0; turns--) await new Promise((resolve) => setImmediate(resolve));
    await thread.terminate();
    expect(thread.error).toBeUndefined();
    await expectUnharmed({ place, seed, round });
  }
});

test.each(Object.entries(ends))('a thread that ends by %s harms nobody', async (place, { program, code }) => {
  const { path, expectUnharmed } = await scene();
  for (let round = 0; round < rounds; round++) {
    const thread = new Thread(program, path);
    expect(await thread.exited).toBe(code);
    expect(thread.error === undefined).toBe(code !== 1);
    await expectUnharmed({ place, round });
  }
});

/** So many of them, in any order. */
function chosen<Item>(items: readonly Item[], count: number, random: (below: number) => number): Item[] {
  const left = [...items];
  return Array.from({ length: count }, () => left.splice(random(left.length), 1)[0] as Item);
}

test('many threads that are terminated at any moment, all at once, harm nobody', async () => {
  const seed = printedSeed();
  const random = seededRandom(seed);
  const { path, expectUnharmed } = await scene();
  const programs = Object.entries({ ...stays, ...goesOn });
  for (let round = 0; round < rounds * 2; round++) {
    // Each once: two of a kind would ask for the same consumer.
    const places = chosen(programs, 6, random);
    const threads = places.map(([, program]) => new Thread(program, path));
    for (const thread of threads) thread.tell('go on');
    // Some have not even begun then. One that holds the lock holds up others, so the first to come is waited for.
    await Promise.race(threads.map((thread) => thread.said()));
    await Promise.all(threads.map((thread) => thread.terminate()));
    await expectUnharmed({ seed, round, places: places.map(([place]) => place) });
  }
});

test('what a thread has not read is given back when it is terminated', async () => {
  const path = newPath();
  const db = newDatabase('CREATE TABLE t (id INTEGER PRIMARY KEY, bytes)', path);
  const source = openSource(db, { maxTransactionMemory: 4 * 1024 * 1024 });
  const insert = db.prepare('INSERT INTO t (bytes) VALUES (zeroblob(100000))');
  const write = (rows: number): number => {
    for (let row = 0; row < rows; row++) insert.run();
    return source.info().spilled;
  };
  const thread = new Thread(`new Database(path).changes({ maxBuffered: 2 ** 30 }); say('subscribed'); await heard();`, path);
  await thread.said();
  const whileHeld = write(100);
  expect(whileHeld).toBeGreaterThan(0);
  expect(write(10)).toBeGreaterThan(whileHeld);
  const before = source.info().spilled;
  await thread.terminate();
  // There is room in memory again.
  const changes = source.subscribe()[Symbol.asyncIterator]();
  expect(write(10)).toBe(before);
  for (let row = 0; row < 10; row++) await changes.next();
});
