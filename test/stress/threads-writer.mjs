// One of several threads that write one file, each through two connections, with random transactions that meet each other's locks.
// Every transaction raises the ledger. Says how many it has committed, and what else went wrong.
import { parentPort, workerData } from 'node:worker_threads';

const { rowtap, path, seed, transactions, name } = workerData;
const { Database } = await import(rowtap);

// Mulberry32.
let state = seed >>> 0;
function random(below) {
  state = (state + 0x6d2b79f5) >>> 0;
  let mixed = Math.imul(state ^ (state >>> 15), state | 1);
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
  return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
}
const pick = (list) => list[random(list.length)];
const turn = () => new Promise((resolve) => setImmediate(resolve));

const value = () =>
  pick(['NULL', '1', '-7', '2.5', '5.0', "'text'", "'ä😀'", "x'00ff'", 'zeroblob(200)', 'hex(randomblob(60))', '9007199254740993']);
const key = () => random(300);
const conflict = () => pick(['', '', 'OR REPLACE', 'OR IGNORE', 'OR FAIL', 'OR ABORT']);
const statements = [
  () => `INSERT ${conflict()} INTO r VALUES (${key()}, ${key()}, ${value()})`,
  () =>
    `INSERT ${conflict()} INTO r VALUES (${key()}, ${key()}, ${value()}), (${key()}, ${key()}, ${value()}), (${key()}, ${key()}, ${value()})`,
  () => `UPDATE ${conflict()} r SET u = u + ${random(3)}, v = ${value()} WHERE id % 37 = ${random(37)}`,
  () => `UPDATE r SET id = id + 1000 WHERE id = ${key()}`,
  () => `DELETE FROM r WHERE id % 41 = ${random(41)} OR id > 999`,
  () => `INSERT ${conflict()} INTO w VALUES ('k${key()}', ${value()})`,
  () => `INSERT INTO w VALUES ('k${key()}', ${value()}) ON CONFLICT DO UPDATE SET v = excluded.v`,
  () => `DELETE FROM w WHERE k < 'k${key()}' AND k > 'k1'`,
  () => `INSERT INTO k SELECT id, v FROM r WHERE id % 50 = ${random(50)}`,
  () => `DELETE FROM k WHERE a % 3 = ${random(3)}`,
  () => `INSERT ${conflict()} INTO child VALUES (${key()}, (SELECT id FROM r ORDER BY id LIMIT 1 OFFSET ${random(50)}))`,
  () => `DELETE FROM r WHERE id IN (SELECT parent FROM child LIMIT 2)`,
];
const schemaStatements = [
  () => `CREATE TABLE IF NOT EXISTS ${pick(['n1', 'n2'])} (id INTEGER PRIMARY KEY, x)`,
  () => `DROP TABLE IF EXISTS ${pick(['n1', 'n2'])}`,
  () => `INSERT INTO ${pick(['n1', 'n2'])} (x) VALUES (${value()})`,
  () => `ALTER TABLE ${pick(['n1', 'n2'])} ADD COLUMN ${pick(['y', 'z'])} DEFAULT 5`,
];

/** SQLite's refusals are what a random statement may get. Gives the code. */
function attempt(db, sql) {
  try {
    db.exec(sql);
    return '';
  } catch (error) {
    const code = String(error.code);
    if (!code.startsWith('SQLITE_')) throw error;
    return code;
  }
}

const isLocked = (code) => code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED');
const outcomes = {};
const note = (outcome) => (outcomes[outcome] = (outcomes[outcome] ?? 0) + 1);

async function transact(db) {
  const begin = pick(['BEGIN', 'BEGIN', 'BEGIN IMMEDIATE', 'SAVEPOINT s']);
  const isYielding = random(20) === 0;
  if (attempt(db, begin) !== '') return 'locked';
  const roll = () => {
    if (db.inTransaction) db.exec('ROLLBACK');
  };
  // Reading first, and writing only then, is what meets SQLITE_BUSY_SNAPSHOT.
  if (random(2) === 0) attempt(db, 'SELECT count(*) FROM r');
  if (isYielding) await turn();
  const raised = attempt(db, 'UPDATE ledger SET n = n + 1');
  if (isLocked(raised)) {
    roll();
    return raised;
  }
  for (let left = random(6); left > 0; left--) {
    const code = attempt(db, random(60) === 0 ? pick(schemaStatements)() : pick(statements)());
    if (isLocked(code)) {
      roll();
      return code;
    }
    if (random(10) === 0) attempt(db, `SAVEPOINT t; ${pick(statements)()}; ${pick(['ROLLBACK TO t', 'RELEASE t'])}`);
    if (isYielding && random(2) === 0) await turn();
  }
  if (!db.inTransaction) return 'rolled back';
  if (random(8) === 0) {
    db.exec('ROLLBACK');
    return 'rolled back';
  }
  const code = attempt(db, begin === 'SAVEPOINT s' ? 'RELEASE s' : 'COMMIT');
  if (code === '' && !db.inTransaction) return 'committed';
  roll();
  return code === '' ? 'rolled back' : code;
}

async function write(db, wanted) {
  for (let committed = 0; committed < wanted; ) {
    const outcome = await transact(db);
    note(outcome);
    if (outcome === 'committed') ++committed;
    // Somebody else holds the lock, perhaps of this thread.
    if (isLocked(outcome) || outcome === 'locked' || random(10) === 0) await turn();
    if (random(500) === 0) note(`checkpoint ${attempt(db, `PRAGMA wal_checkpoint(${pick(['PASSIVE', 'FULL', 'RESTART', 'TRUNCATE'])})`)}`);
    if (random(300) === 0) note(`vacuum ${attempt(db, 'VACUUM')}`);
  }
}

/** Subscriptions that come and go, with a snapshot and without one, under a name and without one: each sees the ledger rise by one at a time. */
async function visit(db, isOver) {
  for (let visit = 0; !isOver(); visit++) {
    const options = pick([
      {},
      { snapshot: 'initial' },
      { consumer: `${name}-${random(3)}` },
      { consumer: `${name}-${random(3)}`, snapshot: 'never' },
    ]);
    const subscription = db.changes({ ...options, tables: ['ledger'] });
    let last;
    let left = 1 + random(50);
    for await (const change of subscription) {
      if (change.op === 'gap' && change.reason === 'restart') continue;
      if (change.op !== 'snapshot' && change.op !== 'update' && change.op !== 'bootstrap')
        throw new Error(`an unexpected ${change.op}: ${JSON.stringify(change)}`);
      if (change.op === 'bootstrap') continue;
      const { n } = change.after;
      if (last !== undefined && n !== last + 1) throw new Error(`${JSON.stringify(options)}: ${n} comes after ${last}`);
      last = n;
      if (--left === 0 || isOver()) break;
    }
    note('visit');
    await turn();
  }
}

const databases = [new Database(path, { timeout: 0 }), new Database(path, { timeout: 0 })];
for (const db of databases) db.exec('PRAGMA synchronous = OFF; PRAGMA foreign_keys = ON');
let isOver = false;
const visiting = visit(databases[0], () => isOver);
await Promise.all(databases.map((db) => write(db, transactions)));
isOver = true;
// The one that waits for a change is answered by the end.
for (const db of databases) db.close();
await visiting;
parentPort.postMessage(outcomes);
