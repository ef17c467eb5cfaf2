import type { Database } from 'rowtap';
import { dataTables, mirrored, tableImage } from './durable-transactions.js';
import type { ChangeImage, Row } from './numbered-transactions.js';

/** Everything up to `lsn`, and of the transaction `partialLsn` the changes up to `partialIndex`. */
export interface Position {
  lsn: number;
  partialLsn: number | null;
  partialIndex: number | null;
}

export interface Effect {
  lsn: number;
  index: number;
  image: string;
}

/** What a start finds of the lives before it, as of one moment. */
export interface DurableState {
  integrity: string;
  ledger: number[];
  rows: string[];
  /** The at-least-once consumer's, and the exactly-once one's. */
  positions: { outside: Position | null; inside: Position | null };
  /** Behind those that were known. */
  journal: Effect[];
  journalLength: number;
  mirror: string[];
  log: { firstLsn: number; entries: number; parts: number } | null;
}

export function readDurableState(db: Database, knownJournal: number): DurableState {
  const all = <T>(sql: string, ...parameters: unknown[]): T[] => db.prepare(sql).all(...parameters) as T[];
  const has = (table: string): boolean => all('SELECT 1 FROM sqlite_schema WHERE name = ?', table).length > 0;
  const position = (consumer: string): Position | null => {
    if (!has('_rowtap_checkpoints')) return null;
    const columns = 'lsn, partial_lsn AS partialLsn, partial_index AS partialIndex';
    return all<Position>(`SELECT ${columns} FROM _rowtap_checkpoints WHERE consumer = ?`, consumer)[0] ?? null;
  };
  const rowsOf = (table: string): string[] =>
    all<Row>(`SELECT * FROM ${table}`).map((row) => {
      const image: ChangeImage = ['insert', table, null, tableImage(table, row)];
      const { put } = mirrored(image);
      return `${table} ${put?.key} ${put?.image}`;
    });
  const logSql = 'SELECT min(id) >> 11 AS firstLsn, count(*) AS entries, max(id & 2047) + 1 AS parts FROM _rowtap_log';
  const read = (): DurableState => ({
    integrity: db.pragma('integrity_check', { simple: true }) as string,
    ledger: all<{ n: number }>('SELECT n FROM ledger ORDER BY seq').map(({ n }) => n),
    rows: dataTables.flatMap(rowsOf).sort(),
    positions: { outside: position('outside'), inside: position('inside') },
    journal: all<Effect>('SELECT lsn, "index", image FROM journal WHERE seq > ? ORDER BY seq', knownJournal),
    journalLength: all<{ count: number }>('SELECT count(*) AS count FROM journal')[0]?.count ?? 0,
    mirror: all<{ row: string }>(`SELECT name || ' ' || key || ' ' || image AS row FROM mirror`)
      .map(({ row }) => row)
      .sort(),
    log: has('_rowtap_log') ? (all<DurableState['log']>(logSql)[0] ?? null) : null,
  });
  return db.transaction(read)();
}
