import type { Arguments } from '../arguments.js';
import type { Command } from '../command.js';
import { exitCodes } from '../exit-codes.js';
import { handOver } from '../hand-over.js';
import { type Engine, engines } from '../kept-log.js';
import { openLogSource } from '../log-source.js';
import { handOverOptions, readSinkOptions } from '../sink-options.js';
import { tableOptions } from '../table-options.js';

export const tail: Command = {
  name: 'tail',
  operands: ['FILE'],
  summary: 'Follow what programs write to a database.',
  details: `Shows every committed change from now on, until it is stopped. It reads the log that the database keeps: that
of its triggers (\`rowtap-admin install\`), or that of programs that open it with \`durability: "log"\`.

With --consumer it begins where the last run with that name has stopped, and what could not be handed over then
comes first. A batch is acknowledged when the output has it. After SIGINT or SIGTERM the batch that is being
handed over is finished and acknowledged; a second signal ends the process at once. After a kill or a power cut the last
batch can come again: "lsn" and "index" name a change for ever.`,
  options: {
    consumer: { value: 'NAME', help: 'keep the position under this name, in the database' },
    snapshot: {
      help: 'the rows that exist already come first; with --consumer in its first run, and again\nwhere changes may have been missed',
    },
    ...handOverOptions,
    engine: { value: 'hook|trigger', choices: engines, help: 'whose log is read, where the database keeps both' },
  },
  run: async (given: Arguments) => {
    const sink = readSinkOptions(given);
    const consumer = given.text('consumer');
    const engine = given.text('engine') as Engine | undefined;
    const isSnapshot = given.has('snapshot');
    // A position has to be written; and beside others who write, a snapshot is refused where it would be in their way.
    const log = await openLogSource(given.operand(0), { engine, isReadonly: consumer === undefined && !isSnapshot });
    try {
      const subscribe = { ...tableOptions(given), snapshot: isSnapshot ? 'when-needed' : 'never', ...(consumer && { consumer }) } as const;
      await handOver({ source: log.source, subscribe, sink });
      return exitCodes.fine;
    } finally {
      await log.close();
    }
  },
};
