import { type Change, Database, openSource, Replica, type Source } from 'rowtap';
import { expect } from 'vitest';

/** Its name; it has acknowledged nothing since it began, so the log keeps everything for it. */
const consumer = 'archive';
const marker = 'end_of_archive';
let readings = 0;

function openLogged(db: Database): Source {
  // It has the file open from here on, so that SQLite's count of commits goes on when rowtap's own connections are closed.
  db.prepare('SELECT * FROM sqlite_schema').all();
  return openSource(db, { name: consumer, durability: 'log' });
}

/** The file keeps a log from here on, and nothing of it is pruned. No other source of the file is open. */
export async function beginArchive(path: string): Promise<void> {
  const db = new Database(path);
  const source = openLogged(db);
  const subscription = source.subscribe({ consumer, snapshot: 'never' });
  subscription.ack(source.info().lsn);
  await subscription.flush();
  await source.close();
  db.close();
}

/** All that the log holds, as somebody reads it who comes when all is over. */
export async function readArchive(path: string): Promise<Change[]> {
  const db = new Database(path);
  try {
    const source = openLogged(db);
    const subscription = source.subscribe({ consumer, snapshot: 'never', ack: 'manual' });
    const changes: Change[] = [];
    // In a table of its own, that leaves no trace but in the log.
    const end = `${marker}_${++readings}`;
    db.exec(`CREATE TABLE ${end} (n); DROP TABLE ${end}`);
    for await (const change of subscription) {
      if (change.table === end && change.op === 'schema' && change.change === 'drop') break;
      if (change.table?.startsWith(marker) !== true) changes.push(change);
    }
    await source.close();
    return changes;
  } finally {
    db.close();
  }
}

/** What is built from the log alone is what the file's tables hold, `before` standing there before the log began. Gives what the log has. */
export async function expectArchiveAgrees(path: string, before: readonly Change[], context: unknown): Promise<Change[]> {
  const changes = await readArchive(path);
  const original = new Database(path);
  const target = new Database(':memory:');
  try {
    // What generated columns are made of a blob depends on it.
    target.pragma(`encoding = "${String(original.pragma('encoding', { simple: true }))}"`);
    const replica = new Replica(target);
    replica.apply(before);
    replica.apply(changes.filter(({ op }) => op !== 'gap'));
    const { equal, tables } = replica.verify(original);
    const wrong = tables.filter(({ missing, extra, different }) => missing + extra + different > 0);
    expect({ equal, wrong, context }).toEqual({ equal: true, wrong: [], context });
  } finally {
    original.close();
    target.close();
  }
  return changes;
}
