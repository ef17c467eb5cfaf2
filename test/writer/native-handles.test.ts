import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { NativeWriterConnection } from '../../lib/binding/native-writer.js';
import { connectionOf, Database } from '../../lib/writer/database.js';
import { writerBinding } from '../../lib/writer/native-binding.js';
import { layout } from '../../lib/writer/result-page.js';
import { temporaryPath } from './drivers.js';

const binding = writerBinding();
const options = { readonly: false, fileMustExist: false, timeoutMs: 0, isCaptured: false };
const wrong: unknown[] = [
  undefined,
  null,
  true,
  -1,
  0,
  1.5,
  2 ** 32,
  Number.NaN,
  'x',
  1n,
  Symbol('x'),
  {},
  [],
  () => 1,
  new Map(),
  binding,
  Buffer.alloc(8),
];

type Method = (this: unknown, ...all: unknown[]) => unknown;

describe('rowtap: native functions given what is not theirs', () => {
  it('throw a TypeError from every method of Connection', () => {
    const { prototype } = binding.Connection;
    const names = Object.getOwnPropertyNames(prototype).filter((name) => name !== 'constructor');
    expect(names.toSorted()).toEqual([
      'close',
      'defineAggregate',
      'defineFunction',
      'defineTable',
      'exec',
      'hasBegun',
      'heldWalBytes',
      'isExclusive',
      'isInTransaction',
      'isOpen',
      'loadExtension',
      'prepare',
      'serialize',
      'setDefensive',
    ]);
    const native = connectionOf(new Database()).native;
    const statement = native.prepare('SELECT 1');
    for (const name of names) {
      const property = Object.getOwnPropertyDescriptor(prototype, name) as PropertyDescriptor;
      const method = (property.get ?? property.value) as Method;
      for (const receiver of [...wrong, prototype, Object.create(prototype), Object.create(native), statement]) {
        expect(() => method.call(receiver, 'SELECT 1')).toThrow(TypeError);
      }
    }
    for (const value of wrong.filter((each) => typeof each !== 'string')) {
      expect(() => native.prepare(value as string)).toThrow(TypeError);
      expect(() => native.exec(value as string)).toThrow(TypeError);
      expect(() => native.serialize(value as string)).toThrow(TypeError);
      if (value !== undefined && typeof value !== 'function') expect(() => native.exec('SELECT 1', value as never)).toThrow(TypeError);
      if (typeof value !== 'boolean') expect(() => native.prepare('SELECT 1', value as boolean)).toThrow(TypeError);
      if (typeof value !== 'boolean') expect(() => native.setDefensive(value as boolean)).toThrow(TypeError);
    }
    const definition = { argumentCount: 0, isBigInt: false, isDeterministic: false, isDirectOnly: false, call: () => 1 };
    for (const value of wrong) {
      if (typeof value !== 'string') expect(() => native.defineFunction(value as string, definition)).toThrow(TypeError);
      expect(() => native.defineFunction('f', value as never)).toThrow(TypeError);
      for (const key of ['isBigInt', 'isDeterministic', 'isDirectOnly']) {
        if (typeof value !== 'boolean') expect(() => native.defineFunction('f', { ...definition, [key]: value })).toThrow(TypeError);
      }
      if (typeof value !== 'number')
        expect(() => native.defineFunction('f', { ...definition, argumentCount: value as number })).toThrow(TypeError);
      if (typeof value !== 'function') expect(() => native.defineFunction('f', { ...definition, call: value as never })).toThrow(TypeError);
      expect(() => native.defineAggregate('f', value as never)).toThrow(TypeError);
      expect(() => native.defineTable('t', value as never)).toThrow(TypeError);
      if (typeof value !== 'function')
        expect(() => native.defineTable('t', { isEponymous: true, connect: value as never })).toThrow(TypeError);
      native.defineTable('t', { isEponymous: true, connect: () => value as never });
      expect(() => native.exec('SELECT * FROM t')).toThrow(TypeError);
      const aggregate = { ...definition, start: () => 1, step: () => 1, inverse: undefined, result: undefined };
      if (typeof value !== 'function') expect(() => native.defineAggregate('f', { ...aggregate, step: value as never })).toThrow(TypeError);
    }
  });

  it('throw a TypeError from the constructor of Connection', () => {
    const construct = binding.Connection as unknown as new (...all: unknown[]) => unknown;
    for (const value of wrong) {
      if (typeof value !== 'string') expect(() => new construct(value, options)).toThrow(TypeError);
      expect(() => new construct(':memory:', value)).toThrow(TypeError);
      if (typeof value !== 'boolean') expect(() => new construct(':memory:', { ...options, readonly: value })).toThrow(TypeError);
      if (value !== undefined && !Buffer.isBuffer(value)) {
        expect(() => new construct(':memory:', { ...options, content: value })).toThrow(TypeError);
      }
    }
    expect(() => new construct()).toThrow(TypeError);
    expect(() => (binding.Connection as unknown as Method).call({}, ':memory:', options)).toThrow(TypeError);
  });

  it('throw a TypeError from the constructor and every method of Backup, and when it has ended', () => {
    const native: NativeWriterConnection = new binding.Connection(':memory:', options);
    const path = temporaryPath();
    const construct = binding.Backup as unknown as new (...all: unknown[]) => unknown;
    for (const value of wrong) {
      expect(() => new construct(value, 'main', path)).toThrow(TypeError);
      if (typeof value !== 'string') expect(() => new construct(native, value, path)).toThrow(TypeError);
      if (typeof value !== 'string') expect(() => new construct(native, 'main', value)).toThrow(TypeError);
    }
    expect(() => new construct()).toThrow(TypeError);
    expect(() => (binding.Backup as unknown as Method).call({}, native, 'main', path)).toThrow(TypeError);
    expect(existsSync(path)).toBe(false);

    const { prototype } = binding.Backup;
    const names = Object.getOwnPropertyNames(prototype).filter((name) => name !== 'constructor');
    expect(names.toSorted()).toEqual(['close', 'remainingPages', 'totalPages', 'transfer']);
    const backup = new binding.Backup(native, 'main', path);
    for (const name of names) {
      const property = Object.getOwnPropertyDescriptor(prototype, name) as PropertyDescriptor;
      const method = (property.get ?? property.value) as Method;
      for (const receiver of [...wrong, prototype, Object.create(prototype), Object.create(backup), native]) {
        expect(() => method.call(receiver, 1)).toThrow(TypeError);
      }
    }
    for (const value of wrong.filter((each) => typeof each !== 'number' || each < 0)) {
      expect(() => backup.transfer(value as number)).toThrow(TypeError);
    }
    native.close();
    expect(() => backup.transfer(1)).toThrow(TypeError);
    backup.close();
    backup.close();
    expect([backup.totalPages, backup.remainingPages, existsSync(path)]).toEqual([0, 0, false]);
    expect(() => new binding.Backup(native, 'main', path)).toThrow(TypeError);
  });

  it('throw a TypeError from every function for statements', () => {
    const functions = Object.entries(binding.statements) as [string, (...all: unknown[]) => unknown][];
    expect(functions.length).toBe(15);
    for (const [name, run] of functions) {
      expect(() => run(), name).toThrow(TypeError);
      // 1.5 is cut to 1, which is a statement's number where one has been prepared.
      for (const id of wrong.filter((each) => each !== 1.5)) expect(() => run(id, 1, true), `${name} ${String(id)}`).toThrow(TypeError);
    }
  });

  it('throw a TypeError for a statement that is finalized, closed, in a run, or in none', () => {
    const native: NativeWriterConnection = new binding.Connection(':memory:', options);
    const { statements } = binding;
    const prepare = (sql: string) => {
      const object = native.prepare(sql);
      return { object, id: new Int32Array(binding.resultPage)[layout.statement] as number };
    };
    const one = prepare('SELECT 1');
    expect(() => statements.more(one.id, 1)).toThrow(TypeError);
    statements.open(one.id);
    for (const use of [
      statements.run,
      statements.get,
      statements.pluck,
      statements.all,
      statements.open,
      statements.bind,
      statements.clearBindings,
    ]) {
      expect(() => use(one.id)).toThrow(TypeError);
    }
    for (const rows of [0, -1, 'x', undefined]) expect(() => statements.more(one.id, rows as number)).toThrow(TypeError);
    statements.end(one.id);
    statements.end(one.id);
    statements.finalize(one.id);
    statements.finalize(one.id);
    expect(() => statements.get(one.id)).toThrow(TypeError);
    const two = prepare('SELECT 1');
    statements.open(two.id);
    native.close();
    native.close();
    for (const [name, run] of Object.entries(statements) as [string, (...all: unknown[]) => unknown][]) {
      if (!['end', 'configure', 'finalize'].includes(name)) expect(() => run(two.id, 1), name).toThrow(TypeError);
    }
    statements.end(two.id);
    statements.configure(two.id, true, true, false);
    statements.finalize(two.id);
    expect(() => native.prepare('SELECT 1')).toThrow(TypeError);
    expect(() => native.exec('SELECT 1')).toThrow(TypeError);
    expect(() => native.setDefensive(true)).toThrow(TypeError);
    expect(() => native.serialize('main')).toThrow(TypeError);
    expect([native.isOpen, native.isInTransaction, one.object, two.object]).toEqual([false, false, {}, {}]);
  });

  it('throw a TypeError for a statement that is running, from a function that it has called', () => {
    const native: NativeWriterConnection = new binding.Connection(':memory:', options);
    const { statements } = binding;
    const failures: unknown[] = [];
    const attempt = (run: () => unknown) => {
      try {
        run();
        failures.push('none');
      } catch (error) {
        failures.push((error as Error).constructor);
      }
    };
    let id = 0;
    const definition = { argumentCount: 0, isBigInt: false, isDeterministic: false, isDirectOnly: false };
    native.defineFunction('f', {
      ...definition,
      call: () => {
        attempt(() => native.close());
        attempt(() => statements.more(id, 1));
        attempt(() => statements.end(id));
        attempt(() => statements.finalize(id));
        attempt(() => statements.get(id));
        return 1;
      },
    });
    const object = native.prepare('SELECT f()');
    id = new Int32Array(binding.resultPage)[layout.statement] as number;
    expect(statements.pluck(id)).toBe(1);
    expect(failures).toEqual([TypeError, TypeError, TypeError, TypeError, TypeError]);
    native.close();
    expect(() => native.defineFunction('f', { ...definition, call: () => 1 })).toThrow(TypeError);
    expect(object).toEqual({});
  });

  it('throw for values that cannot be bound, however many there are', () => {
    const native: NativeWriterConnection = new binding.Connection(':memory:', options);
    const object = native.prepare('SELECT ?, ?');
    const id = new Int32Array(binding.resultPage)[layout.statement] as number;
    for (const value of [true, Symbol('x'), {}, [], () => 1, new ArrayBuffer(1)])
      expect(() => binding.statements.get(id, 1, value)).toThrow(TypeError);
    expect(() => binding.statements.get(id, 1, 1n << 64n)).toThrow(RangeError);
    expect(() => binding.statements.get(id, 1, 2, 3)).toThrow(RangeError);
    expect(() => binding.statements.get(id, ...Array.from({ length: 100 }, () => 1))).toThrow(RangeError);
    native.close();
    expect(object).toEqual({});
  });

  it('throw a TypeError where a connection is expected', () => {
    for (const value of wrong) {
      expect(() => binding.hubOf(value as never)).toThrow(TypeError);
      expect(() => binding.openSnapshotRows(value as never, value as never, 't')).toThrow(TypeError);
      expect(() => binding.setSqliteError(typeof value === 'function' ? (1 as never) : (value as never))).toThrow(TypeError);
    }
  });
});

describe('rowtap: the result page', () => {
  it('is laid out on both sides alike', () => {
    expect(layout).toEqual(binding.resultLayout);
  });
});

describe('rowtap: the option nativeBinding', () => {
  it('may name the addon that is used, and no other', () => {
    const addon = process.env.ROWTAP_ADDON as string;
    const db = new Database(':memory:', { nativeBinding: addon });
    expect(db.prepare('SELECT 1').pluck().get()).toBe(1);
    db.close();
    expect(() => new Database(':memory:', { nativeBinding: './no/such/addon.node' })).toThrow();
  });
});
