import { Agent as HttpAgent, type IncomingMessage, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { pause } from '../../delivery/pause.js';
import { type RetryPolicy, retryDelayMs } from '../../delivery/retry-policy.js';
import { type Sink, StillWaiting, sinkError } from './sink.js';

export interface HttpSinkConfig {
  url: URL;
  /** After the first attempt at a batch. */
  retries: number;
  /** For one request, from its connection to the end of its answer. */
  timeoutMs: number;
  onRetry: (reason: string, delayMs: number) => void;
  delays?: Pick<RetryPolicy, 'minDelayMs' | 'maxDelayMs'>;
}

/** Why a batch was not taken. */
interface Refusal {
  reason: string;
  isFinal: boolean;
  /** What the server asks for. */
  retryAfterMs?: number;
}

const defaultDelays = { minDelayMs: 200, maxDelayMs: 30_000 };
/** Answers that a later attempt can change (https://www.rfc-editor.org/rfc/rfc9110#section-15.5); of 5xx all are taken for that. */
const passingStatuses = [408, 425, 429];
const longestRetryAfterMs = 120_000;
const shownAnswerBytes = 300;

/**
 * Posts each batch as JSON lines to an address, one request for one batch. It is done when the server answers 2xx. Where it can't be reached, or
 * answers 5xx, 408, 425 or 429, the same batch is sent again, with growing delays; any other answer is final. A server may thus get a batch twice: one
 * whose answer was lost.
 */
export class HttpSink implements Sink {
  readonly #config: HttpSinkConfig;
  readonly #agent: HttpAgent | HttpsAgent;
  readonly #shownUrl: string;
  readonly #headers: Record<string, string>;

  constructor(config: HttpSinkConfig) {
    this.#config = config;
    const { url } = config;
    this.#agent = url.protocol === 'https:' ? new HttpsAgent({ keepAlive: true }) : new HttpAgent({ keepAlive: true });
    const shown = new URL(url);
    // Passwords stay out of messages.
    [shown.username, shown.password, shown.search] = ['', '', ''];
    this.#shownUrl = shown.href;
    this.#headers = { 'content-type': 'application/x-ndjson', 'user-agent': 'rowtap' };
  }

  async write(lines: readonly Buffer[], signal: AbortSignal): Promise<void> {
    const { retries, onRetry, delays = defaultDelays } = this.#config;
    for (let failures = 1; ; failures++) {
      const refusal = await this.#post(lines);
      if (refusal === undefined) return;
      const { reason, isFinal, retryAfterMs = 0 } = refusal;
      if (isFinal || (failures > retries && !signal.aborted))
        throw sinkError(`${this.#shownUrl}: ${reason}${afterwards(isFinal, failures)}`);
      if (signal.aborted) throw new StillWaiting(`${this.#shownUrl}: ${reason}`);
      const policy = { attempts: Number.POSITIVE_INFINITY, ...delays };
      const delayMs = Math.max(retryDelayMs(policy, failures, Math.random()), Math.min(retryAfterMs, longestRetryAfterMs));
      onRetry(`${this.#shownUrl}: ${reason}`, delayMs);
      await pause(delayMs, signal);
      if (signal.aborted) throw new StillWaiting(`${this.#shownUrl}: ${reason}`);
    }
  }

  close(): Promise<void> {
    this.#agent.destroy();
    return Promise.resolve();
  }

  /** Undefined where the batch was taken. */
  #post(lines: readonly Buffer[]): Promise<Refusal | undefined> {
    const { url, timeoutMs } = this.#config;
    return new Promise((resolve) => {
      const failed = (error: unknown): void => resolve({ reason: failureReason(error, timeoutMs), isFinal: false });
      const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
      const length = lines.reduce((sum, piece) => sum + piece.length, 0);
      const request = send(url, {
        method: 'POST',
        agent: this.#agent,
        headers: { ...this.#headers, 'content-length': length },
        signal: AbortSignal.timeout(timeoutMs),
      });
      request.on('error', failed);
      request.on('response', (response) => {
        readAnswer(response).then((text) => resolve(refusalOf(response, text)), failed);
      });
      for (const piece of lines) request.write(piece);
      request.end();
    });
  }
}

/** Its beginning, when all of it is there: only then can the connection be used again. */
async function readAnswer(response: IncomingMessage): Promise<string> {
  let text = '';
  response.setEncoding('utf8');
  for await (const piece of response) if (text.length < shownAnswerBytes) text += String(piece);
  return text.slice(0, shownAnswerBytes);
}

function refusalOf({ statusCode = 0, statusMessage = '', headers }: IncomingMessage, text: string): Refusal | undefined {
  if (statusCode >= 200 && statusCode < 300) return undefined;
  const said = text.trim().replace(/\p{Cc}+/gu, ' ');
  const reason = `it answers ${statusCode} ${statusMessage}${said === '' ? '' : ` (${said})`}`;
  if (statusCode >= 300 && statusCode < 400) {
    return { reason: `${reason}, and redirects are not followed: give the address itself`, isFinal: true };
  }
  const seconds = Number(headers['retry-after']);
  const retryAfterMs = Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : 0;
  return { reason, isFinal: statusCode < 500 && !passingStatuses.includes(statusCode), retryAfterMs };
}

function failureReason(error: unknown, timeoutMs: number): string {
  const { code, name, message } = error as NodeJS.ErrnoException;
  if (name === 'AbortError' || code === 'ABORT_ERR') return `no answer within ${timeoutMs / 1000} s`;
  if (code === 'ECONNREFUSED') return 'the connection was refused: nobody listens there';
  if (code === 'ECONNRESET') return 'the connection was closed before an answer came';
  if (code === 'ENOTFOUND') return 'there is no host of that name';
  // Of several addresses tried each has an error, and the whole has no message.
  return message === '' ? (code ?? 'it can not be reached') : message;
}

function afterwards(isFinal: boolean, attempts: number): string {
  return isFinal || attempts === 1 ? '' : `; given up after ${attempts} attempts`;
}
