import type { NativeStatement } from '../binding/native.js';
import type { NativeStatements, NativeWriterBinding, NativeWriterConnection } from '../binding/native-writer.js';
import { ResultPage } from './result-page.js';

/**
 * What a database shares with its statements, iterators and transactions: the native connection, and what it is doing. While a statement
 * is being run (`isBusy`) JavaScript gets a word only in `verbose` and in user-defined functions, and may not use the connection there.
 * While an iterator is open it may be used for reading only, unless unsafe mode is on.
 */
export class WriterConnection {
  readonly binding: NativeWriterBinding;
  readonly native: NativeWriterConnection;
  readonly statements: NativeStatements;
  readonly page: ResultPage;
  /** How long it was opened to wait for another connection's lock. */
  readonly timeoutMs: number;
  /** Undefined too while rowtap asks something of its own, see `withoutVerbose`. */
  verbose: ((sql: string) => unknown) | undefined;
  isOpen = true;
  isBusy = false;
  isUnsafe = false;
  isSafeIntegers = false;
  iterators = 0;

  constructor(
    binding: NativeWriterBinding,
    native: NativeWriterConnection,
    { timeoutMs, verbose }: { timeoutMs: number; verbose: ((sql: string) => unknown) | undefined },
  ) {
    this.binding = binding;
    this.native = native;
    this.statements = binding.statements;
    this.page = pageOf(binding);
    this.timeoutMs = timeoutMs;
    this.verbose = verbose;
  }

  get isInTransaction(): boolean {
    return this.isOpen && this.native.isInTransaction;
  }

  /**
   * The native `prepare`. Busy meanwhile: compiling may call functions of the application, and SQLite must not compile another statement, or
   * change the schema, under it.
   */
  prepare(sql: string, isPersistent: boolean): NativeStatement {
    this.isBusy = true;
    try {
      return this.native.prepare(sql, isPersistent);
    } finally {
      this.isBusy = false;
    }
  }

  /** For what defines functions and tables. */
  requireIdle(): void {
    this.requireOpen();
    this.requireNotBusy();
    this.requireNoIterators();
  }

  requireOpen(): void {
    if (!this.isOpen) throw new TypeError('The database connection is closed');
  }

  requireNotBusy(): void {
    if (this.isBusy) throw busy();
  }

  requireNoIterators(): void {
    if (this.iterators > 0) throw busy();
  }

  requireNoIteratorsUnlessUnsafe(): void {
    if (this.iterators > 0 && !this.isUnsafe) throw busy();
  }
}

function busy(): TypeError {
  return new TypeError('The database connection is busy executing a query; finish or close its iterators first');
}

const pages = new WeakMap<NativeWriterBinding, ResultPage>();

/** One for all connections of a thread, as there is one page. */
function pageOf(binding: NativeWriterBinding): ResultPage {
  let page = pages.get(binding);
  if (page === undefined) pages.set(binding, (page = new ResultPage(binding.resultPage)));
  return page;
}
