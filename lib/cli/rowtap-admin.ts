#!/usr/bin/env node
import { dropConsumer } from './commands/drop-consumer.js';
import { install } from './commands/install.js';
import { prune } from './commands/prune.js';
import { status } from './commands/status.js';
import { uninstall } from './commands/uninstall.js';
import { runProgram } from './program.js';

await runProgram(
  {
    name: 'rowtap-admin',
    summary: 'rowtap-admin looks after the logs and the consumers that rowtap keeps in an SQLite database.',
    commands: [install, uninstall, status, dropConsumer, prune],
  },
  process.argv.slice(2),
);
