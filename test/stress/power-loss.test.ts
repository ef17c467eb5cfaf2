import { expect, test } from 'vitest';
import {
  type Aftermath,
  isLoss,
  judge,
  PowerLossTransactions,
  type Setting,
  settings,
  transactionsOf,
} from '../support/power-loss-transactions.js';
import { printedSeed } from '../support/seeded-random.js';

// What SQLite promises for a power cut, at every point of some transactions (at forty of them, where it is not at full size): that the disk of
// the tests is one on which it can keep that, and that it loses what a disk may lose.

const seed = printedSeed();
const isFull = process.env.ROWTAP_SOAK !== undefined;
const transactions = new PowerLossTransactions(transactionsOf(seed, isFull ? 24 : 14));
/** Of each setting, where not all are tried: how many operations its transactions take differs fourfold by the seed. */
const fewestPoints = 40;
/** Of each point: with all lost, and so many times with some. */
const draws = isFull ? 4 : 1;

async function cutEverywhere(setting: Setting): Promise<Aftermath[]> {
  const aftermaths: Aftermath[] = [];
  const cut = async (after: number, draw: number): Promise<boolean> => {
    const moment = (after + draw) % 3 === 0 ? 'amid' : 'before';
    const sectorBytes = (after + draw) % 2 === 0 ? 512 : 4096;
    const mode = draw === 0 ? 'all' : 'some';
    const point = { cutAt: { after, moment }, sectorBytes, mode, seed: seed + after * draws + draw } as const;
    const aftermath = await transactions.runUntil(point, setting);
    judge(aftermath, setting, JSON.stringify({ ...point, ...setting, transactions: seed, ...aftermath }));
    aftermaths.push(aftermath);
    return aftermath.operations !== undefined;
  };
  const { operations = 0 } = await transactions.runUntil({ cutAt: Number.POSITIVE_INFINITY, mode: 'all', seed }, setting);
  const step = isFull ? 1 : Math.floor(operations / fewestPoints);
  for (let after = seed % step, isOver = false; !isOver; after += step) {
    const ends = await Promise.all(Array.from({ length: draws + 1 }, (_, draw) => cut(after, draw)));
    isOver = ends.includes(true);
  }
  return aftermaths;
}

test.each(settings)(
  'power cuts with $journal, $synchronous: $keeps of the acknowledged transactions is kept',
  { timeout: 3_600_000 },
  async (setting) => {
    const aftermaths = await cutEverywhere(setting);
    expect(aftermaths.length).toBeGreaterThan(60);
    // A promise that is not made is not kept by chance.
    expect(aftermaths.some(isLoss)).toBe(setting.keeps !== 'all');
    console.log(
      `${setting.journal}, ${setting.synchronous}: ${aftermaths.length} cuts, ${aftermaths.filter(isLoss).length} lost what was acknowledged, ` +
        `${aftermaths.filter(({ recovered }) => recovered === 'damaged').length} of them damaged`,
    );
  },
);
