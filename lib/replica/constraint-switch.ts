import type { ReplicaDatabase, ReplicaStatement } from './database.js';

/** What may stand in the way of changes that have been made elsewhere already, and how it has to be for them. */
const wanted = { foreign_keys: 0, ignore_check_constraints: 1 } as const;

/**
 * Switches foreign keys and CHECK constraints off on one connection, and back to what they were.
 *
 * Switching makes SQLite compile every prepared statement anew, which takes ten times as long as a small transaction. So where one follows
 * another they stay off until the event loop turns.
 */
export class ConstraintSwitch {
  readonly #db: ReplicaDatabase;
  readonly #reads: { pragma: keyof typeof wanted; read: ReplicaStatement }[] = [];
  #undo: string[] = [];
  #turn: NodeJS.Immediate | undefined;

  constructor(db: ReplicaDatabase) {
    this.#db = db;
  }

  /** Outside of a transaction, where alone it has an effect (https://www.sqlite.org/pragma.html#pragma_foreign_keys). */
  off(): void {
    if (this.#reads.length === 0) {
      for (const pragma of Object.keys(wanted) as (keyof typeof wanted)[]) {
        this.#reads.push({ pragma, read: this.#db.prepare(`PRAGMA ${pragma}`).pluck().safeIntegers(false) });
      }
    }
    for (const { pragma, read } of this.#reads) {
      const state = read.get() as number;
      if (state === wanted[pragma]) continue;
      this.#db.exec(`PRAGMA ${pragma} = ${wanted[pragma]}`);
      this.#undo.push(`PRAGMA ${pragma} = ${state}`);
    }
  }

  restore(): void {
    if (this.#turn !== undefined) clearImmediate(this.#turn);
    this.#turn = undefined;
    for (const sql of this.#undo) this.#db.exec(sql);
    this.#undo = [];
  }

  restoreSoon(): void {
    this.#turn ??= setImmediate(() => {
      this.#turn = undefined;
      try {
        if (this.#db.open) this.restore();
      } catch {
        // Busy with somebody's iteration, in which no change can be applied either; the next `apply` does it.
      }
    });
  }
}
