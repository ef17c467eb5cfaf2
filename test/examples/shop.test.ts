import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { asTerminal, type Finished, Programs } from './programs.js';

const programs = new Programs();
afterAll(() => programs.remove());

const timeoutMs = 300_000;

/** The rows of the table that the proof prints. */
function verifiedTables(stdout: string): Record<string, number[]> {
  const [, proof = ''] = stdout.split('compared with the database row by row\n');
  const rows = proof.matchAll(/^(\w+) +([\d,]+) +([\d,]+) +([\d,]+) +([\d,]+)$/gm);
  return Object.fromEntries(Array.from(rows, ([, table, ...counts]) => [table, counts.map((count) => Number(count.replaceAll(',', '')))]));
}

describe('the demo', () => {
  let finished: Finished;
  beforeAll(() => {
    finished = programs.run('shop');
  }, timeoutMs);

  test('proves that a replica fed by the stream is equal, and prints what it delivered', () => {
    const { status, stdout, stderr } = finished;
    expect(stderr).toBe('');
    expect(status).toBe(0);
    const tables = verifiedTables(stdout);
    expect(Object.keys(tables)).toEqual(['audit', 'customers', 'order_lines', 'orders', 'price_list', 'products', 'reviews']);
    for (const [rows, ...differences] of Object.values(tables)) {
      expect(rows).toBeGreaterThan(0);
      expect(differences).toEqual([0, 0, 0]);
    }
    expect(stdout).toContain('equal: every row, in every table');
    expect(stdout).toMatch(/^snapshot: [\d,]{6,} rows of 6 tables in [\d.]+ s$/m);
    expect(stdout).toMatch(/^bulk load, .*: [\d,]+ changes\/s \(160,000 in [\d.]+ s\)$/m);
    // What is no terminal gets plain lines.
    expect(stdout).not.toContain('\x1b');
    expect(readdirSync(programs.temporary)).toEqual([]);
  });

  test('shows each kind of change once, and nothing of what was taken back', () => {
    const [told = ''] = finished.stdout.split('\ndone ');
    const deeds = told.split('\nshop: ').slice(1);
    const linesOf = (words: string): string[] =>
      deeds
        .find((deed) => deed.includes(words))
        ?.trim()
        .split('\n')
        .slice(1) ?? [];
    expect(linesOf('an order is placed').join('\n')).toMatch(/\+ orders[\s\S]*\+ order_lines[\s\S]*↳ ~ products[\s\S]*↳ \+ audit/);
    expect(linesOf('the whole transaction is rolled back')).toEqual([]);
    expect(linesOf('ROLLBACK TO a savepoint').join('\n')).not.toContain('gift wrapping');
    expect(linesOf('one statement fails').join('\n')).not.toMatch(/product_id=13\b/);
    expect(linesOf('INSERT OR FAIL')).toHaveLength(2);
    expect(linesOf('INSERT OR REPLACE').map((line) => line.trim().replace(/^…\d+ +/, '')[0])).toEqual(['-', '+']);
    expect(linesOf('ON DELETE SET NULL').join('\n')).toMatch(/- customers[\s\S]*↳ ~ orders .* customer_id \d+ → NULL/);
    expect(linesOf('a table is created').join('\n')).toContain('create: id, product_id, stars, words');
  });

  test('fails when the replica is not equal; on a terminal it draws in place, in colour, and shows the cursor again', {
    timeout: timeoutMs,
  }, () => {
    const preload = `${asTerminal}
      import { Replica } from 'rowtap';
      const verify = Replica.prototype.verify;
      Replica.prototype.verify = function (original) {
        original.exec("UPDATE products SET name = 'other' WHERE id = 7; DELETE FROM audit WHERE rowid IN (SELECT max(rowid) FROM audit)");
        return verify.call(this, original);
      };`;
    const { status, stdout } = programs.run('shop', [], { preload });
    expect(status).toBe(1);
    expect(stdout).toMatch(/\p{Cc}\[\d+A/u);
    expect(stdout).toContain('\x1b[32m');
    expect(stdout.lastIndexOf('\x1b[?25h')).toBeGreaterThan(stdout.lastIndexOf('\x1b[?25l'));
    const shown = stdout.replace(/\p{Cc}\[\??\d*[A-Za-z]/gu, '');
    expect(shown).toContain('NOT EQUAL');
    expect(verifiedTables(shown)['products']).toEqual([400, 0, 0, 1]);
    expect(verifiedTables(shown)['audit']?.slice(1)).toEqual([0, 1, 0]);
  });

  test('leaves nothing behind when it is interrupted', { timeout: timeoutMs }, async () => {
    const child = spawn(process.execPath, [programs.pathOf('shop')], { env: programs.environment, stdio: ['ignore', 'pipe', 'inherit'] });
    const exited = once(child, 'exit');
    await once(child.stdout, 'data');
    child.kill('SIGINT');
    child.stdout.resume();
    expect(await exited).toEqual([130, null]);
    expect(readdirSync(programs.temporary)).toEqual([]);
  });
});
