import { verifyTables, type Verification } from '../../replica/verification.js';
import { listUserTables } from '../../schema/user-tables.js';
import { makeTableFilter, requireTables } from '../../sources/table-filter.js';
import type { Arguments } from '../arguments.js';
import type { Command } from '../command.js';
import { exitCodes } from '../exit-codes.js';
import { openDatabase } from '../open-database.js';
import { tableOptions } from '../table-options.js';
import { type Paints, paintsFor } from '../terminal/paints.js';
import { print } from '../terminal/print.js';
import { textTable } from '../terminal/text-table.js';
import { countedText, countText, safeText } from '../terminal/value-text.js';

export const verify: Command = {
  name: 'verify',
  operands: ['FILE', 'OTHER'],
  summary: 'Compare the rows of two databases.',
  details: `Compares every table of the two, row by row, each database as of one moment, and changes nothing. Ends with 0 only where
all tables are there in both, with the same columns and the same rows; with 3 where they differ.`,
  options: {
    table: { value: 'TABLE', isList: true, help: 'only this table; a name or a pattern ("order*"), any number of times' },
    'exclude-table': { value: 'TABLE', isList: true, help: 'all but this table; wins over --table' },
    format: { value: 'json|text', choices: ['json', 'text'], help: 'text (the default), or one line of JSON' },
  },
  run: async (given: Arguments) => {
    const lists = tableOptions(given);
    const file = openDatabase(given.operand(0), { isReadonly: true });
    try {
      const other = openDatabase(given.operand(1), { isReadonly: true });
      try {
        const tables = new Set([...listUserTables(file), ...listUserTables(other)]);
        requireTables(lists.tables, [...tables], 'the two databases');
        const found = verifyTables(file, other, makeTableFilter(lists).accepts);
        await print(
          process.stdout,
          given.text('format') === 'json' ? `${JSON.stringify(found)}\n` : verificationText(found, paintsFor(process.stdout)),
        );
        return found.equal ? exitCodes.fine : exitCodes.different;
      } finally {
        other.close();
      }
    } finally {
      file.close();
    }
  },
};

function verificationText({ equal, tables }: Verification, { green, red }: Paints): string {
  const rows = tables.map(({ table, rows: count, missing, extra, different }) => {
    const differences = [
      missing > 0 ? `${countText(missing)} only in FILE` : '',
      extra > 0 ? `${countText(extra)} only in OTHER` : '',
      different > 0 ? `${countText(different)} different` : '',
    ].filter((text) => text !== '');
    return [safeText(table), countedText(count, 'row'), differences.length === 0 ? green('equal') : red(differences.join(', '))];
  });
  return `${[...textTable(rows), equal ? green('The databases are equal.') : red('The databases differ.')].join('\n')}\n`;
}
