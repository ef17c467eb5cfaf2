import { installTriggers } from '../../triggers/install.js';
import type { Arguments } from '../arguments.js';
import type { Command } from '../command.js';
import { exitCodes } from '../exit-codes.js';
import { openDatabase } from '../open-database.js';
import { print } from '../terminal/print.js';
import { safeText } from '../terminal/value-text.js';

export const install: Command = {
  name: 'install',
  operands: ['FILE'],
  summary: 'Put the triggers in that write a log of what any program changes.',
  details: `Makes the log and, for each table, the triggers that write to it, or makes them anew where the table has changed since. From
then on \`rowtap tail\` shows what any program commits, whatever it is written in. Twice is fine.`,
  options: { table: { value: 'TABLE', isList: true, help: 'only this table, any number of times (default: all tables)' } },
  run: async (given: Arguments) => {
    const path = given.operand(0);
    openDatabase(path, { isReadonly: true }).close();
    const tables = given.list('table');
    const installed = installTriggers(path, tables === undefined ? {} : { tables });
    const text = installed.tables.map((table) => safeText(table)).join(', ');
    await print(process.stdout, `${path}: changes of ${text === '' ? 'no table' : text} are logged\n`);
    return exitCodes.fine;
  },
};
