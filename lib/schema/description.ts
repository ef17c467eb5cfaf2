/**
 * A table's shape, as the writer's own SQLite held it when a row was recorded (so DDL and DML in one transaction agree). Made in
 * native/sqlite/internals/tables.c, JSON on the way.
 */
export interface TableDescription {
  name: string;
  isWithoutRowid: boolean;
  /** Index into `columns` of the INTEGER PRIMARY KEY column, which the record holds as NULL and the rowid stands for; -1: none. */
  rowidColumn: number;
  /** Indexes into `columns`, in the order of the declared primary key; empty where there is none. */
  key: number[];
  columns: ColumnDescription[];
}

export interface ColumnDescription {
  name: string;
  /** As declared; "" where none is. */
  type: string;
  /** https://www.sqlite.org/datatype3.html#type_affinity */
  affinity: 'blob' | 'text' | 'numeric' | 'integer' | 'real';
  isNotNull: boolean;
  generated: 'no' | 'stored' | 'virtual';
  /** Position of its value in the stored record; -1 for a virtual column, which is not stored. */
  position: number;
}
