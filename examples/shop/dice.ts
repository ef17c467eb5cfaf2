/** Repeatable chance, so that the shop does the same in every run (a linear congruential generator; Knuth's constants). */
export class Dice {
  #state = 20_260_101n;

  /** A whole number from 1 to `most`. */
  upTo(most: number): number {
    this.#state = BigInt.asUintN(64, this.#state * 6_364_136_223_846_793_005n + 1_442_695_040_888_963_407n);
    return Number((this.#state >> 33n) % BigInt(most)) + 1;
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.upTo(choices.length) - 1] as T;
  }
}
