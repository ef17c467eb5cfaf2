/** What the codes of RowtapError mean: the one table. docs/reference/errors.md shows it; a test compares the two. */
export interface ErrorCode {
  /** Whether trying again can help. */
  isRetryable: boolean;
  /** `{name}` stands for a detail given where the error is made. */
  message: string;
  /** Ends the message, and stands in the reference. */
  remedy: string;
}

export const errorCodes = {
  ROWTAP_LAGGARD: {
    isRetryable: true,
    message: 'the subscription was closed because more than {maxBuffered} bytes were left unread (last change handed over: LSN {lsn})',
    remedy: 'Subscribe again with a new snapshot, read faster, or raise `maxBuffered`.',
  },
  ROWTAP_CAPTURE_LOST: {
    isRetryable: true,
    message:
      'captured changes could not be recorded or kept (no memory, no temporary disk space, an I/O error, or changes that no statement of the application announced); last change handed over: LSN {lsn}',
    remedy: 'See to the memory, the disks, and what extensions and unsafe mode are used for, then subscribe again with a new snapshot.',
  },
  ROWTAP_CORRUPT_ROW: {
    isRetryable: false,
    message: 'a change of table {table} could not be decoded (LSN {lsn}, index {index}: {reason}); a gap event stands in its place',
    remedy: 'Check the database with `PRAGMA integrity_check`, then take a new snapshot.',
  },
  ROWTAP_CORRUPT_LOG: {
    isRetryable: false,
    message: 'the log can not be read on: {detail} (LSN {lsn}); what stands before it has been delivered',
    remedy:
      'Check the database with `PRAGMA integrity_check`. Behind the damage, go on with a new snapshot (`snapshot: "always"`), or drop the consumer.',
  },
  ROWTAP_NO_SUCH_TABLE: {
    isRetryable: false,
    message: 'no such table: {table} ({scope} has: {tables})',
    remedy: 'Name a table that exists, or use a glob pattern such as "order*" for tables that are created later.',
  },
  ROWTAP_DUPLICATE_SOURCE: {
    isRetryable: false,
    message: 'a source named "{name}" is open already',
    remedy: 'Close it, use it (`getSource`), or give this one another `name`.',
  },
  ROWTAP_DUPLICATE_CONSUMER: {
    isRetryable: true,
    message: 'the consumer "{consumer}" is in use by {holder}',
    remedy: 'Close that subscription first, or choose another `consumer` name.',
  },
  ROWTAP_NOT_WAL: {
    isRetryable: false,
    message: 'a snapshot beside live writes needs the WAL journal mode, and this database is in {mode} mode',
    remedy: "Run `db.pragma('journal_mode = WAL')` once; the database file remembers it.",
  },
  ROWTAP_NOT_INSTALLED: {
    isRetryable: false,
    message: 'the triggers in {path} are missing or out of date: {detail}',
    remedy: 'Run `installTriggers` on the database, or `rowtap-admin install`, which brings them up to date; then subscribe again.',
  },
  ROWTAP_REPLACES_SILENTLY: {
    isRetryable: false,
    message:
      'this connection runs without `PRAGMA recursive_triggers`: rows that a REPLACE of it deletes fire no DELETE trigger, and no delete of them comes',
    remedy: "Run `PRAGMA recursive_triggers = ON` on each connection that replaces rows, or don't use REPLACE.",
  },
  ROWTAP_SIGNAL_FAILED: {
    isRetryable: true,
    message: 'the signal that says when to look at the log has failed ({reason}); a timer of 250 ms has taken its place',
    remedy: 'Open the source with another `wake`, or go on with the timer.',
  },
  ROWTAP_FILE_GONE: {
    isRetryable: false,
    message: 'the file {path} was deleted, renamed or replaced while it was open as a database',
    remedy: 'Close the databases that are open on it and open them anew; subscribe with a snapshot, since this file may hold other rows.',
  },
  ROWTAP_SPILL_REFUSED: {
    isRetryable: true,
    message: 'the temporary file for changes beyond `maxTransactionMemory` can not be written; they stay in memory',
    remedy: "See to the space for SQLite's temporary files (SQLITE_TMPDIR); every further page is tried again.",
  },
  ROWTAP_NO_ADDON: {
    isRetryable: false,
    message: "rowtap's addon was not found: {detail}",
    remedy:
      'Where the program is bundled, leave rowtap out of the bundle (mark it as external), or name its file rowtap.node by the option `nativeBinding`. Otherwise build it, by `make build` in a checkout of rowtap.',
  },
  ROWTAP_NO_PREUPDATE_HOOK: {
    isRetryable: false,
    message: '{detail}',
    remedy: 'Install the package anew, with its prebuilt addon.',
  },
  ROWTAP_CLOSED: {
    isRetryable: false,
    message: '{what} is closed',
    remedy: 'Open it again.',
  },
  ROWTAP_BUSY: {
    isRetryable: true,
    message: '{detail}',
    remedy: 'Try again when the transaction that is open has ended.',
  },
  ROWTAP_CHECKPOINT_FAILED: {
    isRetryable: true,
    message: 'positions of consumers could not be written: {reason}; they are kept in memory and tried again',
    remedy: 'See to what SQLite complains of (disk space, file permissions); nothing has to be restarted.',
  },
  ROWTAP_BAD_OPTION: {
    isRetryable: false,
    message: '{detail}',
    remedy: 'See docs/reference/api.md for what is accepted.',
  },
  ROWTAP_REPLICA_DIVERGED: {
    isRetryable: false,
    message: '{detail}',
    remedy: "Something else wrote to the replica, or the subscription left changes out; subscribe with snapshot 'always' to build it anew.",
  },
  ROWTAP_REPLICA_GAP: {
    isRetryable: false,
    message: 'the replica can not go on at LSN {lsn}, because changes before it may be missing ({reason})',
    remedy: "Subscribe with snapshot 'when-needed' or 'always', so that it goes on from a snapshot.",
  },
  ROWTAP_ROW_FAILED: {
    isRetryable: true,
    message:
      'the catch-up "{name}" stopped at row {id}, whose function threw: {reason}; its work is undone, and the rows before it are done',
    remedy: 'Mend what `cause` says; the next run goes on with this row.',
  },
  ROWTAP_CATCHUP_REFUSED: {
    isRetryable: false,
    message: 'the catch-up "{name}" would lose rows or process them twice: {detail}',
    remedy: 'Mend the SQL, or the table; the rows before it are done.',
  },
  ROWTAP_IDS_REUSED: {
    isRetryable: false,
    message:
      'the catch-up "{name}" stands at row {position} of {table}, and rows that came later may have ids up to it, since rows were deleted ({reason})',
    remedy: 'Declare the id as INTEGER PRIMARY KEY AUTOINCREMENT, or never delete the row at the position, and set a new position.',
  },
} as const satisfies Record<string, ErrorCode>;

export type RowtapErrorCode = keyof typeof errorCodes;
