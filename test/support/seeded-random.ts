/** Numbers from 0 up to `below`, without it. */
export type Random = (below: number) => number;

/** A seed from the environment variable ROWTAP_SEED, or another one at each run; printed, so that a failure can be repeated. */
export function printedSeed(): number {
  const seed = Number(process.env.ROWTAP_SEED ?? Math.floor(Math.random() * 2 ** 32));
  console.log(`ROWTAP_SEED=${seed}`);
  return seed;
}

/** The generator is Mulberry32. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}
