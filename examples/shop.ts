/**
 * A small web shop, watched: `make demo`.
 *
 * A subscriber takes the rows that are there as a snapshot, then every committed change, and keeps a replica with them. In the end the replica,
 * which saw nothing but the stream, is compared with the shop's database row by row; the exit code says whether they are equal.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';
import { Database, openSource, Replica } from 'rowtap';
import { Dice } from './shop/dice.js';
import { Follower } from './shop/follower.js';
import { LiveView } from './shop/live-view.js';
import { Shop } from './shop/shop.js';
import { measureThroughput } from './shop/throughput.js';
import { createShop } from './shop/tables.js';
import { showVerification } from './shop/verification.js';
import { Screen } from './terminal/screen.js';
import { SnapshotProgressBar } from './terminal/snapshot-progress.js';
import { formatCount, formatSeconds } from './terminal/text.js';

const actsPerTurn = 12;
const turns = 200;

/** Resolves to whether the replica was equal in the end. */
async function runDemo(folder: string, screen: Screen): Promise<boolean> {
  // On a terminal somebody watches: the first acts come slowly enough to be read.
  const pauseMs = screen.isTerminal ? { act: 200, turn: 12 } : { act: 0, turn: 0 };
  const dice = new Dice();

  const db = new Database(join(folder, 'shop.db'));
  createShop(db, dice);
  const copy = new Database(join(folder, 'replica.db'));
  copy.pragma('journal_mode = WAL');
  copy.pragma('synchronous = OFF');

  const source = openSource(db);
  const view = new LiveView(screen);
  const progress = new SnapshotProgressBar(screen);
  const replica = new Replica(copy);
  const subscription = source.subscribe({ snapshot: 'initial', onProgress: progress.update, maxBuffered: 512 * 1024 * 1024 });
  const follower = new Follower(replica, subscription, (transaction) => view.showTransaction(transaction));
  await follower.reached((await subscription.ready).lsn);
  await subscription.bootstrapped;
  progress.end();

  const shop = new Shop(db, dice);
  while (shop.openingActs > 0) {
    view.showDeed(shop.act());
    await follower.reached(source.info().lsn);
    view.draw(true);
    await delay(pauseMs.act);
  }
  view.isTelling = false;
  const startedAt = performance.now();
  const countedBefore = view.changeCount;
  for (let turn = 0; turn < turns; turn++) {
    for (let act = 0; act < actsPerTurn; act++) view.showDeed(shop.act());
    await (pauseMs.turn > 0 ? delay(pauseMs.turn) : nextTurn());
  }
  await follower.reached(source.info().lsn);
  const mixed = { changes: view.changeCount - countedBefore, ms: performance.now() - startedAt };
  view.end();

  // The follower rests, so that what is timed is delivery alone; what it has missed waits for it, in the same stream.
  const resume = follower.pause();
  const throughput = await measureThroughput(db, source);
  resume();
  await follower.reached(source.info().lsn);

  const isEqual = showVerification(screen, replica.verify(db));
  screen.line();
  // On a terminal the shop made pauses, and its rate would say nothing.
  if (!screen.isTerminal) showRate(screen, 'small transactions, written, delivered and applied to the replica', mixed);
  showRate(screen, 'bulk load, written and delivered in one thread', throughput);

  await source.close();
  copy.close();
  db.close();
  return isEqual;
}

function showRate(screen: Screen, what: string, { changes, ms }: { changes: number; ms: number }): void {
  const rate = screen.bold(`${formatCount(changes / (ms / 1000))} changes/s`);
  screen.line(`${what}: ${rate} (${formatCount(changes)} in ${formatSeconds(ms)})`);
}

const folder = mkdtempSync(join(tmpdir(), 'rowtap-demo-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
process.once('SIGINT', () => process.exit(130));
process.once('SIGTERM', () => process.exit(143));

const screen = new Screen();
screen.line(screen.bold('A web shop, its changes, and a replica that is fed by them alone'));
if (!(await runDemo(folder, screen))) process.exitCode = 1;
