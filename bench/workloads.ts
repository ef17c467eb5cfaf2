/** What is done again and again: each call of `run` is one slice, and returns how many changes it made. */
import type { BenchDatabase } from './contestants.js';

export interface Workload {
  name: string;
  /** A new one for each database. */
  prepare(database: BenchDatabase): () => number;
}

const slice = 5000;

export const schema = 'CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT, note TEXT, price REAL, stock INTEGER)';

function inserter(database: BenchDatabase): (id: number) => void {
  const insert = database.prepare('INSERT INTO item (id, name, note, price, stock) VALUES (?, ?, ?, ?, ?)');
  return (id) => {
    insert.run(id, `item number ${id}`, 'a short note that says a little about it', id * 0.25, id % 1000);
  };
}

function inTransaction(database: BenchDatabase, work: () => void): void {
  database.exec('BEGIN');
  work();
  database.exec('COMMIT');
}

function filled(database: BenchDatabase, rows: number): void {
  const insert = inserter(database);
  inTransaction(database, () => {
    for (let id = 1; id <= rows; id++) insert(id);
  });
}

export const workloads: Workload[] = [
  {
    name: `bulk insert, ${slice} rows a transaction`,
    prepare(database) {
      const insert = inserter(database);
      let id = 0;
      return () => {
        // Emptied now and then, so that every slice finds a tree of much the same size.
        if (id >= slice * 10) {
          database.exec('DELETE FROM item');
          id = 0;
          return slice * 10;
        }
        inTransaction(database, () => {
          for (let row = 0; row < slice; row++) insert(++id);
        });
        return slice;
      };
    },
  },
  {
    name: `update by key, ${slice} rows a transaction`,
    prepare(database) {
      filled(database, slice * 4);
      const update = database.prepare('UPDATE item SET stock = stock + ?, note = ? WHERE id = ?');
      let at = 0;
      return () => {
        inTransaction(database, () => {
          for (let row = 0; row < slice; row++) {
            at = (at + 7919) % (slice * 4);
            update.run(1, 'another short note that says a little', at + 1);
          }
        });
        return slice;
      };
    },
  },
  {
    name: `update all ${slice} rows in one statement`,
    prepare(database) {
      filled(database, slice);
      const update = database.prepare('UPDATE item SET stock = stock + 1');
      return () => {
        update.run();
        return slice;
      };
    },
  },
  {
    name: 'insert in autocommit',
    prepare(database) {
      const insert = inserter(database);
      let id = 0;
      return () => {
        for (let row = 0; row < 500; row++) insert(++id);
        return 500;
      };
    },
  },
];
