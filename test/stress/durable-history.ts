import { existsSync, readFileSync } from 'node:fs';
import { expect } from 'vitest';
import type { DurableReport, OutsideLine } from './durable-killed-child.js';
import type { DurableState, Position } from './durable-state.js';
import { changesOf, durableTransaction, Mirror } from './durable-transactions.js';
import { type ChangeImage, ExpectedTables } from './numbered-transactions.js';

interface Delivered {
  lsn: number;
  index: number;
  image: ChangeImage;
}

/** All changes that were committed, in their order, and the LSNs of those transactions that a consumer has been handed. */
class CommittedChanges {
  readonly #seed: number;
  readonly #tables = new ExpectedTables();
  readonly #all: { transaction: number; index: number; image: ChangeImage }[] = [];
  /** Where each transaction begins. */
  readonly #starts: number[] = [];
  readonly #lsns: number[] = [];

  constructor(seed: number) {
    this.#seed = seed;
  }

  get length(): number {
    return this.#all.length;
  }

  get transactions(): number {
    return this.#starts.length;
  }

  add(n: number): ChangeImage[] {
    const transaction = durableTransaction(this.#seed, n);
    expect(transaction.isRolledBack, `${n} was rolled back`).toBe(false);
    const images = changesOf(this.#tables, transaction);
    const place = this.#starts.push(this.#all.length) - 1;
    images.forEach((image, index) => this.#all.push({ transaction: place, index, image }));
    return images;
  }

  expectAt(at: number, { lsn, index, image }: Delivered, by: string): void {
    const expected = this.#all[at];
    const context = `change ${at} of all, as ${by} was handed it with LSN ${lsn}`;
    expect({ index, image }, context).toEqual({ index: expected?.index, image: expected?.image });
    const { transaction } = expected as { transaction: number };
    const known = this.#lsns[transaction];
    if (known !== undefined) expect(lsn, context).toBe(known);
    else {
      expect(transaction, `transactions come one after the other: ${context}`).toBe(this.#lsns.length);
      expect(lsn, `LSNs grow: ${context}`).toBeGreaterThan(this.#lsns.at(-1) ?? 0);
      this.#lsns.push(lsn);
    }
  }

  /** Of one that a consumer has been handed. */
  placeOf(lsn: number, index: number): number {
    return (this.#starts[this.#lsns.indexOf(lsn)] as number) + index;
  }

  /** The first change behind a position. */
  behind({ lsn, partialLsn, partialIndex }: Position): number {
    const next = this.#lsns.findIndex((known) => known > lsn);
    const transaction = next < 0 ? this.#lsns.length : next;
    const start = this.#starts[transaction] ?? this.#all.length;
    if (partialLsn === null) return start;
    expect(partialLsn, 'a part of a transaction is of the next one').toBe(this.#lsns[transaction]);
    return start + (partialIndex as number) + 1;
  }
}

function compare(one: Position | null, other: Position | null): number {
  const key = (position: Position | null): number[] => [position?.lsn ?? -1, position?.partialLsn ?? 0, position?.partialIndex ?? 0];
  const [left, right] = [key(one), key(other)];
  const at = left.findIndex((value, place) => value !== right[place]);
  return at < 0 ? 0 : (left[at] as number) - (right[at] as number);
}

/**
 * What the lives of one file with a log have done, one after the other, and what must hold of it: each consumer is handed every committed
 * change, in order and as it was, without a gap, `outside` again only from its position on, `inside` once.
 */
export class DurableHistory {
  readonly #outsidePath: string;
  readonly #changes: CommittedChanges;
  /** Of all that is committed, and of what `inside` has handled. */
  readonly #tables = new Mirror();
  readonly #mirror = new Mirror();
  readonly #ledger: number[] = [];
  #journalLength = 0;
  /** How many of all changes `outside` has been handed. */
  #outside = 0;
  #outsideBytes = 0;
  readonly #lines: OutsideLine[] = [];
  /** What each life has found, by its number. */
  readonly #found = new Map<number, Position | null>();
  #last: DurableState | undefined;
  /** The furthest change that was, or was about to be. */
  #acknowledged = -1;
  #flushed = -1;
  #hasBegun = false;
  /** What has been met, so that a test can see that it was. */
  readonly met = { repeated: 0, amid: 0, parts: 0, pruned: 0, schemas: 0 };

  constructor(seed: number, outsidePath: string) {
    this.#changes = new CommittedChanges(seed);
    this.#outsidePath = outsidePath;
  }

  get journalLength(): number {
    return this.#journalLength;
  }

  get transactions(): number {
    return this.#changes.transactions;
  }

  /** What a start finds, and what lives before it have reported. */
  judge(found: DurableState, life: number, reports: readonly DurableReport[]): void {
    expect(found.integrity).toBe('ok');
    const committed = reports.flatMap((report) => (report.kind === 'committed' ? [report.n] : []));
    this.#judgeTables(found, committed);
    this.#judgeInside(found);
    this.#judgeOutside(life);
    this.#judgePositions(found, reports);
    this.#found.set(life, found.positions.outside);
    this.#last = found;
  }

  /** Both have had everything. */
  judgeEnd(): void {
    expect(this.#journalLength, 'all that was committed has had its effect inside').toBe(this.#changes.length);
    expect(this.#outside, 'all that was committed has come outside').toBe(this.#changes.length);
  }

  #judgeTables(found: DurableState, committed: readonly number[]): void {
    expect(found.ledger.slice(0, this.#ledger.length), 'what was committed stays committed').toEqual(this.#ledger);
    for (const n of found.ledger.slice(this.#ledger.length)) {
      for (const image of this.#changes.add(n)) {
        this.#tables.apply(image);
        if (image[0] === 'schema create') this.met.schemas++;
      }
      this.#ledger.push(n);
    }
    expect(found.ledger, 'a COMMIT that has returned is in the database').toEqual(expect.arrayContaining([...committed]));
    expect(found.rows, 'the rows are those of the committed transactions').toEqual(this.#tables.rows());
  }

  #judgeInside(found: DurableState): void {
    for (const { lsn, index, image } of found.journal) {
      const parsed = JSON.parse(image) as ChangeImage;
      this.#changes.expectAt(this.#journalLength++, { lsn, index, image: parsed }, 'inside');
      this.#mirror.apply(parsed);
    }
    expect(found.journalLength, 'what had its effect keeps it').toBe(this.#journalLength);
    expect(found.mirror, 'the mirror is the tables as of its position').toEqual(this.#mirror.rows());
  }

  /** Of the lives before this one, which is going on meanwhile. */
  #judgeOutside(current: number): void {
    let life: number | undefined;
    let at = 0;
    for (const line of this.#linesBefore(current)) {
      if ('acknowledging' in line) this.#acknowledged = Math.max(this.#acknowledged, this.#changes.placeOf(...line.acknowledging));
      if ('flushed' in line) this.#flushed = Math.max(this.#flushed, this.#changes.placeOf(...line.flushed));
      if (!('image' in line)) continue;
      if (line.life !== life) {
        life = line.life;
        const position = this.#found.get(life);
        expect(position, 'a consumer that reads has a position, but for its first life').not.toBeUndefined();
        at = this.#firstOutside(position ?? null, line);
        this.met.repeated += Math.max(0, this.#outside - at);
      }
      this.#changes.expectAt(at, line, 'outside');
      this.#outside = Math.max(this.#outside, ++at);
    }
  }

  /** A life goes on from what had been acknowledged. */
  #firstOutside(position: Position | null, line: Delivered): number {
    if (position === null) return 0;
    const at = this.#changes.behind(position);
    expect(at, `nothing is left out before LSN ${line.lsn}`).toBeLessThanOrEqual(this.#outside);
    return at;
  }

  #linesBefore(life: number): OutsideLine[] {
    const bytes = existsSync(this.#outsidePath) ? readFileSync(this.#outsidePath).subarray(this.#outsideBytes) : Buffer.alloc(0);
    const whole = bytes.subarray(0, bytes.lastIndexOf('\n') + 1);
    this.#outsideBytes += whole.length;
    this.#lines.push(...whole.toString().split('\n').flatMap(parse));
    const next = this.#lines.findIndex((line) => line.life >= life);
    return this.#lines.splice(0, next < 0 ? this.#lines.length : next);
  }

  #judgePositions({ positions, log }: DurableState, reports: readonly DurableReport[]): void {
    this.#hasBegun ||= reports.some(({ kind }) => kind === 'begun');
    for (const consumer of ['outside', 'inside'] as const) {
      if (this.#hasBegun) expect(positions[consumer], `${consumer} is known once it has begun`).not.toBeNull();
      const before = this.#last?.positions[consumer] ?? null;
      expect(compare(positions[consumer], before), `the position of ${consumer} does not go back`).toBeGreaterThanOrEqual(0);
    }
    const { inside, outside } = positions;
    if (inside !== null) {
      expect(this.#changes.behind(inside), 'position and effect are one').toBe(this.#journalLength);
    }
    if (outside !== null) {
      const at = this.#changes.behind(outside);
      expect(at, 'a position is not ahead of what was acknowledged').toBeLessThanOrEqual(this.#acknowledged + 1);
      expect(at, 'a position that was flushed stays').toBeGreaterThan(this.#flushed);
      if (outside.partialLsn !== null) this.met.amid++;
    }
    this.met.parts = Math.max(this.met.parts, log?.parts ?? 0);
    const firstLsn = this.#last?.log?.firstLsn ?? null;
    if (firstLsn !== null && (log?.firstLsn ?? 0) > firstLsn) this.met.pruned++;
  }
}

/** A line may have been cut by the kill, or be empty. */
function parse(line: string): OutsideLine[] {
  try {
    return [JSON.parse(line) as OutsideLine];
  } catch {
    return [];
  }
}
