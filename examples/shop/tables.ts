import type { Database } from 'rowtap';
import type { Dice } from './dice.js';

/** The shop's tables: with and without a key, WITHOUT ROWID, generated columns, triggers and cascades. */
const schema = `
  CREATE TABLE customers (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL UNIQUE);
  CREATE TABLE products (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, stock INTEGER NOT NULL CHECK (stock >= 0), price REAL NOT NULL,
    shelf TEXT GENERATED ALWAYS AS ('shelf ' || id % 40) VIRTUAL);
  CREATE TABLE orders (
    id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customers ON DELETE SET NULL,
    status TEXT NOT NULL DEFAULT 'placed' CHECK (status IN ('placed', 'paid', 'sent')), note TEXT);
  CREATE INDEX orders_by_customer ON orders (customer_id);
  CREATE TABLE order_lines (
    order_id INTEGER NOT NULL REFERENCES orders ON DELETE CASCADE, line INTEGER NOT NULL,
    product_id INTEGER NOT NULL REFERENCES products, quantity INTEGER NOT NULL CHECK (quantity > 0), unit_price REAL NOT NULL,
    total REAL GENERATED ALWAYS AS (quantity * unit_price) STORED, PRIMARY KEY (order_id, line));
  CREATE TABLE price_list (
    product_id INTEGER NOT NULL, currency TEXT NOT NULL, price REAL NOT NULL, PRIMARY KEY (currency, product_id)) WITHOUT ROWID;
  CREATE TABLE audit (what TEXT, product_id INTEGER, quantity INTEGER);

  CREATE TRIGGER line_sold AFTER INSERT ON order_lines BEGIN
    UPDATE products SET stock = stock - new.quantity WHERE id = new.product_id;
    INSERT INTO audit VALUES ('sold', new.product_id, new.quantity);
  END;
  CREATE TRIGGER line_returned AFTER DELETE ON order_lines BEGIN
    UPDATE products SET stock = stock + old.quantity WHERE id = old.product_id;
    INSERT INTO audit VALUES ('returned', old.product_id, old.quantity);
  END;
`;

export const size = { customers: 4000, products: 400, orders: 8000 } as const;
export const currencies = ['EUR', 'GBP', 'SEK'] as const;
/** One product that is sold out from the beginning, so that buying it breaks a CHECK constraint. */
export const soldOutProduct = 13;

const firstNames = ['Ada', 'Alan', 'Barbara', 'Edsger', 'Frances', 'Grace', 'Jean', 'Ken', 'Niklaus', 'Radia', 'Tony', 'Vint'];
const lastNames = [
  'Åström',
  'Brontë',
  'Castro',
  'Dvořák',
  'Eriksen',
  'Fujita',
  'García',
  'Hopper',
  'İnan',
  'Jónsdóttir',
  'Kovács',
  'Łukasik',
];
const adjectives = ['blue', 'folding', 'heavy', 'little', 'oak', 'round', 'silent', 'woollen'];
const things = ['bench', 'kettle', 'lamp', 'notebook', 'puzzle', 'scarf', 'teapot', 'umbrella'];

/** Makes the tables, with some ten thousands of rows in them. */
export function createShop(db: Database, dice: Dice): void {
  db.pragma('journal_mode = WAL');
  // What is timed is capture, not the disk of whoever tries it.
  db.pragma('synchronous = OFF');
  db.pragma('foreign_keys = ON');
  db.exec(schema);
  db.transaction(() => {
    fillCatalogue(db, dice);
    fillOrders(db, dice);
  })();
}

function fillCatalogue(db: Database, dice: Dice): void {
  const customer = db.prepare('INSERT INTO customers VALUES (?, ?, ?)');
  for (let id = 1; id <= size.customers; id++) customer.run(id, ...person(dice, id));
  const product = db.prepare('INSERT INTO products (id, name, stock, price) VALUES (?, ?, ?, ?)');
  const listed = db.prepare('INSERT INTO price_list VALUES (?, ?, ?)');
  for (let id = 1; id <= size.products; id++) {
    const price = dice.upTo(9000) / 100;
    product.run(id, `${dice.pick(adjectives)} ${dice.pick(things)}`, id === soldOutProduct ? 0 : 5000, price);
    for (const currency of currencies) listed.run(id, currency, Math.round(price * 110) / 100);
  }
}

function fillOrders(db: Database, dice: Dice): void {
  const order = db.prepare(`INSERT INTO orders (id, customer_id, status) VALUES (?, ?, 'sent')`);
  const line = db.prepare('INSERT INTO order_lines (order_id, line, product_id, quantity, unit_price) VALUES (?, ?, ?, ?, ?)');
  for (let id = 1; id <= size.orders; id++) {
    order.run(id, dice.upTo(size.customers));
    const lines = dice.upTo(4);
    for (let at = 1; at <= lines; at++) line.run(id, at, availableProduct(dice), dice.upTo(3), dice.upTo(9000) / 100);
  }
}

export function availableProduct(dice: Dice): number {
  const product = dice.upTo(size.products);
  return product === soldOutProduct ? 1 : product;
}

function person(dice: Dice, id: number): [name: string, email: string] {
  const first = dice.pick(firstNames);
  return [`${first} ${dice.pick(lastNames)}`, `${first.toLowerCase()}.${id}@example.com`];
}
