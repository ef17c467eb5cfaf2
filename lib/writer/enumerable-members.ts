/** Methods and accessors that `for … in` shows, as better-sqlite3's are: some programs wrap, or mock, all that they find this way. */
export function makeMembersEnumerable(prototype: object): void {
  for (const name of Object.getOwnPropertyNames(prototype)) {
    if (name !== 'constructor') Object.defineProperty(prototype, name, { enumerable: true });
  }
}
