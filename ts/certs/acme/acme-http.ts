// One HTTPS exchange with an ACME server: nothing is followed, everything is bounded.

import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Agent, RequestOptions } from 'node:https';
import { messageOf } from '../../base/errors.js';
import * as plugins from '../../plugins.js';
import { AcmeProblem } from './acme-problem.js';

export interface IAcmeRequest {
  readonly method: 'GET' | 'HEAD' | 'POST';
  readonly url: string;
  /** A JWS; null: none. */
  readonly body: string | null;
  readonly accept: string;
  /** True if asking twice does no harm. */
  readonly isSafe: boolean;
}

export interface IAcmeAnswer {
  /** What was asked. */
  readonly url: string;
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** An order of a hundred names is 30 kB. */
const maxAnswerBytes = 1024 * 1024;
/** Of one server, at a time; more calls wait for one of them. */
const maxSockets = 8;
/** How long a connection is kept that nothing is asked on. */
const idleMs = 15_000;

export class AcmeHttp {
  readonly #ca: string | Uint8Array | null;
  #agent: Agent | null = null;

  /** @param ca PEM of the authorities that servers are verified by; null: those that Node knows */
  constructor(ca: string | Uint8Array | null) {
    this.#ca = ca;
  }

  /**
   * Rejects with an `AcmeProblem` of type `network` or `malformedAnswer`, or with the signal's reason. An answer of
   * whatever status is an answer.
   */
  async exchange(request: IAcmeRequest, signal: AbortSignal): Promise<IAcmeAnswer> {
    signal.throwIfAborted();
    if (!URL.canParse(request.url) || new URL(request.url).protocol !== 'https:') {
      throw new AcmeProblem({ type: 'malformedAnswer', detail: `not an https address: ${request.url.slice(0, 200)}` });
    }
    try {
      return await this.#send(request, signal);
    } catch (error) {
      if (!(error instanceof StaleSocket)) throw error;
      // The server closed a kept connection as we took it: that says nothing about the server.
      return this.#send(request, signal);
    }
  }

  /** Closes the connections that are kept; calls that are under way go on. */
  close(): void {
    this.#agent?.destroy();
    this.#agent = null;
  }

  #send(request: IAcmeRequest, signal: AbortSignal): Promise<IAcmeAnswer> {
    const { method, url, body, isSafe } = request;
    return new Promise((resolve, reject) => {
      const sent = plugins.requireHttps().request(url, this.#optionsOf(request));
      const onAbort = () => fail(signal.reason);
      const fail = (reason: unknown) => {
        signal.removeEventListener('abort', onAbort);
        sent.destroy();
        reject(reason);
      };
      signal.addEventListener('abort', onAbort);
      sent.on('error', (cause: NodeJS.ErrnoException) => {
        const isStale = isSafe && sent.reusedSocket && cause.code === 'ECONNRESET';
        fail(isStale ? new StaleSocket() : networkProblem(`${method} ${url}: ${messageOf(cause)}`, cause));
      });
      sent.on('response', (answer) => {
        collect(answer).then((bytes) => {
          signal.removeEventListener('abort', onAbort);
          resolve({ url, status: answer.statusCode ?? 0, headers: answer.headers, body: bytes });
        }, fail);
      });
      sent.end(body ?? undefined);
    });
  }

  #optionsOf({ method, body, accept }: IAcmeRequest): RequestOptions {
    this.#agent ??= new (plugins.requireHttps().Agent)({
      keepAlive: true,
      maxSockets,
      // Of those that wait alone: the ones in use are for the call's time limit to end.
      timeout: idleMs,
      ...(this.#ca === null ? {} : { ca: Buffer.from(this.#ca as string) }),
    });
    return {
      method,
      agent: this.#agent,
      headers: {
        // RFC 8555 §6.1.
        'user-agent': '@push.rocks/smartproxy',
        'accept-language': 'en',
        accept,
        ...(body === null
          ? {}
          : { 'content-type': 'application/jose+json', 'content-length': Buffer.byteLength(body) }),
      },
    };
  }
}

class StaleSocket extends Error {}

const networkProblem = (detail: string, cause?: unknown): AcmeProblem =>
  new AcmeProblem({ type: 'network', detail, cause });

function collect(answer: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    answer.on('data', (chunk: Buffer) => {
      length += chunk.length;
      chunks.push(chunk);
      if (length <= maxAnswerBytes) return;
      reject(new AcmeProblem({ type: 'malformedAnswer', detail: `an answer of more than ${maxAnswerBytes} bytes` }));
    });
    answer.on('error', (cause) => reject(networkProblem('the answer was cut off', cause)));
    answer.on('close', () => {
      if (answer.complete) resolve(Buffer.concat(chunks));
      else reject(networkProblem('the answer was cut off'));
    });
  });
}
