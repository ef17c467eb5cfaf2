import type { SourceInfo } from '../model/source.js';

/** Tells what is wrong with a source while it goes on, once for each thing. */
export class TroubleWatch {
  readonly #info: () => SourceInfo;
  readonly #tell: (message: string) => void;
  #told: string | undefined;

  constructor(info: () => SourceInfo, tell: (message: string) => void) {
    this.#info = info;
    this.#tell = tell;
  }

  look(): void {
    const { state, error } = this.#info();
    const trouble = state === 'degraded' ? error : undefined;
    if (trouble !== undefined && trouble.code !== this.#told) this.#tell(`${trouble.message} (${trouble.code})`);
    this.#told = trouble?.code;
  }
}
