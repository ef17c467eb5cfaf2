import { randomUUID } from 'node:crypto';

const lives = new WeakMap<object, string>();

/**
 * Names the time in which `writer`, an open captured connection, has been open: as long as it is, no commit of this process can have gone
 * uncounted. The hub of the file can not tell: it may outlive its last connection, and what others commit before the next one opens is not
 * counted by it.
 */
export function lifeOf(writer: object): string {
  let life = lives.get(writer);
  if (life === undefined) {
    life = randomUUID();
    lives.set(writer, life);
  }
  return life;
}
