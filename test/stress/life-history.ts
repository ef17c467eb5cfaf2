import { expect } from 'vitest';
import type { DatabaseState } from './database-state.js';
import type { Report } from './killed-child.js';
import { type ChangeImage, ExpectedTables, listRows, numberedTransaction } from './numbered-transactions.js';

type ReportOf<Kind extends Report['kind']> = Extract<Report, { kind: Kind }>;

/**
 * What the lives of one database file have reported, one after the other, and what must hold of it. A life is judged by what the next start
 * finds in the database.
 */
export class LifeHistory {
  readonly #seed: number;
  readonly #tables = new ExpectedTables();
  #found: DatabaseState | undefined;
  /** Of the lives before the one that is judged. */
  #highestLsn = 0;
  #highestAcknowledged = 0;

  constructor(seed: number) {
    this.#seed = seed;
  }

  /** The first state, and then what the start after each life finds, with what that life had reported. */
  judge(found: DatabaseState, reports: readonly Report[]): void {
    const before = this.#found;
    this.#found = found;
    expect(found.integrity).toBe('ok');
    expect(ofKind(reports, 'failed')).toEqual([]);
    const known = before?.ledger ?? [];
    expect(found.ledger.slice(0, known.length), 'what was committed stays committed').toEqual(known);
    expect(found.ledger, 'a COMMIT that has returned is in the database').toEqual(
      expect.arrayContaining(ofKind(reports, 'committed').map(({ n }) => n)),
    );
    const snapshot = snapshotOf(reports);
    const changesOf = new Map<number, ChangeImage[]>();
    for (let seq = known.length; ; seq++) {
      if (snapshot?.committed === seq) expect(snapshot.rows, 'the snapshot is the database as of one commit').toEqual(this.#tables.rows());
      if (seq === found.ledger.length) break;
      const transaction = numberedTransaction(this.#seed, found.ledger[seq] as number);
      expect(transaction.isRolledBack, `${transaction.n} was rolled back`).toBe(false);
      changesOf.set(seq + 1, this.#tables.commit(transaction));
    }
    expect(found.rows, 'the rows are those of the committed transactions').toEqual(this.#tables.rows());
    if (snapshot !== undefined) expect(snapshot.committed).toBeLessThanOrEqual(found.ledger.length);

    const plain = received(reports, 'plain');
    const named = received(reports, 'named');
    const lsns = new Map<number, number>();
    this.#judgeStream(plain, known.length, changesOf, lsns);
    this.#judgeStream(named, snapshot?.committed ?? known.length, changesOf, lsns);
    this.#judgeOrder(lsns);
    if (before !== undefined) this.#judgeConsumer(before, found, reports);
    for (const { isEqual, seq } of ofKind(reports, 'verified')) expect(isEqual, `the replica equals its original at ${seq}`).toBe(true);
    const all = [...plain, ...named].map(({ lsn }) => lsn);
    this.#highestLsn = Math.max(this.#highestLsn, ...all);
  }

  /** Nothing that was not committed, nothing left out, everything as it was. */
  #judgeStream(
    stream: readonly ReportOf<'received'>[],
    from: number,
    changesOf: ReadonlyMap<number, ChangeImage[]>,
    lsns: Map<number, number>,
  ): void {
    let next = from + 1;
    for (const { lsn, changes } of stream) {
      if (!changes.some(([op]) => isOfRow(op))) continue;
      expect(changes, `transaction ${next} of the ledger`).toEqual(changesOf.get(next) ?? 'not committed');
      expect(lsn, `the LSN of transaction ${next} is the same for all`).toBe(lsns.get(next) ?? lsn);
      lsns.set(next, lsn);
      next++;
    }
  }

  #judgeOrder(lsns: ReadonlyMap<number, number>): void {
    let last = this.#highestLsn;
    for (const [, lsn] of [...lsns].sort(([one], [other]) => one - other)) {
      expect(lsn, 'LSNs grow in the order of the commits, from life to life').toBeGreaterThan(last);
      last = lsn;
    }
  }

  #judgeConsumer(before: DatabaseState, found: DatabaseState, reports: readonly Report[]): void {
    const [subscribed] = ofKind(reports, 'subscribed');
    const named = received(reports, 'named');
    const gaps = named.flatMap(({ changes }) => changes.filter(([op]) => op === 'gap'));
    if (named.length > 0) {
      expect(gaps.length, 'a consumer that was there before is told of a gap, once').toBe(before.checkpoint === null ? 0 : 1);
      if (gaps.length > 0) expect(named[0]?.changes[0]?.[0], 'and before anything else').toBe('gap');
    }
    if (subscribed === undefined) return;

    const acknowledged = ofKind(reports, 'acknowledging').map(({ lsn }) => lsn);
    this.#highestAcknowledged = Math.max(this.#highestAcknowledged, subscribed.lsn, ...acknowledged);
    const position = found.checkpoint?.lsn ?? -1;
    expect(position, 'a consumer that has begun is known').toBeGreaterThanOrEqual(0);
    expect(position, 'a position does not go back').toBeGreaterThanOrEqual(before.checkpoint?.lsn ?? 0);
    expect(position, 'a position that was flushed stays').toBeGreaterThanOrEqual(
      Math.max(0, ...ofKind(reports, 'flushed').map(({ lsn }) => lsn)),
    );
    expect(position, 'a position is not ahead of what was acknowledged').toBeLessThanOrEqual(this.#highestAcknowledged);
    const highest = Math.max(0, ...ofKind(reports, 'received').map(({ lsn }) => lsn));
    expect(found.reservedLsn ?? 0, 'no LSN is handed over that a clock set back could give again').toBeGreaterThanOrEqual(highest);
  }
}

function ofKind<Kind extends Report['kind']>(reports: readonly Report[], kind: Kind): ReportOf<Kind>[] {
  return reports.filter((report): report is ReportOf<Kind> => report.kind === kind);
}

function received(reports: readonly Report[], by: 'named' | 'plain'): ReportOf<'received'>[] {
  return ofKind(reports, 'received').filter((report) => report.by === by);
}

function isOfRow(op: string): boolean {
  return op === 'insert' || op === 'update' || op === 'delete';
}

/** Of how many commits, and with which rows. Undefined where none was read to its end, which the next change or a comparison shows. */
function snapshotOf(reports: readonly Report[]): { committed: number; rows: string[] } | undefined {
  const named = received(reports, 'named');
  const isWhole = named.some(({ changes }) => changes.some(([op]) => isOfRow(op))) || ofKind(reports, 'verified').length > 0;
  if (!isWhole || !named.some(({ changes }) => changes.some(([op]) => op === 'bootstrap'))) return undefined;
  const rows = named.flatMap(({ changes }) => changes.filter(([op]) => op === 'snapshot'));
  return {
    committed: rows.filter(([, table]) => table === 'ledger').length,
    rows: listRows(rows.map(([, table, , image]) => ({ table, image }))),
  };
}
