/** What is done again and again, a slice at a time. */
import type { BenchDatabase } from './contestants.js';

export interface Work {
  /** One slice; returns how many changes it made. */
  run(): number;
  /** Called before each slice, and not measured; returns likewise. */
  tidy?(): number;
}

/** What is done besides, once in each transaction, before it is committed. */
export type Beside = () => void;

export interface Workload {
  name: string;
  /** Of what the log holds of one transaction, as measured; the report prints it beside what it is in its run. */
  entryBytes: number;
  /** A new one for each database. With `beside`, what would be in autocommit stands between BEGIN and COMMIT. */
  prepare(database: BenchDatabase, beside?: Beside): Work;
}

const slice = 5000;

export const schema = 'CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT, note TEXT, price REAL, stock INTEGER)';

function inserter(database: BenchDatabase): (id: number) => void {
  const insert = database.prepare('INSERT INTO item (id, name, note, price, stock) VALUES (?, ?, ?, ?, ?)');
  return (id) => {
    insert.run(id, `item number ${id}`, 'a short note that says a little about it', id * 0.25, id % 1000);
  };
}

function inTransaction(database: BenchDatabase, work: () => void, beside?: Beside): void {
  database.exec('BEGIN');
  work();
  beside?.();
  database.exec('COMMIT');
}

function filled(database: BenchDatabase, rows: number): void {
  const insert = inserter(database);
  inTransaction(database, () => {
    for (let id = 1; id <= rows; id++) insert(id);
  });
}

const bulkInsert: Workload = {
  name: `bulk insert, ${slice} rows a transaction`,
  entryBytes: 67_588,
  prepare(database, beside) {
    const insert = inserter(database);
    let id = 0;
    return {
      // Emptied now and then; seldom, since it leaves nothing in the WAL that the next WAL checkpoint would have to write.
      tidy() {
        if (id < slice * 400) return 0;
        database.exec('DELETE FROM item');
        const deleted = id;
        id = 0;
        return deleted;
      },
      run() {
        inTransaction(
          database,
          () => {
            for (let row = 0; row < slice; row++) insert(++id);
          },
          beside,
        );
        return slice;
      },
    };
  },
};

const updateByKey: Workload = {
  name: `update by key, ${slice} rows a transaction`,
  entryBytes: 102_286,
  prepare(database, beside) {
    filled(database, slice * 4);
    const update = database.prepare('UPDATE item SET stock = stock + ?, note = ? WHERE id = ?');
    let at = 0;
    return {
      run() {
        inTransaction(
          database,
          () => {
            for (let row = 0; row < slice; row++) {
              at = (at + 7919) % (slice * 4);
              update.run(1, 'another short note that says a little', at + 1);
            }
          },
          beside,
        );
        return slice;
      },
    };
  },
};

const updateAll: Workload = {
  name: `update all ${slice} rows in one statement`,
  entryBytes: 78_889,
  prepare(database, beside) {
    filled(database, slice);
    const update = database.prepare('UPDATE item SET stock = stock + 1');
    return {
      run() {
        if (beside === undefined) update.run();
        else inTransaction(database, () => update.run(), beside);
        return slice;
      },
    };
  },
};

const smallTransactions: Workload = {
  name: 'insert, 10 rows a transaction',
  entryBytes: 302,
  prepare(database, beside) {
    const insert = inserter(database);
    let id = 0;
    return {
      run() {
        for (let transaction = 0; transaction < 100; transaction++) {
          inTransaction(
            database,
            () => {
              for (let row = 0; row < 10; row++) insert(++id);
            },
            beside,
          );
        }
        return 1000;
      },
    };
  },
};

const autocommit: Workload = {
  name: 'insert in autocommit',
  entryBytes: 147,
  prepare(database, beside) {
    const insert = inserter(database);
    let id = 0;
    return {
      run() {
        for (let row = 0; row < 500; row++) {
          if (beside === undefined) insert(++id);
          else inTransaction(database, () => insert(++id), beside);
        }
        return 500;
      },
    };
  },
};

export const workloads = { bulkInsert, updateByKey, updateAll, smallTransactions, autocommit };
