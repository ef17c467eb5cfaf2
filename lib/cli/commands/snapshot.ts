import { openSource } from '../../rowtap.js';
import type { Arguments } from '../arguments.js';
import type { Command } from '../command.js';
import { exitCodes } from '../exit-codes.js';
import { handOver } from '../hand-over.js';
import { openDatabase } from '../open-database.js';
import { handOverOptions, readSinkOptions } from '../sink-options.js';
import { tableOptions } from '../table-options.js';
import { print } from '../terminal/print.js';

export const snapshot: Command = {
  name: 'snapshot',
  operands: ['FILE'],
  summary: 'Show the rows that exist, and end.',
  details: `Shows all rows as of one moment, table by table: a "bootstrap" event for each table and then its rows, in the same
form as \`rowtap tail\`. The database is opened read-only and needs no log. In WAL mode programs may go on writing
meanwhile; in other journal modes their commits have to wait until the last row was read.`,
  options: handOverOptions,
  run: async (given: Arguments) => {
    const sink = readSinkOptions(given);
    const path = given.operand(0);
    const database = openDatabase(path, { isReadonly: true });
    try {
      const mode = database.pragma('main.journal_mode', { simple: true }) as string;
      if (mode !== 'wal')
        await print(process.stderr, `rowtap: ${path}: in journal mode "${mode}" commits of others wait until the last row was read\n`);
      const end = await handOver({ source: openSource(database), subscribe: { ...tableOptions(given), snapshot: 'only' }, sink });
      return end.by === 'signal' ? end.exitCode : exitCodes.fine;
    } finally {
      database.close();
    }
  },
};
