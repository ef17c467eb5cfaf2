import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Database, Replica } from 'rowtap';
import { beforeEach, expect, test } from 'vitest';
import { turns } from '../support/captured.js';
import { musicShop } from '../support/music-shop.js';

const shop = musicShop();
let folder: string;
let db: Database;
let target: Database;
let replica: Replica;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rowtap-shop-'));
  db = new Database(join(folder, 'shop.db'));
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF');
  target = new Database(join(folder, 'replica.db'));
  target.exec('PRAGMA synchronous = OFF');
  replica = new Replica(target);
  return () => {
    db.close();
    target.close();
    rmSync(folder, { recursive: true });
  };
});

function expectWhole(): void {
  const { equal, tables } = replica.verify(db);
  expect(tables.filter(({ missing, extra, different }) => missing + extra + different > 0)).toEqual([]);
  expect(equal).toBe(true);
  expect(tables).toHaveLength(shop.tables);
  expect(tables.reduce((sum, { rows }) => sum + rows, 0)).toBe(shop.rows);
}

const load = `
  UPDATE Track SET UnitPrice = UnitPrice * 2 WHERE TrackId % 3 = 0;
  BEGIN; DELETE FROM PlaylistTrack WHERE PlaylistId = 1; SAVEPOINT s; DELETE FROM InvoiceLine; ROLLBACK TO s;
    UPDATE Customer SET Company = 'Ångström & Söhne'; COMMIT;
  INSERT OR REPLACE INTO Artist SELECT ArtistId, upper(Name) FROM Artist WHERE ArtistId < 100;
  ALTER TABLE Album ADD COLUMN Rating REAL DEFAULT 5; UPDATE Album SET Rating = 4.5 WHERE AlbumId % 2;
`;
const unload = `DELETE FROM PlaylistTrack WHERE PlaylistId = 2`;

test('a script that runs before anybody subscribes comes with the snapshot', async () => {
  db.exec(shop.sql);
  const subscription = db.changes({ snapshot: 'initial' });
  const following = replica.follow(subscription);
  const { rows, tables } = await subscription.bootstrapped;
  expect([rows, tables.length]).toEqual([shop.rows, shop.tables]);
  await turns();
  expectWhole();
  db.exec(load);
  db.exec(unload);
  await turns();
  expect(replica.verify(db).equal).toBe(true);
  await subscription.close();
  await following;
});

test('a script that runs after subscribing comes with its tables and rows', async () => {
  const subscription = db.changes();
  const following = replica.follow(subscription);
  db.exec(shop.sql);
  await turns();
  expectWhole();
  db.exec(`PRAGMA foreign_keys = OFF; ${shop.sql}`);
  await turns();
  expectWhole();
  await subscription.close();
  await following;
});

test('before and after: the second run drops and makes every table that the snapshot gave', async () => {
  db.exec(shop.sql);
  const subscription = db.changes({ snapshot: 'initial' });
  const following = replica.follow(subscription);
  db.exec(`PRAGMA foreign_keys = OFF; ${shop.sql}`);
  await subscription.bootstrapped;
  await turns();
  expectWhole();
  await subscription.close();
  await following;
});
