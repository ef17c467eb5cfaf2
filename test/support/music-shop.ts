import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * A script of a real database (https://github.com/lerocha/chinook-database) where it lies beside the checkout or where ROWTAP_CHINOOK says,
 * otherwise a generated one of the same kind.
 */
export function musicShop(): { sql: string; rows: number; tables: number } {
  const path = process.env.ROWTAP_CHINOOK ?? fileURLToPath(new URL('../../../shared/data/chinook.sql', import.meta.url));
  if (existsSync(path)) return { sql: readFileSync(path, 'utf8'), rows: 15_607, tables: 11 };
  return generateMusicShop();
}

interface Table {
  name: string;
  columns: [name: string, type: string][];
  key: string[];
  references: [column: string, table: string][];
  rows: number;
  row(id: number): unknown[];
}

const words = [
  'Amor',
  'Balls',
  'to',
  'the',
  'Wall',
  'Café',
  "Rock 'n' Roll",
  'Über',
  'Ñandú',
  'Господин',
  '交響曲',
  'Let',
  'There',
  'Be',
  'Light',
  '(Live)',
  '"Encore"',
  '☂',
];
const title = (seed: number, length: number): string =>
  Array.from({ length }, (_, n) => words[(seed * 7 + n * 13 + seed * n) % words.length]).join(' ');
const date = (seed: number): string =>
  `${2009 + (seed % 5)}-${String(1 + (seed % 12)).padStart(2, '0')}-${String(1 + (seed % 28)).padStart(2, '0')} 00:00:00`;
const orNull = (seed: number, value: unknown): unknown => (seed % 4 === 0 ? null : value);

const tables: Table[] = [
  {
    name: 'Genre',
    columns: [
      ['GenreId', 'INTEGER  NOT NULL'],
      ['Name', 'NVARCHAR(120)'],
    ],
    key: ['GenreId'],
    references: [],
    rows: 25,
    row: (id) => [id, title(id, 1)],
  },
  {
    name: 'MediaType',
    columns: [
      ['MediaTypeId', 'INTEGER  NOT NULL'],
      ['Name', 'NVARCHAR(120)'],
    ],
    key: ['MediaTypeId'],
    references: [],
    rows: 5,
    row: (id) => [id, `${title(id, 2)} audio file`],
  },
  {
    name: 'Artist',
    columns: [
      ['ArtistId', 'INTEGER  NOT NULL'],
      ['Name', 'NVARCHAR(120)'],
    ],
    key: ['ArtistId'],
    references: [],
    rows: 275,
    row: (id) => [id, title(id, 3)],
  },
  {
    name: 'Album',
    columns: [
      ['AlbumId', 'INTEGER  NOT NULL'],
      ['Title', 'NVARCHAR(160)  NOT NULL'],
      ['ArtistId', 'INTEGER  NOT NULL'],
    ],
    key: ['AlbumId'],
    references: [['ArtistId', 'Artist']],
    rows: 347,
    row: (id) => [id, title(id, 4), 1 + ((id * 31) % 275)],
  },
  {
    name: 'Track',
    columns: [
      ['TrackId', 'INTEGER  NOT NULL'],
      ['Name', 'NVARCHAR(200)  NOT NULL'],
      ['AlbumId', 'INTEGER'],
      ['MediaTypeId', 'INTEGER  NOT NULL'],
      ['GenreId', 'INTEGER'],
      ['Composer', 'NVARCHAR(220)'],
      ['Milliseconds', 'INTEGER  NOT NULL'],
      ['Bytes', 'INTEGER'],
      ['UnitPrice', 'NUMERIC(10,2)  NOT NULL'],
    ],
    key: ['TrackId'],
    references: [
      ['AlbumId', 'Album'],
      ['GenreId', 'Genre'],
      ['MediaTypeId', 'MediaType'],
    ],
    rows: 3503,
    row: (id) => [
      id,
      title(id, 5),
      1 + (id % 347),
      1 + (id % 5),
      orNull(id, 1 + (id % 25)),
      orNull(id + 1, title(id + 3, 3)),
      1000 + id * 977,
      id * 34567,
      id % 9 === 0 ? 1.99 : 0.99,
    ],
  },
  {
    name: 'Employee',
    columns: [
      ['EmployeeId', 'INTEGER  NOT NULL'],
      ['LastName', 'NVARCHAR(20)  NOT NULL'],
      ['ReportsTo', 'INTEGER'],
      ['HireDate', 'DATETIME'],
    ],
    key: ['EmployeeId'],
    references: [['ReportsTo', 'Employee']],
    rows: 8,
    row: (id) => [id, title(id, 1), id === 1 ? null : 1, date(id)],
  },
  {
    name: 'Customer',
    columns: [
      ['CustomerId', 'INTEGER  NOT NULL'],
      ['FirstName', 'NVARCHAR(40)  NOT NULL'],
      ['Company', 'NVARCHAR(80)'],
      ['Fax', 'NVARCHAR(24)'],
      ['SupportRepId', 'INTEGER'],
    ],
    key: ['CustomerId'],
    references: [['SupportRepId', 'Employee']],
    rows: 59,
    row: (id) => [id, title(id, 1), orNull(id, title(id, 2)), orNull(id + 1, `+49 ${id}`), 1 + (id % 8)],
  },
  {
    name: 'Invoice',
    columns: [
      ['InvoiceId', 'INTEGER  NOT NULL'],
      ['CustomerId', 'INTEGER  NOT NULL'],
      ['InvoiceDate', 'DATETIME  NOT NULL'],
      ['BillingCity', 'NVARCHAR(40)'],
      ['Total', 'NUMERIC(10,2)  NOT NULL'],
    ],
    key: ['InvoiceId'],
    references: [['CustomerId', 'Customer']],
    rows: 412,
    row: (id) => [id, 1 + (id % 59), date(id), orNull(id, title(id, 1)), (id % 30) * 0.99],
  },
  {
    name: 'InvoiceLine',
    columns: [
      ['InvoiceLineId', 'INTEGER  NOT NULL'],
      ['InvoiceId', 'INTEGER  NOT NULL'],
      ['TrackId', 'INTEGER  NOT NULL'],
      ['UnitPrice', 'NUMERIC(10,2)  NOT NULL'],
      ['Quantity', 'INTEGER  NOT NULL'],
    ],
    key: ['InvoiceLineId'],
    references: [
      ['InvoiceId', 'Invoice'],
      ['TrackId', 'Track'],
    ],
    rows: 2240,
    row: (id) => [id, 1 + (id % 412), 1 + ((id * 17) % 3503), 0.99, 1],
  },
  {
    name: 'Playlist',
    columns: [
      ['PlaylistId', 'INTEGER  NOT NULL'],
      ['Name', 'NVARCHAR(120)'],
    ],
    key: ['PlaylistId'],
    references: [],
    rows: 18,
    row: (id) => [id, orNull(id, title(id, 2))],
  },
  {
    name: 'PlaylistTrack',
    columns: [
      ['PlaylistId', 'INTEGER  NOT NULL'],
      ['TrackId', 'INTEGER  NOT NULL'],
    ],
    key: ['PlaylistId', 'TrackId'],
    references: [
      ['PlaylistId', 'Playlist'],
      ['TrackId', 'Track'],
    ],
    rows: 8715,
    row: (id) => [1 + (id % 18), 1 + Math.floor(id / 18) * 7],
  },
];

function generateMusicShop(): { sql: string; rows: number; tables: number } {
  const quote = (value: unknown): string =>
    value === null ? 'NULL' : typeof value === 'string' ? `'${value.replaceAll("'", "''")}'` : String(value);
  const drops = tables.map(({ name }) => `DROP TABLE IF EXISTS [${name}];`);
  const creates = tables.map(({ name, columns, key, references }) => {
    const parts = [
      ...columns.map(([column, type]) => `[${column}] ${type}`),
      `CONSTRAINT [PK_${name}] PRIMARY KEY  (${key.map((column) => `[${column}]`).join(', ')})`,
      ...references.map(
        ([column, table]) => `FOREIGN KEY ([${column}]) REFERENCES [${table}] ([${table}Id]) \n\t\tON DELETE NO ACTION ON UPDATE NO ACTION`,
      ),
    ];
    return `CREATE TABLE [${name}]\n(\n    ${parts.join(',\n    ')}\n);`;
  });
  const indexes = tables.flatMap(({ name, references }) =>
    references.map(([column]) => `CREATE INDEX [IFK_${name}${column}] ON [${name}] ([${column}]);`),
  );
  const inserts = tables.flatMap(({ name, columns, rows, row }) => {
    const statements: string[] = [];
    for (let first = 1; first <= rows; first += 1000) {
      const ids = Array.from({ length: Math.min(1000, rows - first + 1) }, (_, n) => first + n);
      const lines = ids.map((id) => `    (${row(id).map(quote).join(', ')})`);
      statements.push(`INSERT INTO [${name}] (${columns.map(([column]) => `[${column}]`).join(', ')}) VALUES\n${lines.join(',\n')};`);
    }
    return statements;
  });
  const sql = ['/* Generated. */', ...drops, ...creates, ...indexes, ...inserts].join('\n\n');
  return { sql, rows: tables.reduce((sum, { rows }) => sum + rows, 0), tables: tables.length };
}
