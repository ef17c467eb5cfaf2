import { badOption } from '../errors/rowtap-error.js';

export const defaultLogTable = '_rowtap_changes';

/** Value columns of one row of the log; what a table has more goes on in further rows. */
export const valuesPerRow = 16;

/** What a row of the log is, in its column `op`. */
export const LogOp = {
  /** Goes on with what the row before it has begun: more values of an image, or the image after an update. */
  more: 0,
  insert: 1,
  update: 2,
  delete: 3,
  /** Values: what has happened ("create", "alter", "drop"), and the table's CREATE TABLE statement. */
  schema: 4,
  /** Value: the reason. */
  gap: 5,
  /** Was something, and is taken back. */
  nothing: 6,
} as const;

/**
 * The names of one log's tables, quoted. All begin with the prefix that both engines leave to this project, so none can be the application's, and
 * none is taken for a table to be captured.
 */
export interface LogNames {
  /** In lower case. */
  readonly logTable: string;
  /** One row for an insert or a delete, two for an update, and more where a table has more columns than `valuesPerRow`. */
  readonly log: string;
  /** Tables as they were when their triggers were made; a row of the log names one. */
  readonly shapes: string;
  /** Where commits end, as far as somebody has looked: an LSN for the last row of the log there was. */
  readonly commits: string;
  readonly state: string;
}

/** Throws ROWTAP_BAD_OPTION. */
export function logNames(logTable: unknown = defaultLogTable): LogNames {
  if (typeof logTable !== 'string' || !/^_rowtap_\w+$/.test(logTable)) {
    throw badOption(
      `\`logTable\` takes a name that begins with "_rowtap_", as "${defaultLogTable}" does: those are never an application's`,
    );
  }
  const taken = ['_rowtap_log', '_rowtap_schema', '_rowtap_meta', '_rowtap_checkpoints', '_rowtap_catchup', '_rowtap_replica'];
  if (taken.includes(logTable.toLowerCase()) || /_(?:shapes|commits|state)$/i.test(logTable)) {
    throw badOption(`\`logTable\`: "${logTable}" is the name of another table of this project's; choose another one`);
  }
  return namesOf(logTable.toLowerCase());
}

/** SQLite takes names that differ by case alone for one. */
function namesOf(logTable: string): LogNames {
  const part = (name: string): string => quoted(`${logTable}_${name}`);
  return { logTable, log: quoted(logTable), shapes: part('shapes'), commits: part('commits'), state: part('state') };
}

export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
