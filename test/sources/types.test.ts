import type { Change, Database, GapEvent, RowChange, SchemaEvent, Source, SqlValue, Subscription, Transaction } from 'rowtap';
import { expect, expectTypeOf, test } from 'vitest';

interface Shop {
  users: { id: number; name: string };
  orders: { id: number; user: number; total: number | null };
}

// Checked by the compiler (`make check`); nothing is run.
function narrowing(
  db: Database,
  source: Source,
  change: Change<Shop>,
  row: RowChange<Shop>,
  transaction: Transaction<Shop>,
  any: RowChange,
): void {
  expectTypeOf(db.changes<Shop>()).toEqualTypeOf<Subscription<Shop>>();
  expectTypeOf(db.changes({ tables: ['users'], engine: 'hook', snapshot: 'initial' })).toEqualTypeOf<Subscription>();
  // @ts-expect-error -- no such option
  db.changes({ tabels: [] });

  expectTypeOf(source.consume((changes) => void expectTypeOf(changes).toEqualTypeOf<Change[]>(), {})).toEqualTypeOf<Promise<void>>();

  expectTypeOf(row.table).toEqualTypeOf<'users' | 'orders'>();
  if (row.table === 'users') {
    expectTypeOf(row.after).toEqualTypeOf<Shop['users'] | null>();
    expectTypeOf(row.before).toEqualTypeOf<Shop['users'] | null>();
  } else {
    expectTypeOf(row.after).toEqualTypeOf<Shop['orders'] | null>();
  }
  if (change.op === 'gap') expectTypeOf(change).toEqualTypeOf<GapEvent>();
  if (change.op === 'schema') expectTypeOf(change).toEqualTypeOf<SchemaEvent>();
  if (change.table === 'users') expectTypeOf(change.after).toEqualTypeOf<Shop['users'] | null>();
  if (change.op === 'insert') expectTypeOf(change.table).toEqualTypeOf<'users' | 'orders'>();
  for (const inside of transaction) expectTypeOf(inside).toEqualTypeOf<RowChange<Shop>>();
  expectTypeOf(any.after).toEqualTypeOf<Record<string, SqlValue> | null>();
  expectTypeOf(any.table).toEqualTypeOf<string>();
}

test('a test of `table` narrows the rows of a change', () => {
  expect(narrowing).toBeTypeOf('function');
});
