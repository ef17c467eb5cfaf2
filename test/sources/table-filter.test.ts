import { describe, expect, test } from 'vitest';
import { makeTableFilter, requireTables } from '../../lib/sources/table-filter.js';

const names = ['orders', 'order_items', 'Users', 'sqliteXusers', 'a.b', 'weird*name', 'x[1]', 'ÄRGER', 'line\nbreak'];
const accepted = (tables?: string[], excludeTables?: string[]): string[] =>
  names.filter(makeTableFilter({ tables, excludeTables }).accepts);

describe('table lists', () => {
  test.each<[string[] | undefined, string[] | undefined, string[]]>([
    [undefined, undefined, names],
    [['orders'], undefined, ['orders']],
    [['ORDERS', 'users'], undefined, ['orders', 'Users']],
    [['order*'], undefined, ['orders', 'order_items']],
    [['order*'], ['order_*'], ['orders']],
    [undefined, ['*[RS]', 'a*'], ['weird*name', 'x[1]', 'line\nbreak']],
    [['?.b'], undefined, ['a.b']],
    [['weird*name'], undefined, ['weird*name']],
    [['x[1]'], undefined, ['x[1]']],
    [['[o-u]*'], ['[^o]*'], ['orders', 'order_items']],
    [['[^]x]*'], undefined, names.filter((name) => !name.startsWith('x'))],
    [['ärger'], undefined, []],
    [['*'], undefined, names],
    [['line?break'], undefined, ['line\nbreak']],
    [['[ab'], undefined, []],
    [[], undefined, []],
  ])('tables %j, excludeTables %j', (tables, excludeTables, expected) => {
    expect(accepted(tables, excludeTables).toSorted()).toEqual(expected.toSorted());
  });

  test('a plain name has to exist, a pattern may match later', () => {
    expect(() => requireTables(['ORDERS', 'later*'], names, 'the database')).not.toThrow();
    expect(() => requireTables(['orders', 'odrers'], ['orders', 'users'], 'the database')).toThrow(
      expect.objectContaining({
        code: 'ROWTAP_NO_SUCH_TABLE',
        message: expect.stringContaining('no such table: odrers (the database has: orders, users)') as string,
      }),
    );
    expect(() => requireTables(['x'], [], 'the database')).toThrow('none');
  });
});
