import { setTimeout as wait } from 'node:timers/promises';
import { openSource } from '../../rowtap.js';
import type { Arguments } from '../arguments.js';
import type { Command } from '../command.js';
import { CommandError } from '../command-error.js';
import { exitCodes } from '../exit-codes.js';
import { keptLogs } from '../kept-log.js';
import { keepAll } from '../log-source.js';
import { openDatabase } from '../open-database.js';
import { print } from '../terminal/print.js';

const patienceMs = 10_000;

export const dropConsumer: Command = {
  name: 'drop-consumer',
  operands: ['FILE', 'NAME'],
  summary: 'Forget a consumer and its position.',
  details: `The log is kept for every consumer that has not acknowledged it yet, so one that never comes back makes it grow. A consumer that
is being read, by whatever program, is not dropped. \`rowtap-admin status FILE\` lists them.`,
  options: {},
  run: async (given: Arguments) => {
    const path = given.operand(0);
    const consumer = given.operand(1);
    const database = openDatabase(path, { isReadonly: false });
    try {
      const source = openSource(database, keptLogs(database).includes('hook') ? { durability: 'log', retention: keepAll } : {});
      const known = source.consumers().map((info) => info.consumer);
      if (!known.includes(consumer)) {
        throw new CommandError(
          `${path}: there is no consumer "${consumer}", but ${known.map((name) => `"${name}"`).join(', ') || 'none at all'}`,
        );
      }
      // It waits for a lock as long as it takes.
      const late = Symbol('late');
      if ((await Promise.race([source.dropConsumer(consumer), wait(patienceMs, late, { ref: false })])) === late) {
        throw new CommandError(`${path}: the database is locked by another program. Try again when its transaction has ended.`);
      }
      await print(process.stdout, `${path}: consumer "${consumer}" is forgotten\n`);
      return exitCodes.fine;
    } finally {
      database.close();
    }
  },
};
