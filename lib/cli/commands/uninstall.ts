import { uninstallTriggers } from '../../triggers/install.js';
import type { Arguments } from '../arguments.js';
import type { Command } from '../command.js';
import { exitCodes } from '../exit-codes.js';
import { openDatabase } from '../open-database.js';
import { print } from '../terminal/print.js';
import { safeText } from '../terminal/value-text.js';

export const uninstall: Command = {
  name: 'uninstall',
  operands: ['FILE'],
  summary: 'Take the triggers and their log out again.',
  details: `Removes the triggers, their log with all that is in it, and the positions of its consumers. The log of the hook
engine, if there is one, stays.`,
  options: { table: { value: 'TABLE', isList: true, help: 'only from this table, any number of times; the log stays then' } },
  run: async (given: Arguments) => {
    const path = given.operand(0);
    openDatabase(path, { isReadonly: true }).close();
    const tables = given.list('table');
    const removed = uninstallTriggers(path, tables === undefined ? {} : { tables })
      .tables.map((table) => safeText(table))
      .join(', ');
    await print(process.stdout, `${path}: changes of ${removed === '' ? 'no table' : removed} are logged no more\n`);
    return exitCodes.fine;
  },
};
