import type { SchemaColumn } from '../model/change.js';
import type { TableDescription } from './description.js';

/** A table's columns as the stream's SchemaEvent shows them, virtual ones included. */
export function schemaColumns(table: TableDescription): SchemaColumn[] {
  return table.columns.map((column, index) => ({
    name: column.name,
    type: column.type,
    notNull: column.isNotNull,
    key: table.key.indexOf(index) + 1,
    generated: column.generated,
  }));
}
