import { type Database, SqliteError } from 'rowtap';
import type { Dice } from './dice.js';
import { availableProduct, currencies, size, soldOutProduct } from './tables.js';

/** Something that happened in the shop. */
export interface Deed {
  kind: string;
  says: string;
  /** How much of what was written had been taken back when it ended. */
  undone: 'nothing' | 'a statement' | 'a savepoint' | 'everything';
}

type Action = () => Deed;

/**
 * What a shop does with its database all day: orders, payments, cancellations with their cascades and triggers, prices, and all that fails on
 * the way. It uses the writer as a program would, and knows nothing of who listens.
 */
export class Shop {
  readonly #db: Database;
  readonly #dice: Dice;
  readonly #insertOrder;
  readonly #insertLine;
  readonly #upsertPrice;
  readonly #replacePrice;
  #lastOrder: number = size.orders;
  #nextCustomer: number = size.customers;
  readonly #daily: Action[];
  readonly #openingDay: Action[];

  constructor(db: Database, dice: Dice) {
    this.#db = db;
    this.#dice = dice;
    this.#insertOrder = db.prepare('INSERT INTO orders (id, customer_id, note) VALUES (?, ?, ?)');
    this.#insertLine = db.prepare('INSERT INTO order_lines (order_id, line, product_id, quantity, unit_price) VALUES (?, ?, ?, ?, ?)');
    this.#upsertPrice = db.prepare(
      'INSERT INTO price_list VALUES (?, ?, ?) ON CONFLICT (currency, product_id) DO UPDATE SET price = excluded.price',
    );
    this.#replacePrice = db.prepare('INSERT OR REPLACE INTO price_list VALUES (?, ?, ?)');
    this.#openingDay = [
      () => this.#placeOrder(),
      () => this.#payOrder(),
      () => this.#orderSoldOut(),
      () => this.#changePrice(),
      () => this.#takeGiftBack(),
      () => this.#cancelOrder(),
      () => this.#declineCard(),
      () => this.#replaceListedPrice(),
      () => this.#importCustomers(),
      () => this.#forgetCustomer(),
      () => this.#clearAudit(),
    ];
    const often = [() => this.#placeOrder(), () => this.#payOrder(), () => this.#changePrice()];
    this.#daily = [...often, ...often, ...often, ...this.#openingDay, () => this.#restock()];
    this.#openingDay.push(() => this.#allowReviews());
  }

  /** One of each kind, in order; after those, chosen by chance. */
  act(): Deed {
    return (this.#openingDay.shift() ?? this.#dice.pick(this.#daily))();
  }

  /** How many are left of the first kind. */
  get openingActs(): number {
    return this.#openingDay.length;
  }

  #placeOrder(): Deed {
    const lines = this.#dice.upTo(4);
    this.#db.transaction(() => {
      this.#newOrder(null);
      for (let line = 1; line <= lines; line++) this.#addLine(line, availableProduct(this.#dice));
    })();
    return deed(
      'orders placed',
      `an order is placed, with ${lines} ${lines === 1 ? 'line' : 'lines'}; triggers count the stock and keep the audit`,
    );
  }

  #payOrder(): Deed {
    const order = this.#anOrder();
    this.#db.prepare(`UPDATE orders SET status = 'paid' WHERE id = ?`).run(order);
    return deed('orders paid', `order ${order} is paid`);
  }

  #orderSoldOut(): Deed {
    this.#db.transaction(() => {
      this.#newOrder('one article was sold out');
      this.#addLine(1, availableProduct(this.#dice));
      // The trigger takes the stock below zero: the CHECK constraint fails, and takes back this statement with what its trigger had done.
      expectFailure(() => this.#addLine(2, soldOutProduct));
    })();
    return deed('sold-out articles', 'an article is sold out: one statement fails, the rest of the order is committed', 'a statement');
  }

  #changePrice(): Deed {
    const product = this.#dice.upTo(size.products);
    this.#upsertPrice.run(product, this.#dice.pick(currencies), this.#price());
    return deed('prices changed', `product ${product} gets another price, by an upsert`);
  }

  #takeGiftBack(): Deed {
    this.#db.transaction(() => {
      this.#newOrder(null);
      this.#addLine(1, availableProduct(this.#dice));
      this.#db.exec('SAVEPOINT gift');
      this.#db.prepare('UPDATE orders SET note = ? WHERE id = ?').run('gift wrapping', this.#lastOrder);
      this.#addLine(2, availableProduct(this.#dice));
      this.#db.exec('ROLLBACK TO gift; RELEASE gift');
    })();
    return deed('gifts taken back', 'a gift is added to an order and taken back: ROLLBACK TO a savepoint', 'a savepoint');
  }

  #cancelOrder(): Deed {
    const order = this.#anOrder();
    this.#db.prepare('DELETE FROM orders WHERE id = ?').run(order);
    return deed('orders cancelled', `order ${order} is cancelled: its lines go by a cascade, the stock comes back by a trigger`);
  }

  #declineCard(): Deed {
    const order = this.#lastOrder + 1;
    const declined = new Error('card declined');
    try {
      this.#db.transaction(() => {
        this.#newOrder(null);
        this.#addLine(1, availableProduct(this.#dice));
        throw declined;
      })();
    } catch (error) {
      if (error !== declined) throw error;
    }
    this.#lastOrder = order - 1;
    return deed('cards declined', 'a card is declined: the whole transaction is rolled back', 'everything');
  }

  #replaceListedPrice(): Deed {
    const product = this.#dice.upTo(size.products);
    this.#replacePrice.run(product, 'EUR', this.#price());
    return deed('prices replaced', `the price of product ${product} is replaced: INSERT OR REPLACE deletes and inserts`);
  }

  #importCustomers(): Deed {
    const first = this.#nextCustomer + 1;
    this.#nextCustomer += 2;
    const rows = `(${first}, 'Ida Import', 'ida.${first}@example.com'), (${first + 1}, 'Ivo Import', 'ivo.${first}@example.com')`;
    // Fails at its third row, and keeps the two before it: that is what OR FAIL means.
    expectFailure(() => this.#db.exec(`INSERT OR FAIL INTO customers VALUES ${rows}, (${first}, 'Once Again', 'again@example.com')`));
    return deed('failed imports', 'an import fails at its third row: INSERT OR FAIL keeps the two before it');
  }

  #forgetCustomer(): Deed {
    const buyer = this.#db.prepare('SELECT customer_id FROM orders WHERE customer_id >= ? ORDER BY customer_id LIMIT 1').pluck();
    const customer = buyer.get(this.#dice.upTo(size.customers - 100)) as number;
    this.#db.prepare('DELETE FROM customers WHERE id = ?').run(customer);
    return deed('customers forgotten', `customer ${customer} is forgotten: ON DELETE SET NULL in the orders`);
  }

  #allowReviews(): Deed {
    this.#db.exec(`CREATE TABLE reviews (id INTEGER PRIMARY KEY, product_id INTEGER NOT NULL, stars INTEGER NOT NULL, words TEXT)`);
    return deed('tables created', 'a table is created');
  }

  #clearAudit(): Deed {
    this.#db.exec('DELETE FROM audit WHERE rowid IN (SELECT rowid FROM audit ORDER BY rowid LIMIT 4)');
    return deed('audits cleared', 'the oldest rows of the audit go; that table has no key');
  }

  #restock(): Deed {
    const first = this.#dice.upTo(size.products - 10);
    this.#db.prepare('UPDATE products SET stock = stock + 25 WHERE id BETWEEN ? AND ? AND id <> ?').run(first, first + 10, soldOutProduct);
    return deed('shelves filled', 'shelves are filled up');
  }

  #newOrder(note: string | null): void {
    this.#insertOrder.run(++this.#lastOrder, this.#aCustomer(), note);
  }

  #addLine(line: number, product: number): void {
    this.#insertLine.run(this.#lastOrder, line, product, this.#dice.upTo(3), this.#price());
  }

  #anOrder(): number {
    const order = this.#db.prepare('SELECT id FROM orders WHERE id >= ? ORDER BY id LIMIT 1').pluck().get(this.#dice.upTo(this.#lastOrder));
    return order as number;
  }

  #aCustomer(): number {
    const customer = this.#db
      .prepare('SELECT id FROM customers WHERE id >= ? ORDER BY id LIMIT 1')
      .pluck()
      .get(this.#dice.upTo(size.customers));
    return customer as number;
  }

  #price(): number {
    return this.#dice.upTo(9000) / 100;
  }
}

function deed(kind: string, says: string, undone: Deed['undone'] = 'nothing'): Deed {
  return { kind, says, undone };
}

function expectFailure(fn: () => unknown): void {
  try {
    fn();
  } catch (error) {
    if (error instanceof SqliteError && error.code.startsWith('SQLITE_CONSTRAINT')) return;
    throw error;
  }
  throw new Error('this statement was expected to break a constraint');
}
