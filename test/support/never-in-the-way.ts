import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { Database } from 'rowtap';
import { expect } from 'vitest';
import { Application, type Outcome, type Step, stepArbitrary } from './application.js';
import { beginArchive, expectArchiveAgrees } from './archive.js';
import { Onlookers } from './onlookers.js';
import { openPlain } from './plain-database.js';

/**
 * All that an application can notice of rowtap; whatever else differs is a fault. docs/reference/guarantees.md lists the same. Rowtap's own
 * tables are left out by the application's questions themselves, and DELETE has a condition always (test/support/application.ts).
 */
const noticeable: { what: string; why: string; explains: (difference: Difference) => boolean | Promise<boolean> }[] = [
  {
    what: 'while a snapshot is open, or somebody reads on in the log, leaving WAL mode, writing in exclusive locking mode, and a whole WAL checkpoint are refused',
    why: 'that is one more reader of the file; as soon as it has ended, the same call does what it does without rowtap',
    explains: async ({ call, captured, world, again }) => {
      const isRefused = captured.startsWith('SqliteError SQLITE_BUSY:') || captured.startsWith('[{"busy":"1n"');
      const isAboutReaders = /^\d PRAGMA (?:journal_mode =|wal_checkpoint\()/.test(call) || world.isExclusive;
      if (!isRefused || !isAboutReaders || !world.onlookers.isReading) return false;
      await world.onlookers.endReading();
      return again();
    },
  },
  {
    what: 'the frames that PRAGMA wal_checkpoint counts, since a snapshot was open, a consumer named, or a table dropped; with a log always',
    why:
      "what is logged has frames too; a snapshot keeps the WAL from being reset, so it is longer; consumers' positions are commits, with frames of their own; and the rows of a " +
      'table with foreign keys are deleted one by one before it is dropped, not all at once',
    explains: ({ call, plain, captured, isAfterSame, world }) =>
      isAfterSame && /^\d PRAGMA wal_checkpoint/.test(call) && world.hasOtherFrames && withoutCounts(plain) === withoutCounts(captured),
  },
  {
    what: 'PRAGMA data_version has changed, once a consumer has been named',
    why: "it counts the commits of other connections, and consumers' positions are such commits",
    explains: ({ call, isAfterSame, world }) => isAfterSame && call.endsWith(' PRAGMA data_version') && world.versionsAgree(),
  },
  {
    what: 'last_insert_rowid() after VACUUM is greater by two, once a consumer has been named; by four where a log is kept',
    why: "VACUUM leaves in it how many entries the schema has, and rowtap's tables are among them",
    explains: ({ plain, captured, world }) => plain === captured && world.isLastRowidOfVacuum,
  },
  {
    what: 'PRAGMA schema_version is greater by two, once a consumer has been named; by four where a log is kept',
    why: "rowtap's tables are created when the first position is written, and those of the log when it is begun",
    explains: ({ call, plain, captured, isAfterSame, world }) =>
      isAfterSame && call.endsWith(' PRAGMA schema_version') && numberIn(captured) - numberIn(plain) === world.tablesOfRowtap,
  },
];

interface Difference {
  call: string;
  plain: string;
  captured: string;
  /** The connection's state and counters agree. */
  isAfterSame: boolean;
  world: Worlds;
  /** Runs the step anew in the captured world; whether it now gives what it gave in the other, or what else can be noticed. */
  again: () => Promise<boolean>;
}

export interface ScriptStep extends Step {
  beside: { kind: number; choice: number }[];
}

export interface Script {
  connections: number;
  mode: string;
  encoding: string;
  steps: ScriptStep[];
}

/** In the second world: nothing is written for the capture until a consumer is named, or the file keeps a log. */
export type Durability = 'live' | 'log';

export const scriptArbitrary: fc.Arbitrary<Script> = fc.record({
  connections: fc.constantFrom(1, 2, 3),
  mode: fc.constantFrom('WAL', 'WAL', 'WAL', 'DELETE'),
  encoding: fc.constantFrom('UTF-8', 'UTF-8', 'UTF-16le', 'UTF-16be'),
  steps: fc.array(
    fc.tuple(stepArbitrary, fc.array(fc.record({ kind: fc.nat(99), choice: fc.nat(9999) }), { maxLength: 3 })).map(([step, beside]) => ({
      ...step,
      beside,
    })),
    { minLength: 1, maxLength: 60, size: 'max' },
  ),
});

const withoutCounts = (row: string): string => row.replaceAll(/"(log|checkpointed)":"\d+n"/g, '"$1"');
const numberIn = (row: string): bigint => BigInt(/"(-?\d+)n"/.exec(row)?.[1] ?? '-1');

/** Runs the script without rowtap and with it, step by step, and compares everything that the application gets to see. */
export async function runBothWays(script: Script, durability: Durability): Promise<Onlookers['done']> {
  const worlds = await Worlds.begin(script, durability);
  try {
    for (const step of script.steps) await worlds.step(step);
    await worlds.compareFiles();
    return worlds.onlookers.done;
  } finally {
    await worlds.end();
  }
}

/** The same application twice, each with a file of its own; the second one has onlookers. */
class Worlds {
  readonly onlookers: Onlookers;
  /** Some connection wants to be alone. */
  isExclusive = false;
  isLastRowidOfVacuum = false;
  /** The WALs may have different lengths. */
  hasOtherFrames = false;
  readonly #keepsLog: boolean;
  readonly #plain: Application;
  readonly #captured: Application;
  readonly #history: string[] = [];
  /** By connection, as they were asked last. */
  readonly #versions = new Map<string, { plain: bigint; captured: bigint }>();
  #isVersionExplained = true;
  readonly #vacuumed = new Set<string>();

  static async begin(script: Script, durability: Durability): Promise<Worlds> {
    const folders = [newFolder(script.encoding), newFolder(script.encoding)] as const;
    if (durability === 'log') await beginArchive(join(folders[1], 'test.db'));
    return new Worlds(script, folders, durability === 'log');
  }

  private constructor({ connections, mode }: Script, folders: readonly [plain: string, captured: string], keepsLog: boolean) {
    this.#keepsLog = keepsLog;
    this.#plain = new Application(folders[0], openPlain, connections, mode);
    this.#captured = new Application(folders[1], (path) => new Database(path, { timeout: 0 }), connections, mode);
    this.onlookers = new Onlookers(this.#captured.connections, keepsLog);
  }

  get tablesOfRowtap(): bigint {
    return this.#keepsLog ? 4n : this.onlookers.hasHadConsumer ? 2n : 0n;
  }

  get #hasOwnFrames(): boolean {
    return this.#keepsLog || this.onlookers.isReading || this.onlookers.hasHadConsumer;
  }

  async step({ beside, ...step }: ScriptStep): Promise<void> {
    for (const { kind, choice } of beside) {
      this.onlookers.act(kind, choice);
      await turn();
    }
    await turn();
    this.hasOtherFrames ||= this.#hasOwnFrames;
    const plain = this.#plain.act(step);
    const captured = this.#captured.act(step);
    this.#history.push(`${plain.call} -> ${plain.result}`);
    if (/DROP TABLE/.test(plain.call)) this.hasOtherFrames = true;
    if (/PRAGMA locking_mode = EXCLUSIVE/.test(plain.call)) this.isExclusive = true;
    this.#noteVersions(plain, captured);
    expect({ faults: this.onlookers.faults, history: this.#history }).toEqual({ faults: [], history: this.#history });
    await this.#compare(step, plain, captured);
    if (/PRAGMA wal_checkpoint\(TRUNCATE\)/.test(plain.call) && plain.result.startsWith('[{"busy":"0n"')) {
      this.hasOtherFrames = this.#hasOwnFrames;
    }
  }

  async #compare(step: Step, plain: Outcome, captured: Outcome): Promise<void> {
    if (captured.call === plain.call && (await this.#isSame(step, plain, captured))) return;
    expect({ captured, history: this.#history }).toEqual({ captured: plain, history: this.#history });
  }

  async #isSame(step: Step, plain: Outcome, captured: Outcome): Promise<boolean> {
    this.#noteLastRowid(plain, captured);
    if (captured.result === plain.result && captured.after === plain.after) {
      return plain.call.endsWith(' PRAGMA data_version') ? this.#isVersionExplained : true;
    }
    const again = (): Promise<boolean> => this.#isSame(step, plain, this.#captured.act(step));
    const isAfterSame = captured.after === plain.after || this.isLastRowidOfVacuum;
    const difference: Difference = { call: plain.call, plain: plain.result, captured: captured.result, isAfterSame, world: this, again };
    for (const { explains } of noticeable) if (await explains(difference)) return true;
    return false;
  }

  versionsAgree(): boolean {
    return this.#isVersionExplained;
  }

  /** Until the connection inserts something again. */
  #noteLastRowid(plain: Outcome, captured: Outcome): void {
    const connection = plain.call[0] as string;
    if (plain.after === captured.after) this.#vacuumed.delete(connection);
    else if (plain.call.endsWith(' VACUUM')) this.#vacuumed.add(connection);
    const moved = plain.after.replace(/"(-?\d+)n"\]$/, (_, rowid: string) => `"${BigInt(rowid) + this.tablesOfRowtap}n"]`);
    this.isLastRowidOfVacuum = this.tablesOfRowtap > 0n && this.#vacuumed.has(connection) && moved === captured.after;
  }

  #noteVersions(plain: Outcome, captured: Outcome): void {
    const connection = plain.call[0] as string;
    if (plain.call.endsWith('close and open')) this.#versions.delete(connection);
    if (!plain.call.endsWith(' PRAGMA data_version')) return;
    const now = { plain: numberIn(plain.result), captured: numberIn(captured.result) };
    const last = this.#versions.get(connection);
    this.#versions.set(connection, now);
    const hasChanged = last !== undefined && last.plain !== now.plain;
    const hasChangedCaptured = last !== undefined && last.captured !== now.captured;
    this.#isVersionExplained = hasChanged === hasChangedCaptured || (hasChangedCaptured && this.onlookers.hasHadConsumer);
  }

  /** What the files hold in the end, as a new connection reads it. */
  async compareFiles(): Promise<void> {
    await this.onlookers.end();
    const [plain, captured] = [this.#plain, this.#captured].map((application) => application.contents());
    expect({ contents: captured, history: this.#history }).toEqual({ contents: plain, history: this.#history });
    if (!this.#keepsLog) return;
    const changes = await expectArchiveAgrees(this.#captured.path, [], this.#history);
    // No hook announces VACUUM's commit: where it is the last one, those who come later take it for somebody else's.
    const isVacuumed = this.#history.some((call) => call.includes(' VACUUM -> '));
    const gaps = changes.filter((change) => change.op === 'gap' && !(isVacuumed && change.reason === 'external-writer'));
    expect({ gaps, history: this.#history }).toEqual({ gaps: [], history: this.#history });
  }

  async end(): Promise<void> {
    await this.onlookers.end();
    this.#plain.end();
    this.#captured.end();
  }
}

/** With a database of that encoding, in which nothing is. */
function newFolder(encoding: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'rowtap-beside-'));
  openPlain(join(folder, 'test.db')).exec(`PRAGMA encoding = "${encoding}"; CREATE TABLE x (x); DROP TABLE x`).close();
  return folder;
}

/** Of the event loop: what was published is handed over, and what was acknowledged is written. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
