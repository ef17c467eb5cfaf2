import { Database, openSource } from 'rowtap';
import { expect, onTestFinished, test } from 'vitest';
import { newPath } from '../snapshot/database-file.js';

test.each([
  ['live', 'before'],
  ['log', 'before'],
  ['live', 'after'],
  ['log', 'after'],
] as const)(
  'a file that is switched to WAL mode and nothing else has no gap: durability %s, %s its source is opened',
  async (durability, when) => {
    const db = new Database(newPath());
    onTestFinished(() => void db.close());
    if (when === 'before') db.pragma('journal_mode = WAL');
    const source = openSource(db, { durability });
    if (when === 'after') db.pragma('journal_mode = WAL');
    const subscription = source.subscribe({ consumer: 'c', snapshot: 'never' });
    // Written by connections of rowtap's own, one after the other.
    await subscription.flush();
    db.exec('CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1)');
    const ops: string[] = [];
    for await (const { op } of subscription) {
      ops.push(op);
      if (op === 'insert') break;
    }
    expect(ops).toEqual(['schema', 'insert']);
  },
);
