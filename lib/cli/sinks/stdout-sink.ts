import { isReaderGone } from '../terminal/print.js';
import { ReaderGone, type Sink, StillWaiting, sinkError } from './sink.js';

/** After the user has stopped the command: who reads the pipe may not read any more, and the process is to end. */
const stopGraceMs = 5000;

/**
 * Standard output. A batch is done when the system has it (the pipe, the file): whoever reads slowly holds up the next one, and nothing is gathered in
 * memory.
 */
export class StdoutSink implements Sink {
  readonly #stream: NodeJS.WriteStream;
  readonly #beforeWrite: () => void;

  constructor(stream: NodeJS.WriteStream, beforeWrite: () => void) {
    this.#stream = stream;
    this.#beforeWrite = beforeWrite;
  }

  async write(lines: readonly Buffer[], signal: AbortSignal): Promise<void> {
    this.#beforeWrite();
    for (const piece of lines) await this.#writePiece(piece, signal);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #writePiece(piece: Buffer, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      let timer: NodeJS.Timeout | undefined;
      const onAbort = (): void => {
        timer = setTimeout(() => settle(new StillWaiting('standard output: who reads it did not go on')), stopGraceMs);
      };
      const settle = (error: Error | undefined): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', onAbort);
        if (error === undefined) resolve();
        else reject(error);
      };
      if (signal.aborted) onAbort();
      else signal.addEventListener('abort', onAbort);
      this.#stream.write(piece, (error) => {
        if (error == null) settle(undefined);
        else if (isReaderGone(error)) settle(new ReaderGone());
        else settle(sinkError(`standard output: ${error.message}`, { cause: error }));
      });
    });
  }
}
