import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Change, Database, openSource } from 'rowtap';
import { expect, onTestFinished, test } from 'vitest';

const marker = 'the row that will be damaged';

/** A database one of whose records claims a serial type that SQLite has reserved, as a failing disk could make it. */
function damagedDatabase(): Database {
  const folder = mkdtempSync(join(tmpdir(), 'rowtap-damaged-'));
  const path = join(folder, 'damaged.db');
  const whole = new Database(path);
  whole.exec(`CREATE TABLE bad (id INTEGER PRIMARY KEY, text); CREATE TABLE good (id INTEGER PRIMARY KEY);
    INSERT INTO bad VALUES (1, 'fine'), (2, '${marker}'), (3, 'fine'); INSERT INTO good VALUES (1)`);
  whole.close();
  const bytes = readFileSync(path);
  const text = bytes.indexOf(marker);
  expect(bytes[text - 1]).toBe(13 + 2 * marker.length);
  bytes[text - 1] = 11;
  writeFileSync(path, bytes);
  const db = new Database(path);
  db.pragma('journal_mode = WAL');
  onTestFinished(() => {
    db.close();
    rmSync(folder, { recursive: true });
  });
  return db;
}

const brief = (change: Change): string =>
  `${change.op} ${change.table ?? change.reason} ${'key' in change ? String(change.key?.['id']) : ''}`.trim();

test('a row that cannot be decoded is announced in its place, loudly, and never stops the others', async () => {
  const db = damagedDatabase();
  const warnings: Error[] = [];
  const onWarning = (warning: Error): void => void warnings.push(warning);
  process.on('warning', onWarning);
  onTestFinished(() => void process.off('warning', onWarning));
  const source = openSource(db);
  const subscription = source.subscribe();
  db.exec(
    'BEGIN; DELETE FROM bad WHERE id = 1; DELETE FROM bad WHERE id = 2; DELETE FROM good; DELETE FROM bad WHERE id = 3; COMMIT; INSERT INTO good VALUES (2)',
  );
  const goodOnly = source.subscribe({ tables: ['good'] });
  db.exec('INSERT INTO good VALUES (3)');
  const changes: Change[] = [];
  for await (const change of subscription) {
    changes.push(change);
    if (change.table === 'good' && 'key' in change && change.key?.['id'] === 3) break;
  }
  expect(changes.map(brief)).toEqual([
    'delete bad 1',
    'gap history-changed',
    'delete good 1',
    'delete bad 3',
    'insert good 2',
    'insert good 3',
  ]);
  const info = source.info();
  expect(info).toMatchObject({ state: 'degraded', gaps: 1, error: { code: 'ROWTAP_CORRUPT_ROW' } });
  expect(info.error?.message).toContain('table bad');
  await new Promise((resolve) => setImmediate(resolve));
  expect(warnings).toMatchObject([{ name: 'RowtapWarning', code: 'ROWTAP_CORRUPT_ROW' }]);
  await goodOnly.close();
});
