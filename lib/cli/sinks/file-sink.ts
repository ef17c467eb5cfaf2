import { type FileHandle, open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CommandError, usageError } from '../command-error.js';
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

  /** Throws a CommandError where it can't be written, and where it is a database. */
  static async open(path: string): Promise<FileSink> {
    try {
      if (await isDatabase(path))
        throw usageError(`--output: ${path} is an SQLite database, which lines would destroy. Name another file.`);
      const file = await open(path, 'a');
      const stats = await file.stat();
      if (stats.isFile() && stats.size === 0) await syncFolder(path);
      if (stats.isFile() && stats.size > 0 && !(await endsWithLine(path, stats.size))) await file.appendFile('\n');
      return new FileSink(path, file, stats.isFile());
    } catch (error) {
      throw error instanceof CommandError ? error : failure(path, error);
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

/** https://www.sqlite.org/fileformat.html#magic_header_string */
const databaseHeader = 'SQLite format 3\0';

async function isDatabase(path: string): Promise<boolean> {
  const isFile = await stat(path).then(
    (stats) => stats.isFile(),
    () => false,
  );
  return isFile && (await bytesAt(path, 0, databaseHeader.length)).toString('latin1') === databaseHeader;
}

async function endsWithLine(path: string, size: number): Promise<boolean> {
  return (await bytesAt(path, size - 1, 1))[0] === 0x0a;
}

async function bytesAt(path: string, position: number, count: number): Promise<Buffer> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(count), 0, count, position);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/** A new file outlives a power cut when its folder has been written. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(dirname(path), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
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
