import { frameLayout } from './frames.js';

/** Enough for some hundred changes; beyond 128 KiB V8 would keep the text made of it in its large-object space, and everything gets slower. */
export const readBytes = 64 * 1024;

const isLittleEndian = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;
/** Which of the two 32-bit halves of a 64-bit number in the machine's order is the high one. */
export const highWord = isLittleEndian ? 1 : 0;
export const lowWord = isLittleEndian ? 0 : 1;

/**
 * The bytes that frames are read into, with the views that decoding needs. Reused for every read, so what is decoded must not point into it;
 * text may be cut out of `text`, which is a copy.
 */
export class FrameBuffer {
  bytes!: Buffer;
  view!: DataView;
  /** The same bytes as 32-bit numbers in the machine's order; frames begin at multiples of 8. */
  words!: Int32Array;
  /** How many bytes the last `fill` gave. */
  length = 0;
  /** All of the last fill as one string; made when first asked for. */
  #text: string | null = null;
  readonly #usual: Buffer;

  constructor() {
    this.#usual = Buffer.allocUnsafeSlow(readBytes);
    this.#use(this.#usual);
  }

  /** Calls `read` as NativeReader.read is called. Grows for one frame that needs more room, and is its usual size again afterwards. */
  fill(read: (target: Uint8Array) => number): number {
    this.#text = null;
    if (this.bytes !== this.#usual) this.#use(this.#usual);
    let length = read(this.bytes);
    if (length < 0) {
      this.#use(Buffer.allocUnsafeSlow(-length));
      length = read(this.bytes);
    }
    this.length = Math.max(length, 0);
    return this.length;
  }

  /**
   * The string to cut the texts of the frame at `at` from, by their offsets in the buffer; null where they are not all ASCII, or where one
   * string for everything would be too large, and each text must be decoded by itself.
   */
  textOf(at: number): string | null {
    if (((this.bytes[at + frameLayout.offsetFlags] as number) & frameLayout.flagAscii) === 0 || this.bytes !== this.#usual) return null;
    this.#text ??= this.bytes.latin1Slice(0, this.length);
    return this.#text;
  }

  #use(bytes: Buffer): void {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >> 2);
  }
}

declare global {
  // Buffer's own fast paths of toString; in every Node.js, Bun and Deno, but missing from the type declarations.
  interface Buffer {
    latin1Slice(start: number, end: number): string;
    utf8Slice(start: number, end: number): string;
  }
}
