import { usageError } from '../command-error.js';
import { FileSink } from './file-sink.js';
import { HttpSink, type HttpSinkConfig } from './http-sink.js';
import type { Sink } from './sink.js';
import { StdoutSink } from './stdout-sink.js';

/** What `--output` names. */
export type SinkAddress = { kind: 'stdout' } | { kind: 'file'; path: string } | { kind: 'http'; url: URL };

/** Throws a usage error for an address that is none. */
export function parseSinkAddress(output: string | undefined): SinkAddress {
  if (output === undefined || output === '-') return { kind: 'stdout' };
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(output)?.[1]?.toLowerCase();
  if (scheme === undefined) return { kind: 'file', path: output };
  if (scheme !== 'http' && scheme !== 'https')
    throw usageError(`--output takes "-", a file, or an address with http:// or https://, and not "${output}"`);
  if (!URL.canParse(output)) throw usageError(`--output: "${output}" is no address`);
  return { kind: 'http', url: new URL(output) };
}

/** Throws a CommandError where it can't be opened. An address on the network is first used by its first batch. */
export async function openSink(address: SinkAddress, config: Omit<HttpSinkConfig, 'url'> & { beforeWrite: () => void }): Promise<Sink> {
  switch (address.kind) {
    case 'stdout':
      return new StdoutSink(process.stdout, config.beforeWrite);
    case 'file':
      return FileSink.open(address.path);
    case 'http':
      return new HttpSink({ ...config, url: address.url });
  }
}
