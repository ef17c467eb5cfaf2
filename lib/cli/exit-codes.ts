/** What the executables end with; docs/reference/command-line.md and their help say the same. */
export const exitCodes = {
  fine: 0,
  /** It could not be done. */
  failure: 1,
  /** It was asked in a way that has no meaning. */
  usage: 2,
  /** `rowtap verify`. */
  different: 3,
  /** Where changes go to has refused them, or could not be reached. */
  sink: 4,
  /** Stopped before it was complete: 128 and the number of the signal, as a shell has it. */
  SIGINT: 130,
  SIGTERM: 143,
} as const;

export const exitCodesHelp = `Exit codes:
  0    done; tail: stopped by SIGINT or SIGTERM, or nobody reads its output any more
  1    failed: no such file or table, not a database, locked, read-only, no log
  2    wrong arguments
  3    verify: the databases differ
  4    the output has refused changes, or could not be reached
  130  snapshot: stopped by SIGINT before its end (143: by SIGTERM)`;
