/** A value of SQLite as JavaScript has it. Blobs come as Buffers. */
export type SqlValue = null | number | bigint | string | Uint8Array;

/** The tables of a database whose rows have no declared type. */
export type AnyTables = Record<string, Record<string, SqlValue>>;

/** How integers are read. "auto": a number, or a bigint where a number would lose digits. */
export type IntegerMode = 'auto' | 'bigint' | 'number';
