import { statSync } from 'node:fs';
import type { ConsumerInfo } from '../../model/source.js';
import { type Database, openSource } from '../../rowtap.js';
import { listUserTables } from '../../schema/user-tables.js';
import { type TriggerStatus, triggerStatus } from '../../triggers/install.js';
import type { Arguments } from '../arguments.js';
import type { Command } from '../command.js';
import { exitCodes } from '../exit-codes.js';
import { type HookLogStatus, lagBehind, readHookLog } from '../hook-log.js';
import { keptLogs } from '../kept-log.js';
import { openDatabase } from '../open-database.js';
import { print } from '../terminal/print.js';
import { textTable } from '../terminal/text-table.js';
import { bytesText, countedText, countText, safeText } from '../terminal/value-text.js';

interface Status {
  file: string;
  bytes: number;
  journalMode: string;
  tables: string[];
  hookLog: HookLogStatus | null;
  triggerLog: TriggerStatus | null;
  consumers: ConsumerStatus[];
}

/** `lag`: transactions of its log that it has before it; null where that is gone. */
type ConsumerStatus = ConsumerInfo & { lag: number | null };

export const status: Command = {
  name: 'status',
  operands: ['FILE'],
  summary: 'Show tables, triggers, the size of the log, and the consumers with their lag.',
  details: 'Reads only, and can be asked while programs write.',
  options: { format: { value: 'json|text', choices: ['json', 'text'], help: 'text (the default), or one line of JSON' } },
  run: async (given: Arguments) => {
    const path = given.operand(0);
    const database = openDatabase(path, { isReadonly: true });
    try {
      const found = readStatus(path, database);
      await print(process.stdout, given.text('format') === 'json' ? `${JSON.stringify(found)}\n` : statusText(found));
      return exitCodes.fine;
    } finally {
      database.close();
    }
  },
};

function readStatus(path: string, database: Database): Status {
  const kept = keptLogs(database);
  const hasHookLog = kept.includes('hook');
  const consumers = openSource(database).consumers();
  const triggerLog = kept.includes('trigger') ? triggerStatus(path) : null;
  return {
    file: path,
    bytes: statSync(path).size,
    journalMode: database.pragma('main.journal_mode', { simple: true }) as string,
    tables: listUserTables(database),
    hookLog: hasHookLog ? readHookLog(database) : null,
    triggerLog,
    consumers: consumers.map((info) => ({ ...info, lag: lagOf(database, info, hasHookLog, triggerLog) })),
  };
}

/** A consumer reads the log whose name stands beside its position. */
function lagOf(database: Database, { consumer, lsn }: ConsumerInfo, hasHookLog: boolean, triggerLog: TriggerStatus | null): number | null {
  const history = database.prepare('SELECT "history" FROM main."_rowtap_checkpoints" WHERE "consumer" = ?').pluck().get(consumer);
  if (triggerLog !== null && history === triggerLog.history) return Math.max(0, triggerLog.lsn - lsn);
  return hasHookLog ? lagBehind(database, lsn) : null;
}

function statusText({ file, bytes, journalMode, tables, hookLog, triggerLog, consumers }: Status): string {
  const facts = [
    ['file', `${file}, ${bytesText(bytes)}, journal mode ${journalMode}`],
    ['tables', tables.length === 0 ? 'none' : tables.map((table) => safeText(table)).join(', ')],
    ['hook log', hookLog === null ? 'none' : hookLogText(hookLog)],
    ['triggers', triggerLog === null ? 'none' : triggerText(triggerLog)],
  ];
  const people = consumers.map(({ consumer, lag, updatedAt, isActive, owner }) => [
    safeText(consumer),
    lag === null ? '' : `${countedText(lag, 'transaction')} behind`,
    isActive && owner !== undefined
      ? `read by process ${owner.pid} on ${safeText(owner.host)}`
      : `read by nobody, last ${timeText(updatedAt)}`,
  ]);
  const lines = [...textTable(facts), 'consumers', ...(people.length === 0 ? ['  none'] : textTable(people).map((line) => `  ${line}`))];
  return `${lines.join('\n')}\n`;
}

function hookLogText({ transactions, bytes, oldestAt, newestAt }: HookLogStatus): string {
  const times = oldestAt === null || newestAt === null ? '' : `, from ${timeText(oldestAt)} to ${timeText(newestAt)}`;
  return `${countedText(transactions, 'transaction')}, ${bytesText(bytes)}${times}`;
}

function triggerText({ tables, logTable, rows, bytes }: TriggerStatus): string {
  const states = tables.map(({ table, state }) => `${safeText(table)} ${state}`).join(', ');
  return `${states === '' ? 'on no table' : states}; log ${safeText(logTable)}: ${countText(rows)} rows, ${bytesText(bytes)}`;
}

function timeText(timeMs: number): string {
  return new Date(timeMs).toISOString();
}
