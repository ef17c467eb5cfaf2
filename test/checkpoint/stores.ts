/** Stores of one file, each with a hub as far as they look at it: delivery and the addon's capture are left out. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { type CheckpointsConfig, openCheckpoints } from '../../lib/checkpoint/checkpoints.js';
import { Database, openUncaptured } from '../../lib/writer/database.js';

export const firstLsn = 1_700_000_000_000_000;

let lives = 0;

/** As far as checkpoints look at a hub. */
export class Hub {
  current = firstLsn;
  isTransactionOpen = false;
  readonly #life: string;
  readonly #consumers: Set<string>;

  /** `consumers` are the names in use, of all threads. */
  constructor(consumers = new Set<string>()) {
    this.#life = `life ${++lives}`;
    this.#consumers = consumers;
  }
  lsn(): number {
    return this.current;
  }
  raiseLsn(lsn: number): void {
    this.current = Math.max(this.current, lsn);
  }
  isThreadInTransaction(): boolean {
    return this.isTransactionOpen;
  }
  life(): string {
    return this.#life;
  }
  takeConsumer(name: string): boolean {
    return !this.#consumers.has(name) && this.#consumers.add(name).has(name);
  }
  freeConsumer(name: string): void {
    this.#consumers.delete(name);
  }
}

export function setUp(options: { isMemory?: boolean; mode?: string } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'rowtap-test-'));
  const path = join(folder, 'test.db');
  // Another connection, that nobody captures: what it does is as if another process did it.
  const other = new Database(path, { timeout: 0 });
  other.pragma(`journal_mode = ${options.mode ?? 'wal'}`);
  other.exec('CREATE TABLE t (id)');
  const consumers = new Set<string>();
  /** A subscription that begins as soon as its consumer is open. */
  const open = (hub = new Hub(consumers), isReadonly = false, config: Partial<CheckpointsConfig> = {}) => {
    const { isMemory = false } = options;
    const checkpoints = openCheckpoints({
      hub,
      isReadonly,
      isMemory,
      connect: () => {
        const connection = openUncaptured(path, { isReadonly, timeoutMs: 5 });
        return {
          prepare: (sql) => connection.prepare(sql),
          exec: (sql) => connection.exec(sql),
          claim: () => !hub.isTransactionOpen,
          close: () => connection.close(),
        };
      },
      ...config,
    });
    onTestFinished(() => checkpoints.close());
    checkpoints.restoreLsn();
    const openAndBegin = (consumer: string) => {
      const opened = checkpoints.open(consumer);
      opened.begin(hub.lsn());
      return opened;
    };
    const store = { open: openAndBegin, error: () => checkpoints.error(), close: () => checkpoints.close() };
    return { store, hub, checkpoints };
  };
  onTestFinished(() => {
    other.close();
    rmSync(folder, { recursive: true });
  });
  const stored = (consumer: string) =>
    other.prepare('SELECT lsn, snapshot_lsn AS snapshotLsn FROM _rowtap_checkpoints WHERE consumer = ?').get(consumer);
  const reserved = () => other.prepare(`SELECT value FROM _rowtap_meta WHERE name = 'reserved_lsn'`).pluck().get() as number;
  return { other, path, open, stored, reserved };
}
