/** What a function of a script throws: as any JavaScript error, it has no code of SQLite's. */
export class Thrown extends Error {
  override name = 'Thrown';
}
