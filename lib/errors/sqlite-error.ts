/**
 * Thrown for every failure that SQLite reports. `code` is the name of its extended result code, such as "SQLITE_CONSTRAINT_UNIQUE"
 * (https://www.sqlite.org/rescode.html); `message` is in SQLite's words.
 */
export class SqliteError extends Error {
  code: string;

  /** `message` becomes a string, whatever it is. Throws a TypeError where `code` is not one. */
  constructor(message: unknown, code: string) {
    if (typeof code !== 'string') throw new TypeError('A SqliteError needs a code, as its second argument: a string');
    // Undefined too, which alone would leave the property out.
    super(String(message));
    this.code = code;
  }
}

Object.defineProperty(SqliteError.prototype, 'name', { value: 'SqliteError', writable: true, enumerable: false, configurable: true });
