import { describe, expect, it } from 'vitest';
import { drivers, entries, failureOf, open } from './drivers.js';

describe.each(drivers)('$name: columns', (driver) => {
  it('says what each column is called, and where it comes from', () => {
    const db = open(driver, `${entries} ATTACH ':memory:' AS other; CREATE TABLE other.t (x VARCHAR(7))`);
    expect(db.prepare('SELECT 5, a AS "the a", d, t.x, entries.rowid AS r FROM entries, other.t').columns()).toEqual([
      { name: '5', column: null, table: null, database: null, type: null },
      { name: 'the a', column: 'a', table: 'entries', database: 'main', type: 'TEXT' },
      { name: 'd', column: 'd', table: 'entries', database: 'main', type: 'BLOB' },
      { name: 'x', column: 'x', table: 't', database: 'other', type: 'VARCHAR(7)' },
      { name: 'r', column: 'rowid', table: 'entries', database: 'main', type: 'INTEGER' },
    ]);
    expect(
      db
        .prepare('INSERT INTO entries (a) VALUES (1) RETURNING a')
        .columns()
        .map(({ name }) => name),
    ).toEqual(['a']);
  });

  it('works while the statement is iterated, and needs parameters to be neither bound nor given', () => {
    const statement = open(driver).prepare('SELECT ? AS a');
    expect(statement.columns()).toHaveLength(1);
    const iterator = statement.iterate(1);
    expect(statement.columns()).toHaveLength(1);
    iterator.return?.();
  });

  it('throws a TypeError for a statement that returns no rows', () => {
    const db = open(driver, entries);
    expect(failureOf(driver, () => db.prepare('DELETE FROM entries').columns())).toBe('TypeError');
  });
});
