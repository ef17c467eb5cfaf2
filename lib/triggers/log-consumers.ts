import type { TriggerConnection } from './connection.js';

function has(connection: TriggerConnection, table: string): boolean {
  const sql = `SELECT 1 AS "one" FROM main.sqlite_schema WHERE "type" = 'table' AND "name" = ?`;
  return connection.prepare(sql).get(table) !== undefined;
}

/** What every named consumer of that log has acknowledged; undefined where it has none. */
export function acknowledgedLsn(connection: TriggerConnection, history: string): number | undefined {
  if (!has(connection, '_rowtap_checkpoints')) return undefined;
  const row = connection.prepare(`SELECT min("lsn") AS "lsn" FROM main."_rowtap_checkpoints" WHERE "history" = ?`).get(history);
  const { lsn } = row as { lsn: unknown };
  return typeof lsn === 'number' || typeof lsn === 'bigint' ? Number(lsn) : undefined;
}

/** With their table, where nobody else is in it. */
export function forgetConsumers(connection: TriggerConnection, history: string): void {
  if (!has(connection, '_rowtap_checkpoints')) return;
  connection.prepare(`DELETE FROM main."_rowtap_checkpoints" WHERE "history" = ?`).run(history);
  dropIfEmpty(connection, '_rowtap_checkpoints');
  dropIfEmpty(connection, '_rowtap_meta');
}

function dropIfEmpty(connection: TriggerConnection, table: string): void {
  if (!has(connection, table)) return;
  if (connection.prepare(`SELECT 1 AS "one" FROM main."${table}" LIMIT 1`).get() === undefined)
    connection.exec(`DROP TABLE main."${table}"`);
}
