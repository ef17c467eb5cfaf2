import { badOption } from '../errors/rowtap-error.js';
import { type Database, withoutVerbose } from '../writer/database.js';

/** A transaction that the application has open: what is written through it is committed, or rolled back, with it. The same for each of a database. */
export interface ApplicationTransaction {
  prepare(sql: string): ApplicationStatement;
}

export interface ApplicationStatement {
  run(...values: unknown[]): { changes: number };
  get(...values: unknown[]): unknown;
  all(...values: unknown[]): unknown[];
}

const transactionsOf = new WeakMap<Database, ApplicationTransaction>();

/** That of these databases. Throws ROWTAP_BAD_OPTION where several have one, since nothing says which is meant. */
export function openTransactionOf(databases: Iterable<Database>): ApplicationTransaction | undefined {
  const open = [...databases].filter((database) => database.inTransaction && !database.readonly);
  if (open.length > 1) {
    throw badOption(
      '`ack` is called while several databases of this file have a transaction open, so it is not clear in which one the position belongs; ' +
        'end all but one of them first',
    );
  }
  const [database] = open;
  return database && transactionOf(database);
}

function transactionOf(database: Database): ApplicationTransaction {
  const known = transactionsOf.get(database);
  if (known !== undefined) return known;
  const transaction: ApplicationTransaction = {
    prepare: (sql) => {
      const statement = withoutVerbose(database, () => database.prepare(sql).safeIntegers(false));
      return {
        run: (...values) => withoutVerbose(database, () => statement.run(...values)),
        get: (...values) => withoutVerbose(database, () => statement.get(...values)),
        all: (...values) => withoutVerbose(database, () => statement.all(...values)),
      };
    },
  };
  transactionsOf.set(database, transaction);
  return transaction;
}
