import { RowtapError } from '../errors/rowtap-error.js';
import type { CatchupDatabase, CatchupStatement } from './database.js';

/** A row of `nextSql`, with its id as a number. */
export type SourceRow = Record<string, unknown> & { id: number };

/**
 * What `maxSql` and `nextSql` return, checked: rows that would come out of their order, or without an exact id, would be lost or processed twice.
 * Everything throws SqliteError for wrong SQL, and ROWTAP_CATCHUP_REFUSED for wrong results.
 */
export class SourceQueries {
  readonly #name: string;
  readonly #max: CatchupStatement;
  readonly next: CatchupStatement;

  constructor(database: CatchupDatabase, { name, maxSql, nextSql }: { name: string; maxSql: string; nextSql: string }) {
    this.#name = name;
    this.#max = database.prepare(maxSql);
    this.next = database.prepare(nextSql);
    this.#requireColumn('maxSql', this.#max, 'max');
    this.#requireColumn('nextSql', this.next, 'id');
    this.#max.safeIntegers(true);
  }

  /** Null where there is no row. */
  readMax(): number | null {
    const { max = null } = (this.#max.get() ?? {}) as { max?: unknown };
    if (max === null) return null;
    return this.#exactId(max) ?? this.#refuse(`\`maxSql\` returned ${show(max)} as \`max\`, which is no integer up to 2^53 - 1`);
  }

  hasRows(last: number, max: number): boolean {
    return this.readPage(last, max, 1).length > 0;
  }

  /** The first rows after `last` up to `max`, `size` at most. No statement stays open. */
  readPage(last: number, max: number, size: number): SourceRow[] {
    const rows: SourceRow[] = [];
    let before = last;
    for (const row of this.next.iterate({ last: BigInt(last), max: BigInt(max) }) as Iterable<SourceRow>) {
      const id = this.#idOf(row);
      if (id <= before) this.#refuse(`\`nextSql\` returned row ${id} after ${before}; it needs \`id > @last\` and \`ORDER BY id\``);
      // It has come since the round began, and belongs to the next one.
      if (id > max) break;
      row.id = id;
      before = id;
      rows.push(row);
      if (rows.length === size) break;
    }
    const [first] = rows;
    if (first !== undefined) this.#requireFirst(last, first.id);
    return rows;
  }

  /** With a LIMIT, and rows in another order, what comes first is not the first one; the rest would be passed over. */
  #requireFirst(last: number, first: number): void {
    if (first === last + 1) return;
    const row = this.next.get({ last: BigInt(last), max: BigInt(first - 1) }) as SourceRow | undefined;
    if (row === undefined) return;
    const id = this.#idOf(row);
    if (id < first) this.#refuse(`\`nextSql\` returned row ${first} before ${id}; it needs \`ORDER BY id\``);
  }

  #idOf(row: SourceRow): number {
    const id: unknown = row.id;
    return this.#exactId(id) ?? this.#refuse(`\`nextSql\` returned ${show(id)} as \`id\`, which is no integer up to 2^53 - 1`);
  }

  #exactId(value: unknown): number | undefined {
    const id = typeof value === 'bigint' ? Number(value) : value;
    return Number.isSafeInteger(id) ? (id as number) : undefined;
  }

  #requireColumn(option: string, statement: CatchupStatement, column: string): void {
    if (!statement.reader || !statement.readonly) this.#refuse(`\`${option}\` has to be a SELECT`);
    const names = statement.columns().map(({ name }) => name);
    if (names.filter((name) => name === column).length !== 1) {
      this.#refuse(
        `\`${option}\` has to return one column named \`${column}\`, and returns ${names.map((name) => `\`${name}\``).join(', ')}`,
      );
    }
  }

  #refuse(detail: string): never {
    throw new RowtapError('ROWTAP_CATCHUP_REFUSED', { name: this.#name, detail });
  }
}

function show(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}
