#!/usr/bin/env node
import { snapshot } from './commands/snapshot.js';
import { tail } from './commands/tail.js';
import { verify } from './commands/verify.js';
import { runProgram } from './program.js';

await runProgram(
  {
    name: 'rowtap',
    summary: 'rowtap shows what is written to an SQLite database: every committed row change, in order.',
    commands: [tail, snapshot, verify],
  },
  process.argv.slice(2),
);
