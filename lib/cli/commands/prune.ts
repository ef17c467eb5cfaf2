import type { Retention } from '../../model/options.js';
import { pruneLog } from '../../rowtap.js';
import { pruneTriggerLog } from '../../triggers/prune-all.js';
import type { Arguments } from '../arguments.js';
import type { Command } from '../command.js';
import { exitCodes } from '../exit-codes.js';
import { chooseEngine, type Engine, engines, keptLogs } from '../kept-log.js';
import { openDatabase } from '../open-database.js';
import { print } from '../terminal/print.js';
import { countedText } from '../terminal/value-text.js';

export const prune: Command = {
  name: 'prune',
  operands: ['FILE'],
  summary: 'Delete what nobody needs any more from the log.',
  details: `Deletes what every named consumer has acknowledged (what is younger than two seconds stays). With --max-age or --max-bytes also
what consumers still need, who are then told by a gap event. It is done in short transactions, so that programs go on
writing, and makes room in the file for what comes; the file itself gets smaller by VACUUM only.`,
  options: {
    'max-age': { value: 'TIME', help: 'what is older goes, acknowledged or not, and what is younger stays: 30s, 15m, 12h, 7d' },
    'max-bytes': { value: 'BYTES', help: 'the oldest goes, acknowledged or not, until the log takes no more: 64KiB, 256MiB, 2GiB' },
    engine: { value: 'hook|trigger', choices: engines, help: 'only the log of that engine (default: all that the database keeps)' },
  },
  run: async (given: Arguments) => {
    const path = given.operand(0);
    const maxAgeMs = given.durationMs('max-age');
    const maxBytes = given.bytes('max-bytes');
    const retention: Retention = { ...(maxAgeMs && { maxAgeMs }), ...(maxBytes && { maxBytes }) };
    const asked = given.text('engine') as Engine | undefined;
    const database = openDatabase(path, { isReadonly: false });
    try {
      const kept = keptLogs(database);
      const chosen = kept.length > 1 && asked === undefined ? kept : [chooseEngine(path, kept, asked)];
      let rows = 0;
      for (const engine of chosen) {
        if (engine === 'hook') rows += (await pruneLog(database, retention)).rows;
        else rows += (await pruneTriggerLog(path, retention)).rows;
      }
      await print(process.stdout, `${path}: ${countedText(rows, 'row')} of the log deleted\n`);
      return exitCodes.fine;
    } finally {
      database.close();
    }
  },
};
