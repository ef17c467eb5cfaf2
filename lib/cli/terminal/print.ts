/** Resolves when the stream has passed it on, so that nothing is lost when the process ends. A reader that has gone misses nothing. */
export function print(stream: NodeJS.WriteStream, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(text, (error) => {
      if (error == null || isReaderGone(error)) resolve();
      else reject(error);
    });
  });
}

/** Who has read the pipe wants no more, as in `| head`. */
export function isReaderGone(error: Error): boolean {
  return ['EPIPE', 'ERR_STREAM_DESTROYED', 'ECONNRESET'].includes((error as NodeJS.ErrnoException).code ?? '');
}
