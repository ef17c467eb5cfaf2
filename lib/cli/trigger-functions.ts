import { CommandError } from './command-error.js';

export interface TriggerStatus {
  tables: { table: string; state: string }[];
  logTable: string;
  rows: number;
  bytes: number;
}

/** What the package exports for the trigger engine. */
export interface TriggerFunctions {
  installTriggers: (path: string, options?: { tables?: string[] }) => { tables: string[] };
  uninstallTriggers: (path: string, options?: { tables?: string[] }) => { tables: string[] };
  triggerStatus: (path: string) => TriggerStatus;
  pruneTriggerLog: (path: string, retention?: { maxAgeMs?: number; maxBytes?: number }) => { rows: number } | Promise<{ rows: number }>;
}

const names = ['installTriggers', 'uninstallTriggers', 'triggerStatus', 'pruneTriggerLog'] as const;

/** Throws a CommandError where this build has no trigger engine. */
export async function loadTriggerFunctions(): Promise<TriggerFunctions> {
  const exported = (await import('../index.js')) as Partial<TriggerFunctions>;
  if (names.every((name) => typeof exported[name] === 'function')) return exported as TriggerFunctions;
  throw new CommandError(
    'this version of rowtap has no trigger engine. Install one that has, or follow programs that open it with `durability: "log"`.',
  );
}
