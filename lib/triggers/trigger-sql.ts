import { type LogNames, LogOp, quoted, valuesPerRow } from './log-names.js';
import { type Shape, storedColumns } from './shape.js';

export const triggerKinds = ['insert', 'update', 'delete'] as const;
export type TriggerKind = (typeof triggerKinds)[number];

/** Unix milliseconds. SQLite takes "now" once for each step of a statement (https://www.sqlite.org/lang_datefunc.html). */
export const nowSql = `CAST((julianday('now') - 2440587.5) * 86400000.0 + 0.5 AS INTEGER)`;

export function triggerName({ logTable }: LogNames, shapeId: number, kind: TriggerKind): string {
  return `${logTable}_${shapeId}_${kind}`;
}

/** The shape that a trigger of this log belongs to; undefined for all others. */
export function shapeOfTrigger({ logTable }: LogNames, name: string): number | undefined {
  const rest = name.startsWith(`${logTable}_`) ? name.slice(logTable.length + 1) : '';
  const id = /^(\d+)_(?:insert|update|delete)$/.exec(rest)?.[1];
  return id === undefined ? undefined : Number(id);
}

/**
 * What CREATE TRIGGER statements of a table say; SQLite keeps them word for word.
 *
 * Values are copied as they are into columns without a type, which change none of them
 * (https://www.sqlite.org/datatype3.html#determination_of_column_affinity). Each image has rows of its own: none is larger than the row that the
 * application wrote, so none is too large where that was not. All of it is SQL that SQLite 3.35 knows.
 */
export function triggerSql(names: LogNames, shape: Shape, kind: TriggerKind): string {
  const image = (row: 'OLD' | 'NEW', op: number): string => imageSql(names, shape, row, op);
  const body = {
    insert: () => image('NEW', LogOp.insert),
    update: () => image('OLD', LogOp.update) + image('NEW', LogOp.more),
    delete: () => image('OLD', LogOp.delete),
  }[kind]();
  const name = quoted(triggerName(names, shape.id, kind));
  return `CREATE TRIGGER ${name} AFTER ${kind.toUpperCase()} ON ${quoted(shape.table)} BEGIN ${body}END`;
}

function imageSql({ log }: LogNames, shape: Shape, row: 'OLD' | 'NEW', firstOp: number): string {
  const values = storedColumns(shape).map(({ name }) => `${row}.${quoted(name)}`);
  let sql = '';
  for (let at = 0; at < values.length; at += valuesPerRow) {
    const part = values.slice(at, at + valuesPerRow);
    const op = at === 0 ? firstOp : LogOp.more;
    const columns = part.map((_, index) => `"v${index}"`);
    sql += `INSERT INTO ${log} ("time", "shape", "op", ${columns.join(', ')}) VALUES (${nowSql}, ${shape.id}, ${op}, ${part.join(', ')}); `;
  }
  return sql;
}

/** Rows of the log that an image of this shape takes. */
export function rowsPerImage(shape: Pick<Shape, 'columns'>): number {
  return Math.ceil(storedColumns(shape).length / valuesPerRow);
}
