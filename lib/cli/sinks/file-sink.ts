import { type FileHandle, open } from 'node:fs/promises';
import { type Sink, sinkError } from './sink.js';

/**
 * Appends to a file. A batch is done when the disk has it; one that could be written in part only (the disk is full) is taken out of the file again.
 * Where a power cut or a kill has left half a line at the end, the next batch begins on a line of its own, and holds that line's change again.
 */
export class FileSink implements Sink {
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #isRegular: boolean;

  private constructor(path: string, file: FileHandle, isRegular: boolean) {
    this.#path = path;
    this.#file = file;
    this.#isRegular = isRegular;
  }

  static async open(path: string): Promise<FileSink> {
    try {
      const file = await open(path, 'a');
      const stats = await file.stat();
      if (stats.isFile() && stats.size > 0 && !(await endsWithLine(path, stats.size))) await file.appendFile('\n');
      return new FileSink(path, file, stats.isFile());
    } catch (error) {
      throw failure(path, error);
    }
  }

  async write(lines: readonly Buffer[]): Promise<void> {
    try {
      const sizeBefore = this.#isRegular ? (await this.#file.stat()).size : 0;
      try {
        await this.#file.writev(lines as Buffer[]).then(({ bytesWritten }) => this.#writeRest(lines, bytesWritten));
        // A pipe or a device has no disk to wait for.
        if (this.#isRegular) await this.#file.datasync();
      } catch (error) {
        if (this.#isRegular) await this.#file.truncate(sizeBefore);
        throw error;
      }
    } catch (error) {
      throw failure(this.#path, error);
    }
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  /** The system may take less at once than it was given. */
  async #writeRest(lines: readonly Buffer[], bytesWritten: number): Promise<void> {
    let skipped = bytesWritten;
    for (const piece of lines) {
      const from = Math.min(skipped, piece.length);
      skipped -= from;
      if (from < piece.length) await this.#file.appendFile(piece.subarray(from));
    }
  }
}

async function endsWithLine(path: string, size: number): Promise<boolean> {
  const file = await open(path, 'r');
  try {
    const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1);
    return buffer[0] === 0x0a;
  } finally {
    await file.close();
  }
}

function failure(path: string, error: unknown): Error {
  const { code, message } = error as NodeJS.ErrnoException;
  return sinkError(`${path}: ${reasons[code ?? ''] ?? message}`, { cause: error });
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such folder. Make it first.',
  EISDIR: 'it is a folder. Name a file.',
  ENOTDIR: 'a part of the path is no folder.',
  EACCES: 'it can not be written. Check its permissions.',
  EPERM: 'it can not be written. Check its permissions.',
  EROFS: 'it can not be written: the file system is read-only.',
  ENOSPC: 'the disk is full. Make room; with --consumer the next run goes on here.',
};
